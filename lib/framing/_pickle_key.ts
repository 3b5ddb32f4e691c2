import { toHex } from "./_hex.ts";
import { PickleFloat, PickleTuple, type PickleValue } from "./pickle_value.ts";

/**
 * Returns a string that is the same for keys that are equal in Python and different for all others: `1`, `1.0` and `True`
 * are the same key, and so are equal bytes or tuples.
 *
 * @param key A hashable key: neither a list nor a dict.
 * @returns The string, or `null` for a key that is equal to no other: NaN, or a tuple that contains NaN. The string never
 * consists of digits alone, because V8 hashes such strings without a seed.
 */
export function pythonKey(key: PickleValue): string | null {
  if (key === null) return "None";
  if (typeof key === "string") return `s${key}`;
  if (key instanceof Uint8Array) return `b${toHex(key)}`;
  if (key instanceof PickleTuple) return tupleKey(key.items.map(pythonKey));
  const number = key instanceof PickleFloat ? key.value : key;
  if (Number.isNaN(number)) return null;
  if (typeof number === "number" && !Number.isInteger(number)) return String(number);
  // Conversion to decimal takes more than linear time.
  return `i${BigInt(number as number | bigint | boolean).toString(16)}`;
}

/** Returns the string of a tuple from those of its items. Their lengths make it unambiguous. */
export function tupleKey(items: readonly (string | null)[]): string | null {
  let key = "t";
  for (const item of items) {
    if (item === null) return null;
    key += `${item.length}:${item}`;
  }
  return key;
}

/** Number of slots of the table that {@linkcode slotOf} assumes. */
export const SLOTS = 4096;

const halves = new DataView(new ArrayBuffer(8));

/**
 * Returns the slot of a Map to which V8 hashes a key, if an attacker can predict it. A Map compares a key with all others
 * in its slot. V8 hashes most strings and objects with a random seed, but numbers, bigints and strings of digits without,
 * so an attacker can easily choose thousands of keys for one slot.
 *
 * @param key The key.
 * @returns The slot in a table of 4096, or -1 if it is not predictable.
 */
export function slotOf(key: PickleValue): number {
  if (typeof key === "string") return /^\d{1,10}$/.test(key) ? Number(key) % SLOTS : -1;
  if (typeof key === "bigint") halves.setBigUint64(0, key < 0n ? -BigInt.asUintN(64, key) : key);
  else if (typeof key !== "number") return -1;
  else if (key === (key | 0)) return slot32(key);
  else halves.setFloat64(0, key);
  return slot64(halves.getUint32(0), halves.getUint32(4));
}

/** The lowest bits of V8's `ComputeUnseededHash`. */
function slot32(hash: number): number {
  hash = ~hash + (hash << 15);
  hash ^= hash >>> 12;
  hash += hash << 2;
  hash ^= hash >>> 4;
  hash = Math.imul(hash, 2057);
  return (hash ^ (hash >>> 16)) & (SLOTS - 1);
}

/** The lowest bits of V8's `ComputeLongHash`, applied to the bits of a float or the lowest 64 bits of a bigint. */
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
