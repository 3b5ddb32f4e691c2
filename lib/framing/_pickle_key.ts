import { toHex } from "./_hex.ts";
import type { Unpickler } from "./_pickle_decode.ts";
import { Entry, type Item, valueOf } from "./_pickle_entry.ts";
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
  if (typeof number === "number" && !Number.isInteger(number)) return Number.isNaN(number) ? null : String(number);
  // Conversion to decimal takes more than linear time.
  return `i${(Number.isSafeInteger(number) ? number : BigInt(number as number | bigint | boolean)).toString(16)}`;
}

/** Returns the string of a tuple from those of its items. Their lengths make it unambiguous. */
function tupleKey(items: readonly (string | null)[]): string | null {
  let key = "t";
  for (const item of items) {
    if (item === null) return null;
    key += `${item.length}:${item}`;
  }
  return key;
}

/** Minimum size of dicts whose keys are checked for collisions; in smaller ones they cost next to nothing. */
const LARGE_DICT = 256;
/** Number of comparisons of keys in large dicts allowed for each byte of the pickle. */
const COMPARISONS_PER_BYTE = 64;

/**
 * The keys of all dicts in a pickle. A Map distinguishes keys that are equal in Python: `true` from 1, equal bytes and equal
 * tuples from each other. It also compares some keys slowly, which is limited.
 */
export class Keys {
  readonly #unpickler: Unpickler;
  readonly #maxComparisons: number;
  #comparisons = 0;
  /** Total length of ints beyond 2^53 used as keys, in bytes: a Map compares them digit by digit every time. */
  #comparedSize = 0;
  #names: Names | undefined;

  /**
   * @param unpickler The decoder, which checks limits and creates errors.
   * @param length The length of the pickle in bytes.
   */
  constructor(unpickler: Unpickler, length: number) {
    this.#unpickler = unpickler;
    this.#maxComparisons = COMPARISONS_PER_BYTE * length;
  }

  /** Returns the first key of a dict that is equal to this one in Python, or else the key itself. */
  firstEqual(dict: Entry, key: Item): PickleValue {
    const map = dict.value as Map<PickleValue, PickleValue>;
    const same = this.#canonical(key);
    if (map.size >= LARGE_DICT) this.#checkSlot(dict, same);
    if (typeof same === "string") return same;
    if (Number.isNaN(same) && map.has(NaN)) throw this.#unpickler.malformed("at most one key that is NaN");
    const alias = dict.aliases?.get(same);
    if (alias !== undefined) return alias;
    const value = valueOf(key);
    if (same === value || map.has(same)) return same;
    dict.aliases ??= new Map();
    dict.aliases.set(same, value);
    return value;
  }

  /** Returns one value for all keys that are equal in Python, which a Map distinguishes from all other keys. */
  #canonical(key: Item): PickleValue {
    if (typeof key === "string" || typeof key === "number") return key;
    if (typeof key === "boolean") return Number(key);
    if (key instanceof PickleFloat) return Number.isSafeInteger(key.value) ? key.value : BigInt(key.value);
    if (!(key instanceof Entry)) return key;
    const { value } = key;
    if (typeof value === "bigint") this.#unpickler.checkSize(this.#comparedSize += key.size);
    if (typeof value === "string" ? value.length <= SHORT_TEXT : !(value instanceof Object)) return value;
    this.#names ??= new Names();
    return this.#names.firstEqual(key);
  }

  /** Counts the keys with which a Map compares this one, and limits their number. */
  #checkSlot(dict: Entry, key: PickleValue): void {
    const slot = slotOf(key);
    if (slot < 0) return;
    dict.slots ??= new Uint32Array(SLOTS);
    this.#comparisons += dict.slots[slot]!++;
    const most = this.#maxComparisons;
    if (this.#comparisons <= most) return;
    throw this.#unpickler.malformed(`keys that a Map distinguishes with at most ${most} comparisons`);
  }
}

/** Longer texts used as keys are replaced by the first equal one: a Map would compare their characters every time. */
export const SHORT_TEXT = 255;
/** Longer names are replaced by a number: the names of tuples contain those of their items. */
const SHORT_NAME = 64;

/** Names of bytes, tuples and long texts used as keys: short strings, the same for all keys that are equal in Python. */
class Names {
  /** The first key with each name. */
  readonly #firstKeys = new Map<string, PickleValue>();
  /** The replacements of long names. */
  readonly #shortNames = new Map<string, string>();

  /** Returns the first key that is equal to this one, or else the key itself. */
  firstEqual(key: Entry): PickleValue {
    const name = this.#nameOf(key);
    if (name === null) return key.value;
    const first = this.#firstKeys.get(name);
    if (first === undefined) this.#firstKeys.set(name, key.value);
    else if (typeof first === "string") key.value = first;
    return first ?? key.value;
  }

  /** Returns the name of a key, or `null` if no other key is equal. It examines an entry once, however often it is a key. */
  #nameOf(key: Item): string | null {
    if (!(key instanceof Entry)) return this.#shortened(pythonKey(key));
    if (key.keyName === undefined) {
      const { items } = key;
      const name = items ? tupleKey(items.map((item) => this.#nameOf(item))) : pythonKey(key.value);
      key.keyName = this.#shortened(name);
    }
    return key.keyName;
  }

  #shortened(name: string | null): string | null {
    if (name === null || name.length <= SHORT_NAME) return name;
    const short = this.#shortNames.get(name) ?? `#${this.#shortNames.size}`;
    this.#shortNames.set(name, short);
    return short;
  }
}

/** Number of slots of the table that {@linkcode slotOf} assumes. */
const SLOTS = 4096;

const halves = new DataView(new ArrayBuffer(8));

/**
 * Returns the slot of a Map to which V8 hashes a key, if an attacker can predict it. A Map compares a key with all others
 * in its slot. V8 hashes most strings and objects with a random seed, but numbers, bigints and strings of digits without,
 * so an attacker can easily choose thousands of keys for one slot.
 *
 * @param key The key.
 * @returns The slot in a table of 4096, or -1 if it is not predictable.
 */
function slotOf(key: PickleValue): number {
  if (typeof key === "number" && key === (key | 0)) return slot32(key);
  if (typeof key === "string") return key.charCodeAt(0) <= 0x39 && /^\d{1,10}$/.test(key) ? Number(key) % SLOTS : -1;
  if (typeof key === "bigint") halves.setBigUint64(0, key < 0n ? -BigInt.asUintN(64, key) : key);
  else if (typeof key !== "number") return -1;
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
