import type { Framing } from "../../lib/framing/framing.ts";
import { lines } from "../../lib/framing/lines.ts";
import { text } from "../../lib/framing/text.ts";

/** The tutorial names no port. */
export const PORT = 3004;

/** Lines of UTF-8 text. */
export function framing(maxLength?: number): Framing<string> {
  return text(lines({ maxLength }));
}
