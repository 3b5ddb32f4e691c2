import { MessageTooLongError } from "./errors.ts";
import { DEFAULT_MAX_LENGTH, type FramingOptions } from "./framing.ts";

/** Reads and checks the one option all framings share. */
export function maxLengthOf({ maxLength = DEFAULT_MAX_LENGTH }: FramingOptions): number {
  if (!Number.isSafeInteger(maxLength) || maxLength < 0) {
    throw new RangeError(`Cannot use maxLength ${maxLength}: expected an integer of 0 or more`);
  }
  return maxLength;
}

/** Refuses a payload over the limit, on both sides alike. */
export function checkLength(length: number, limit: number, hint?: string, guess = ""): void {
  if (length > limit) throw new MessageTooLongError(limit, length, hint, guess);
}
