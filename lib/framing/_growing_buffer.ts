/** First allocation in bytes: one page. */
const FIRST_CAPACITY = 4096;

/** Collects a message that arrives in several chunks. Its memory grows with the bytes received, not the length announced. */
export class GrowingBuffer {
  #bytes = new Uint8Array();
  length = 0;

  /**
   * Appends a copy of the bytes.
   *
   * @param bytes The next bytes of the message.
   * @param most Maximum length of the message in bytes; the buffer is never larger.
   */
  append(bytes: Uint8Array, most: number): void {
    const length = this.length + bytes.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, Math.min(most, Math.max(FIRST_CAPACITY, 2 * length))));
      grown.set(this.#bytes.subarray(0, this.length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.length);
    this.length = length;
  }

  /** Returns the first `length` bytes without copying them, and empties the buffer. */
  take(length: number = this.length): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = new Uint8Array();
    this.length = 0;
    return taken;
  }

  /** The last byte, or `undefined` when there is none. */
  get last(): number | undefined {
    return this.#bytes[this.length - 1];
  }
}

/** Copies bytes of a chunk. Unlike `chunk.slice`, it also copies those of a Node `Buffer`. */
export function copy(chunk: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(chunk.subarray(start, end));
}
