import { lines, text } from "../../framing/mod.ts";
import { endlessLine } from "../cases/endless.ts";
import { ENDLESS_LINE, UNFINISHED_LINE } from "../client_parts.ts";
import type { StreamProtocol } from "../protocol.ts";
import { carriageReturns, characterCut, emptyLine, lastLine, notAscii, notUtf8 } from "../scripts.ts";
import { stream } from "../stream.ts";

/** Vertical tab, form feed, file separator, next line, line separator. */
const ONE_LINE = " one\v\f\x1c\x85\u2028line\t ";

/**
 * UTF-8 lines ended by `\n` (`\r\n` is accepted), each sent back with `\n`. A last line without `\n` before the end of the
 * connection counts. A line longer than the limit is an error.
 */
export function delimited(): StreamProtocol<string> {
  const line = (text: string) => `${text}\n`;
  return stream({
    name: "delimited",
    shows: "messages that end in a newline, several in one read",
    port: 3004,
    framing: text(lines()),
    framed: "lines",
    messages: ["Hello", "How are you?", "Bye"],
    long: "long ".repeat(800),
    scripts: [
      lastLine(line),
      emptyLine(line),
      ...carriageReturns(line),
      {
        name: "one-line",
        level: "must",
        sends: "A line with spaces at both ends, and with characters at which other tools end a line.",
        right: "Returns it unchanged: only the newline, with or without a carriage return before it, ends a line.",
        mistake: "A program that strips a line, or splits text with splitlines, does this",
        chunks: [`${ONE_LINE}\n`],
        ends: true,
        answers: `${ONE_LINE}\n`,
        then: "stays",
      },
      notAscii("Grüße aus Köln", line),
      characterCut({ text: "Grüße 😀", after: "\n", answers: "Grüße 😀\n" }),
      notUtf8(Uint8Array.of(0xff, 0xfe, 0x0a)),
    ],
    cases: [endlessLine],
    clients: [{ args: ["one", "", "and three"], prints: "one\n\nand three\n" }],
    client: {
      input: ["one", "Grüße", "three"],
      ends: true,
      knowsEnd: false,
      unfinished: UNFINISHED_LINE,
      escape: "\x1b[2J\x1b[31mHello!\n",
      notUtf8: Uint8Array.of(0xff, 0xfe, 0x0a),
      endless: ENDLESS_LINE,
    },
  });
}
