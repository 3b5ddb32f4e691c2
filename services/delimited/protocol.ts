import { type Framing, lines, text } from "../../lib/framing/mod.ts";

/** The tutorial names no port. */
export const PORT = 3004;

/** Lines of UTF-8 text. */
export function framing(maxLength?: number): Framing<string> {
  return text(lines({ maxLength }));
}
