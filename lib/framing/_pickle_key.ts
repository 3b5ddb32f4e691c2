import { PickleFloat, PickleTuple, type PickleValue } from "./pickle_value.ts";

/**
 * Gives keys of a dict that Python holds equal the same text, and others different ones: `1`, `1.0` and `True` are one
 * key, two equal bytes or tuples are.
 *
 * @param key What can be a key: no list, no dict.
 * @returns The text, or `null` for what Python holds equal to nothing: NaN, and a tuple with a NaN in it. No text is of
 * digits alone, for which V8's hashes have no seed.
 */
export function pythonKey(key: PickleValue): string | null {
  if (key === null) return "None";
  if (typeof key === "string") return `s${key}`;
  if (key instanceof Uint8Array) return `b${key.toHex()}`;
  if (key instanceof PickleTuple) return tupleKey(key.items.map(pythonKey));
  const number = key instanceof PickleFloat ? key.value : key;
  if (Number.isNaN(number)) return null;
  if (typeof number === "number" && !Number.isInteger(number)) return String(number);
  // Decimal digits take time that grows faster than their number.
  return `i${BigInt(number as number | bigint | boolean).toString(16)}`;
}

/** Does the same for a tuple: its parts' texts after their lengths, so that no two tuples are written alike. */
export function tupleKey(parts: readonly (string | null)[]): string | null {
  let text = "t";
  for (const part of parts) {
    if (part === null) return null;
    text += `${part.length}:${part}`;
  }
  return text;
}

/** How many slots {@linkcode slotOf} tells apart. */
export const SLOTS = 4096;

const halves = new DataView(new ArrayBuffer(8));

/**
 * Tells to which slot of a Map V8 sends a key, as far as a stranger can know. A Map compares a key with all others in its
 * slot. The hashes of most texts and of objects have a seed; those of numbers, bigints and texts of digits have none, so
 * that it is easy to make thousands of keys for one slot.
 *
 * @param key The key.
 * @returns The slot in a table of 4096, or -1 if a stranger cannot know it.
 */
export function slotOf(key: PickleValue): number {
  if (typeof key === "string") return /^\d{1,10}$/.test(key) ? Number(key) % SLOTS : -1;
  if (typeof key === "bigint") halves.setBigUint64(0, key < 0n ? -BigInt.asUintN(64, key) : key);
  else if (typeof key !== "number") return -1;
  else if (key === (key | 0)) return slot32(key);
  else halves.setFloat64(0, key);
  return slot64(halves.getUint32(0), halves.getUint32(4));
}

/** The lowest bits of what V8 calls ComputeUnseededHash. */
function slot32(hash: number): number {
  hash = ~hash + (hash << 15);
  hash ^= hash >>> 12;
  hash += hash << 2;
  hash ^= hash >>> 4;
  hash = Math.imul(hash, 2057);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}

/** The lowest bits of what V8 calls ComputeLongHash: of a float's bits, of a bigint's lowest 64. */
function slot64(high: number, low: number): number {
  const multiply = (factor: number, summand = 0) => {
    const product = low * factor + summand;
    high = (Math.imul(high, factor) + Math.floor(product / 2 ** 32)) | 0;
    low = product >>> 0;
  };
  const mix = (shift: number) => {
    low = (low ^ (low >>> shift) ^ (high << (32 - shift))) >>> 0;
    high ^= high >>> shift;
  };
  multiply(2 ** 18 - 1, -1);
  mix(31);
  multiply(21);
  mix(11);
  multiply(65);
  mix(22);
  return low % SLOTS;
}
