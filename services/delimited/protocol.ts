import { type Framing, lines, text } from "../../lib/framing/mod.ts";

/** Not given by the tutorial. */
export const PORT = 3004;

/** Lines of UTF-8 text. */
export function framing(maxLength?: number): Framing<string> {
  return text(lines({ maxLength }));
}
