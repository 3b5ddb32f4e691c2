/**
 * Plain data of Python: None, bool, int, float, str, bytes, list, tuple and dict.
 *
 * An int is a number up to 2^53, and a bigint beyond. A float is a number if it has a fraction, is infinite or NaN;
 * otherwise it is a {@linkcode PickleFloat}, since the number 1 stands for an int.
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

/** A Python tuple, as distinct from a list. */
export class PickleTuple {
  /** The items, in order. */
  readonly items: readonly PickleValue[];

  /**
   * Creates a tuple.
   *
   * @param items The items, in order; not copied.
   */
  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

/** A Python float without a fraction, as distinct from an int. */
export class PickleFloat {
  /** The number. */
  readonly value: number;

  /**
   * Creates a float.
   *
   * @param value Any number.
   */
  constructor(value: number) {
    this.value = value;
  }

  /** Returns the number, so that arithmetic works. */
  valueOf(): number {
    return this.value;
  }
}

/** Limits of a pickle, so that no input can block the decoder or exhaust memory. */
export interface PickleLimits {
  /** Maximum number of levels of lists, tuples and dicts. */
  maxDepth: number;
  /** Maximum number of values. A shared value counts each time it occurs. */
  maxItems: number;
  /** Maximum total length of str, bytes and int beyond 32 bits, in bytes. A shared value counts each time it occurs. */
  maxSize: number;
}

/** Some of the {@linkcode PickleLimits}. */
export type PickleOptions = { [Name in keyof PickleLimits]?: number | undefined };

/** Limits that are safe for untrusted pickles: 500 levels, a million values, 64 MiB. */
export const DEFAULT_PICKLE_LIMITS: Readonly<PickleLimits> = {
  maxDepth: 500,
  maxItems: 1_000_000,
  maxSize: 64 * 1024 * 1024,
};

/** Fills in the default limits. */
export function pickleLimits(given: PickleOptions): PickleLimits {
  const { maxDepth, maxItems, maxSize } = DEFAULT_PICKLE_LIMITS;
  return {
    maxDepth: given.maxDepth ?? maxDepth,
    maxItems: given.maxItems ?? maxItems,
    maxSize: given.maxSize ?? maxSize,
  };
}
