import { decimalHeader, type Framing, MalformedMessageError, text } from "../../lib/framing/mod.ts";

/** The tutorial's port. */
export const PORT = 1234;

/** How many bytes stand before each message, to say how long it is. */
export const HEADER_LENGTH = 10;

/** The longest name, in UTF-16 units: a line of a terminal should hold it and some of what is said. */
const MAX_NAME = 64;

/** Text under the decimal header: what a client sends, and each half of what it gets. */
export function framing(maxLength?: number): Framing<string> {
  return text(decimalHeader({ maxLength }));
}

/** Why a name will not do, or `undefined` if it will. */
export function faultOfName(name: string): string | undefined {
  if (name.trim() === "") return "a name that is not empty";
  if (name.length > MAX_NAME) return `a name of at most ${MAX_NAME} characters`;
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(name)) return "a name without control characters";
  return undefined;
}

/** Refuses a name that will not do with a {@linkcode MalformedMessageError}. */
export function checkName(name: string): void {
  const expected = faultOfName(name);
  if (expected !== undefined) throw new MalformedMessageError(expected, 0, new TextEncoder().encode(name));
}
