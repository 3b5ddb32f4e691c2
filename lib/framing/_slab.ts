/**
 * Memory that arrays share. A view of it costs 20 ns, an array with memory of its own 240 to 600. A kept array keeps the
 * whole slab alive.
 */
export class Slab {
  /** The memory. Bytes before `used` belong to arrays; the next one starts there. */
  bytes = new Uint8Array();
  used = 0;
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  /** Makes room for `length` bytes, at most the size of the slab. */
  reserve(length: number): void {
    if (length <= this.bytes.length - this.used) return;
    this.bytes = new Uint8Array(this.#size);
    this.used = 0;
  }

  /** Returns the next `length` bytes, which must be reserved, as an array. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.used;
    this.used += length;
    return new Uint8Array(this.bytes.buffer, start, length);
  }
}

/** Arrays of fewer bytes than this lie in the small slab. */
const SMALL = 512;
/** Arrays of fewer bytes than this lie in the large slab, others have memory of their own. */
const MEDIUM = 4096;

const small = new Slab(4096);
const large = new Slab(32 * 1024);

/** Returns the slab for arrays of a length, or `undefined` if they are too long. */
export function slabFor(length: number): Slab | undefined {
  return length < SMALL ? small : length < MEDIUM ? large : undefined;
}

/** Creates an array of zeros, in a slab unless it is long. */
export function allocate(length: number): Uint8Array<ArrayBuffer> {
  const slab = slabFor(length);
  if (slab === undefined) return new Uint8Array(length);
  slab.reserve(length);
  return slab.take(length);
}

/** Copies the bytes from `start` to `end`, into a slab unless they are many. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
  const copy = allocate(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
