import { concat } from "@std/bytes/concat";

/** The bytes that were received and not yet passed on. */
export class ByteQueue {
  #chunks: { at: number; bytes: Uint8Array }[] = [];

  push(at: number, bytes: Uint8Array): void {
    this.#chunks.push({ at, bytes });
  }

  /** The bytes from `at` on, fewer than `length` if the recording misses some of them. Those before are forgotten. */
  take(at: number, length: number): Uint8Array {
    const used = this.#chunks.findIndex((chunk) => chunk.at + chunk.bytes.length > at);
    this.#chunks.splice(0, used === -1 ? this.#chunks.length : used);
    const parts: Uint8Array[] = [];
    let end = at;
    for (const { at: start, bytes } of this.#chunks) {
      if (end === at + length || start > end) break;
      const part = bytes.subarray(end - start, at + length - start);
      parts.push(part);
      end += part.length;
    }
    return concat(parts);
  }
}
