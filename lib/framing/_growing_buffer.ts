/** First allocation in bytes: more than most of the messages that chunks cut in two. */
const FIRST_CAPACITY = 64;
/** Below this many bytes a loop is faster than `set`, which needs a view. */
const FEW = 24;

/** Collects a message that arrives in several chunks. Its memory grows with the bytes received, not the length announced. */
export class GrowingBuffer {
  /** The bytes; those from `length` on are unused. */
  bytes = new Uint8Array();
  length = 0;

  /**
   * Appends a copy of a chunk's bytes from `start` to `end`.
   *
   * @param most Maximum length of the message in bytes; the buffer does not grow beyond it.
   */
  append(chunk: Uint8Array, start: number, end: number, most: number): void {
    const length = this.length + end - start;
    if (length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(length, FIRST_CAPACITY, Math.min(most, 2 * length)));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    if (end - start < FEW) {
      for (let at = this.length; at < length;) this.bytes[at++] = chunk[start++]!;
    } else {
      this.bytes.set(chunk.subarray(start, end), this.length);
    }
    this.length = length;
  }

  /** The bytes collected so far: valid until the next call of a method. */
  get view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }

  /** Empties the buffer. Keeps its memory for the next message, unless that belongs to a message now or is large. */
  clear(owned: boolean): void {
    if (owned) this.bytes = new Uint8Array();
    this.length = 0;
  }
}
