/** Arrays of this many bytes and more do not lie in a slab. */
export const SMALL = 512;
/** Size of a slab in bytes: the most that a small array keeps alive. */
const SLAB_SIZE = 4096;

/**
 * Memory that small arrays share: a view of it costs 20 ns, an array with memory of its own 240 and more. The bytes before
 * `used` belong to arrays; the next one starts there.
 */
export const slab = {
  bytes: new Uint8Array() as Uint8Array<ArrayBuffer>,
  used: 0,

  /** Makes room for `length` bytes, at most the size of a slab. */
  reserve(length: number): void {
    if (length <= this.bytes.length - this.used) return;
    this.bytes = new Uint8Array(SLAB_SIZE);
    this.used = 0;
  },

  /** Returns the next `length` bytes, which must be reserved, as an array. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.used;
    this.used += length;
    return new Uint8Array(this.bytes.buffer, start, length);
  },

  /** Copies the bytes from `start` to `end` into the next ones, which must be reserved. */
  copy(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
    const taken = this.take(end - start);
    taken.set(bytes.subarray(start, end));
    return taken;
  },
};

/** Creates an array of zeros. A small one shares its memory. */
export function allocate(length: number): Uint8Array<ArrayBuffer> {
  if (length >= SMALL) return new Uint8Array(length);
  slab.reserve(length);
  return slab.take(length);
}

/** Copies the bytes from `start` to `end`. Unlike `slice`, it also copies those of a Node `Buffer`. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes.subarray(start, end));
}
