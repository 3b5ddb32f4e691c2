/** Size in bytes of the memory that short messages are collected in, and that decoders pass on to each other. */
export const SCRATCH = 4096;
/** Below this many bytes a loop is faster than `set`, which needs a view. */
const FEW = 24;

const NOTHING = new Uint8Array();
/** Scratch memory that no decoder uses, so that an idle one has none. */
let spare: Uint8Array<ArrayBuffer> | undefined;

/** Collects a message that arrives in several chunks. Its memory grows with the bytes received, not the length announced. */
export class GrowingBuffer {
  /** The bytes. Those from `length` on have no meaning. */
  bytes: Uint8Array<ArrayBuffer> = NOTHING;
  length = 0;

  /**
   * Appends a copy of a chunk's bytes from `start` to `end`.
   *
   * @param most Maximum length of the message in bytes; memory beyond the scratch does not grow further.
   */
  append(chunk: Uint8Array, start: number, end: number, most: number): void {
    const length = this.length + end - start;
    if (length > this.bytes.length) this.#grow(length, most);
    const { bytes } = this;
    if (end - start < FEW) {
      for (let at = this.length; at < length;) bytes[at++] = chunk[start++]!;
    } else {
      bytes.set(chunk.subarray(start, end), this.length);
    }
    this.length = length;
  }

  /** The bytes collected so far, valid until the next call of a method. */
  get view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }

  /** Whether the bytes belong to this message alone, so that it may keep them. */
  get owned(): boolean {
    return this.bytes.length > SCRATCH;
  }

  /** Empties the buffer. */
  clear(): void {
    if (!this.owned && this.bytes !== NOTHING) spare = this.bytes;
    this.bytes = NOTHING;
    this.length = 0;
  }

  #grow(length: number, most: number): void {
    const { bytes, owned } = this;
    if (length <= SCRATCH) {
      this.bytes = spare ?? new Uint8Array(SCRATCH);
      spare = undefined;
      return;
    }
    this.bytes = new Uint8Array(Math.max(length, Math.min(most, 2 * length)));
    this.bytes.set(bytes.subarray(0, this.length));
    if (!owned && bytes !== NOTHING) spare = bytes;
  }
}
