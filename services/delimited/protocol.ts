import { delimited, type Framing, lines, text } from "../../lib/framing/mod.ts";

/** Not given by the tutorial. */
export const PORT = 3004;

/** Lines of UTF-8 text. */
export function framing(maxLength?: number): Framing<string> {
  return text(lines({ maxLength }));
}

/** The same, but what is sent ends in `\n` whatever it is: the answer to `a\r\r\n`, whose line ends in `\r`, is `a\r\n`. */
export function echoing(maxLength?: number): Framing<string> {
  const reading = framing(maxLength);
  const writing = text(delimited("\n", { maxLength }));
  return { decoder: () => reading.decoder(), encode: (line) => writing.encode(line) };
}
