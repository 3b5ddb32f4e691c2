/**
 * The plain data of Python: None, bool, int, float, str, bytes, list, tuple and dict.
 *
 * An int is a number up to 2^53 and a bigint beyond. A float is a number if it has a fraction (or is infinite, or not a
 * number); one without comes and goes as a {@linkcode PickleFloat}, since a bare 1 would turn from a float into an int.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleFloat
  | PickleTuple
  | PickleValue[]
  | Map<PickleValue, PickleValue>;

/** A tuple of Python's, which is not a list. */
export class PickleTuple {
  /** What it holds, in order. */
  readonly items: readonly PickleValue[];

  /**
   * Makes a tuple.
   *
   * @param items What it holds; not copied.
   */
  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A float that has no fraction, which a number could not tell from an int. */
export class PickleFloat {
  /** The number. */
  readonly value: number;

  /**
   * Wraps a number.
   *
   * @param value Any number.
   */
  constructor(value: number) {
    this.value = value;
  }

  /** The number, so that arithmetic works. */
  valueOf(): number {
    return this.value;
  }
}

/** What bounds a pickle, so that no bytes make its reader hang or fill memory. */
export interface PickleLimits {
  /** How many levels of lists, tuples and dicts there may be. */
  maxDepth: number;
  /** How many values there may be in all, shared ones counted each time they occur. */
  maxItems: number;
  /** How many bytes there may be of text, bytes and ints beyond 32 bits in all, shared ones counted each time they occur. */
  maxSize: number;
}

/** Limits that are safe for strangers' bytes: 500 levels, a million values, 64 MiB. */
export const DEFAULT_PICKLE_LIMITS: Readonly<PickleLimits> = {
  maxDepth: 500,
  maxItems: 1_000_000,
  maxSize: 64 * 1024 * 1024,
};
