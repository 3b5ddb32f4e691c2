import type { PickleFloat, PickleValue } from "./pickle_value.ts";

/** A value on the stack. A small value has no entry, which would cost more than the value; the size of a text is its length. */
export type Item = Entry | PickleFloat | string | number | boolean | null;

/** A value and its totals. A shared value adds to those of its containers each time it occurs. */
export class Entry {
  /** Number of values: itself and all in it. */
  count = 1;
  /** Whether another value contains it, so that it must not change any more. */
  sealed = false;
  /** The items of a tuple. */
  items: readonly Item[] | undefined = undefined;
  /** The name of a key, once needed; see {@linkcode Keys}. */
  keyName: string | null | undefined = undefined;
  /** The keys of a dict that a Map distinguishes from a key they are equal to in Python, such as `true` from 1. */
  aliases: Map<PickleValue, PickleValue> | undefined = undefined;
  /** The number of keys in each slot of the Map of a large dict. */
  slots: Uint32Array | undefined = undefined;

  /**
   * @param value The value.
   * @param size Total length of text, bytes and long ints in it, in bytes.
   * @param depth Number of levels of containers.
   * @param hashable Whether it can be a key: neither a list nor a dict, nor a tuple that contains one.
   */
  constructor(public value: PickleValue, public size: number, public depth: number, public hashable = true) {}
}

/** Returns the value itself. */
export function valueOf(item: Item): PickleValue {
  return item instanceof Entry ? item.value : item;
}

/** Returns the values themselves, in the same array if it has no entries. */
export function valuesOf(items: Item[]): PickleValue[] {
  for (const item of items) {
    if (item instanceof Entry) return items.map(valueOf);
  }
  return items as PickleValue[];
}
