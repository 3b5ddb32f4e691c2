import type { Framing } from "../../lib/framing/framing.ts";
import { lines } from "../../lib/framing/lines.ts";
import { text } from "../../lib/framing/text.ts";

/** The tutorial's port. */
export const PORT = 1060;

/** The client's line if none is given. */
export const GREETING = "Hello server!";
/** The server's answer to every line. */
export const ANSWER = "Hello Node!";
/** The line after whose answer the server ends the connection. */
export const STOP = "STOP";

/** Lines of UTF-8 text. */
export function framing(maxLength?: number): Framing<string> {
  return text(lines({ maxLength }));
}
