import { MessageTooLongError } from "./errors.ts";
import { DEFAULT_MAX_LENGTH, type FramingOptions } from "./framing.ts";

/** Returns the maximum payload length, the one option that all framings share, after checking it. */
export function maxLengthOf({ maxLength = DEFAULT_MAX_LENGTH }: FramingOptions): number {
  if (!Number.isSafeInteger(maxLength) || maxLength < 0) {
    throw new RangeError(`Cannot use maxLength ${maxLength}: expected an integer of 0 or more`);
  }
  return maxLength;
}

/** Throws if a payload is over the limit; encoders and decoders share it. */
export function checkLength(length: number, limit: number, note?: string, hint = ""): void {
  if (length > limit) throw new MessageTooLongError(limit, length, note, hint);
}
