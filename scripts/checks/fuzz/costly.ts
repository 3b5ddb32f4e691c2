// Pickles that could take more than linear time to decode: many references to one large value, keys with equal low bits.

/** A large value, and how the pickle refers to it. */
export interface Shared {
  /** The opcode of a long int, text or bytes, the byte it is filled with and its length in bytes. */
  value: readonly [opcode: number, byte: number, length: number];
  /** Containers to store the value in: the first contains the value, each other one the container before it. */
  wraps: readonly (keyof typeof WRAPS)[];
  /** Repeated uses of the last container, or of the value. */
  uses: readonly (keyof typeof USES)[];
}

/** Containers of a reference; each is stored in the memo. */
export const WRAPS = {
  tuple: (get: number[]) => [...get, 0x85, 0x94],
  pair: (get: number[]) => [...get, ...get, 0x86, 0x94],
  list: (get: number[]) => [0x5d, 0x94, 0x28, ...get, ...get, 0x65],
};

/** Uses of a reference. */
export const USES = {
  item: (get: number[]) => get,
  key: (get: number[]) => [0x7d, ...get, 0x4e, 0x73],
  keyTwice: (get: number[]) => [0x7d, 0x28, ...get, 0x4e, ...get, 0x4e, 0x75],
  keyInTuple: (get: number[]) => [0x7d, ...get, 0x85, 0x4e, 0x73],
  value: (get: number[]) => [0x7d, 0x4e, ...get, 0x73],
};

/** Length in bytes of a pickle's references: enough to make more than linear time noticeable. */
const REFERENCES = 50_000;
/** Number of keys of a dict. */
const KEYS = 50_000;

/** Returns a pickle of a list: the value, its containers and their uses. */
export function pickleOfShared({ value: [opcode, byte, length], wraps, uses }: Shared): Uint8Array {
  const value = [opcode, ...littleEndian(BigInt(length), 4), ...new Array<number>(length).fill(byte), 0x94];
  const wrapped = wraps.flatMap((wrap, index) => WRAPS[wrap]([0x68, index]));
  const used = uses.flatMap((use) => USES[use]([0x68, wraps.length]));
  const all = new Array<number[]>(Math.ceil(REFERENCES / used.length)).fill(used);
  return Uint8Array.from([[0x80, 4, 0x5d, 0x28], value, wrapped, all, [0x65, 0x2e]].flat(2));
}

/** Encodes a number as a key. */
export const KINDS = {
  int: (number: bigint) => [0x8a, 20, ...littleEndian(number, 20)],
  float: (number: bigint) => [0x47, ...new Uint8Array(new Float64Array([Number(number)]).buffer).reverse()],
  text: (number: bigint) => [0x8c, String(number).length, ...new TextEncoder().encode(String(number))],
  tuple: (number: bigint) => [0x8a, 20, ...littleEndian(number, 20), 0x85],
};

/** Returns a pickle of a dict whose keys are the multiples of a power of two. */
export function pickleOfKeys(kind: keyof typeof KINDS, shift: number): Uint8Array {
  const keys = Array.from({ length: KEYS }, (_, key) => [...KINDS[kind](BigInt(key) << BigInt(shift)), 0x4e]);
  return Uint8Array.from([[0x80, 4, 0x7d, 0x28], keys, [0x75, 0x2e]].flat(2));
}

function littleEndian(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
}
