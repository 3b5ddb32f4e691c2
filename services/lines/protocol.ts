import { type Framing, lines, text } from "../../lib/framing/mod.ts";

/** The tutorial's port. */
export const PORT = 1060;

/** What the client says unless it is given something else. */
export const GREETING = "Hello server!";
/** What the server answers to every line. */
export const ANSWER = "Hello Node!";
/** The line that gets one last answer. */
export const STOP = "STOP";

/** Lines of UTF-8 text. */
export function framing(maxLength?: number): Framing<string> {
  return text(lines({ maxLength }));
}
