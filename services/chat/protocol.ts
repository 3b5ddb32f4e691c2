import { decimalHeader } from "../../lib/framing/decimal_header.ts";
import { MalformedMessageError } from "../../lib/framing/errors.ts";
import type { Framing } from "../../lib/framing/framing.ts";
import { text } from "../../lib/framing/text.ts";

/** The tutorial's port. */
export const PORT = 1234;

export { HEADER_LENGTH } from "../../lib/framing/layout.ts";

/** The longest name in UTF-16 code units, so that a terminal line has room for the name and some text. */
const MAX_NAME = 64;

/** Text under the decimal header. A client sends one message per text, and receives two: the sender's name and the text. */
export function framing(maxLength?: number): Framing<string> {
  return text(decimalHeader({ maxLength }));
}

/** Returns what was expected of an invalid name, or `undefined` for a valid one. */
export function nameProblem(name: string): string | undefined {
  if (name.trim() === "") return "a name that is not empty";
  if (name.length > MAX_NAME) return `a name of at most ${MAX_NAME} characters`;
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return "a name without control characters";
  return undefined;
}

/** Throws a {@linkcode MalformedMessageError} for an invalid name. */
export function checkName(name: string): void {
  const expected = nameProblem(name);
  if (expected !== undefined) throw new MalformedMessageError(expected, 0, new TextEncoder().encode(name));
}
