import { lastIndex } from "./_search.ts";

/** The bytes of one direction that are known, in order; some between them may be missing. */
export class KnownBytes {
  #data = new Uint8Array(256);
  #stored = 0;
  /** Where contiguous bytes begin: in the stream, and in `#data`. */
  readonly #segments: { at: number; offset: number }[] = [];
  /** Offset after the last known byte. */
  end = 0;

  /** The memory that they take, in bytes. */
  get size(): number {
    return this.#data.length;
  }

  /** Whether nothing has been added. */
  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  /** Offset of the first known byte. */
  get start(): number {
    return this.#segments[0]?.at ?? 0;
  }

  /** Adds bytes at an offset that is not before the end of those known. */
  add(at: number, bytes: Uint8Array): void {
    if (at > this.end || this.isEmpty) this.#segments.push({ at, offset: this.#stored });
    const needed = this.#stored + bytes.length;
    if (needed > this.#data.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#data.length));
      larger.set(this.#data.subarray(0, this.#stored));
      this.#data = larger;
    }
    this.#data.set(bytes, this.#stored);
    this.#stored = needed;
    this.end = at + bytes.length;
  }

  /** The bytes from `start` on, as far as `end` or the first missing byte; not a copy. */
  slice(start: number, end: number): Uint8Array {
    const index = lastIndex(this.#segments, ({ at }) => at <= start);
    const segment = this.#segments[index];
    if (segment === undefined) return this.#data.subarray(0, 0);
    const last = this.#segments[index + 1]?.offset ?? this.#stored;
    const from = Math.min(last, segment.offset + start - segment.at);
    return this.#data.subarray(from, Math.min(last, from + end - start));
  }

  /** The first offset from `offset` on whose byte is known; `Infinity` if there is none. */
  knownFrom(offset: number): number {
    if (this.slice(offset, offset + 1).length > 0) return offset;
    return this.#segments.find(({ at }) => at > offset)?.at ?? Infinity;
  }

  /** Forgets the bytes before an offset. */
  forget(before: number): void {
    const index = Math.max(0, lastIndex(this.#segments, ({ at }) => at <= before));
    const segment = this.#segments[index];
    if (segment === undefined) return;
    const { at, offset } = segment;
    const end = this.#segments[index + 1]?.offset ?? this.#stored;
    const dropped = Math.min(end, offset + Math.max(0, before - at));
    this.#data = this.#data.slice(dropped, this.#stored);
    this.#stored -= dropped;
    const rest = dropped < end ? [{ at: at + dropped - offset, offset: dropped }] : [];
    this.#segments.splice(0, index + 1, ...rest);
    for (const segment of this.#segments) segment.offset -= dropped;
  }
}
