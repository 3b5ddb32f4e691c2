// Pickles in which a few bytes could cost as much as many: references to something large, keys alike in their low bits.

/** What is referred to, and how. */
export interface Shared {
  /** The opcode of a long int, text or bytes, what its bytes are and how many. */
  thing: readonly [opcode: number, byte: number, length: number];
  /** What is made of it, one of the other. */
  wraps: readonly (keyof typeof WRAPS)[];
  /** What is made of the last of them, again and again. */
  uses: readonly (keyof typeof USES)[];
}

/** Each takes a reference and is stored itself. */
export const WRAPS = {
  tuple: (get: number[]) => [...get, 0x85, 0x94],
  pair: (get: number[]) => [...get, ...get, 0x86, 0x94],
  list: (get: number[]) => [0x5d, 0x94, 0x28, ...get, ...get, 0x65],
};

/** Each takes a reference. */
export const USES = {
  item: (get: number[]) => get,
  key: (get: number[]) => [0x7d, ...get, 0x4e, 0x73],
  keyTwice: (get: number[]) => [0x7d, 0x28, ...get, 0x4e, ...get, 0x4e, 0x75],
  keyInTuple: (get: number[]) => [0x7d, ...get, 0x85, 0x4e, 0x73],
  value: (get: number[]) => [0x7d, 0x4e, ...get, 0x73],
};

/** How long a pickle of references is, in bytes: enough to tell what costs more than its bytes. */
const REFERENCES = 50_000;
/** How many keys there are. */
const KEYS = 50_000;

/** A list of something, what is made of it, and what is made of that until there are so many bytes. */
export function sharing({ thing: [opcode, byte, length], wraps, uses }: Shared): Uint8Array {
  const thing = [opcode, ...littleEndian(BigInt(length), 4), ...new Array<number>(length).fill(byte), 0x94];
  const wrapped = wraps.flatMap((wrap, index) => WRAPS[wrap]([0x68, index]));
  const used = uses.flatMap((use) => USES[use]([0x68, wraps.length]));
  const all = new Array<number[]>(Math.ceil(REFERENCES / used.length)).fill(used);
  return Uint8Array.from([[0x80, 4, 0x5d, 0x28], thing, wrapped, all, [0x65, 0x2e]].flat(2));
}

/** What a number is as a key. */
export const KINDS = {
  int: (number: bigint) => [0x8a, 20, ...littleEndian(number, 20)],
  float: (number: bigint) => [0x47, ...new Uint8Array(new Float64Array([Number(number)]).buffer).reverse()],
  text: (number: bigint) => [0x8c, String(number).length, ...new TextEncoder().encode(String(number))],
  tuple: (number: bigint) => [0x8a, 20, ...littleEndian(number, 20), 0x85],
};

/** A dict whose keys are a power of two apart. */
export function apart(kind: keyof typeof KINDS, shift: number): Uint8Array {
  const keys = Array.from({ length: KEYS }, (_, key) => [...KINDS[kind](BigInt(key) << BigInt(shift)), 0x4e]);
  return Uint8Array.from([[0x80, 4, 0x7d, 0x28], keys, [0x75, 0x2e]].flat(2));
}

function littleEndian(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
}
