import { PickleFloat, PickleTuple, type PickleValue } from "./pickle_value.ts";

/** The key of NaN, which Python holds equal to nothing, and a Map to every other NaN. */
export const NAN_KEY = "NaN";

/**
 * Gives keys of a dict that Python holds equal the same text, and others different ones: `1`, `1.0` and `True` are one
 * key, two equal bytes or tuples are.
 *
 * @param key What can be a key: no list, no dict.
 */
export function pythonKey(key: PickleValue): string {
  if (key === null) return "None";
  if (typeof key === "string") return `s${key}`;
  if (key instanceof Uint8Array) return `b${key.toHex()}`;
  // The length of each part, so that no two tuples are written alike.
  if (key instanceof PickleTuple) {
    return `t${key.items.map(pythonKey).map((part) => `${part.length}:${part}`).join("")}`;
  }
  const number = key instanceof PickleFloat ? key.value : key;
  if (typeof number === "number" && !Number.isInteger(number)) return String(number);
  return String(BigInt(number as number | bigint | boolean));
}
