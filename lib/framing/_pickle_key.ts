import { PickleFloat, PickleTuple, type PickleValue } from "./pickle_value.ts";

/**
 * Gives keys of a dict that Python holds equal the same text, and others different ones: `1`, `1.0` and `True` are one
 * key, two equal bytes or tuples are.
 *
 * @param key What can be a key: no list, no dict.
 * @returns The text, or `undefined` for what Python holds equal to nothing: NaN, and a tuple with a NaN in it.
 */
export function pythonKey(key: PickleValue): string | undefined {
  if (key === null) return "None";
  if (typeof key === "string") return `s${key}`;
  if (key instanceof Uint8Array) return `b${key.toHex()}`;
  if (key instanceof PickleTuple) return tupleKey(key);
  const number = key instanceof PickleFloat ? key.value : key;
  if (Number.isNaN(number)) return undefined;
  if (typeof number === "number" && !Number.isInteger(number)) return String(number);
  return String(BigInt(number as number | bigint | boolean));
}

/** The parts after their lengths, so that no two tuples are written alike. */
function tupleKey({ items }: PickleTuple): string | undefined {
  let text = "t";
  for (const item of items) {
    const part = pythonKey(item);
    if (part === undefined) return undefined;
    text += `${part.length}:${part}`;
  }
  return text;
}
