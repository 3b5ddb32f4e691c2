/** What may be taken before any byte has come: a page. */
const FIRST_CAPACITY = 4096;

/** Collects a message that comes in pieces; its memory follows the bytes that came, not the length announced. */
export class GrowingBuffer {
  #bytes = new Uint8Array();
  length = 0;

  /**
   * @param piece Copied to the end.
   * @param most How long the whole can become at the most; capacity never exceeds it.
   */
  append(piece: Uint8Array, most: number): void {
    const length = this.length + piece.length;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, Math.min(most, Math.max(FIRST_CAPACITY, 2 * length))));
      grown.set(this.#bytes.subarray(0, this.length));
      this.#bytes = grown;
    }
    this.#bytes.set(piece, this.length);
    this.length = length;
  }

  /** Hands the first `length` bytes over for good and starts anew. */
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

/** A copy of part of a chunk; `slice` of a Node `Buffer` would share its memory. */
export function copy(chunk: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(chunk.subarray(start, end));
}
