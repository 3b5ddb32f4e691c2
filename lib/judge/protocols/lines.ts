import { lines as lineFraming, text } from "../../framing/mod.ts";
import { endlessLine } from "../cases/endless.ts";
import { ENDLESS_LINE, UNFINISHED_LINE } from "../client_parts.ts";
import type { Script, StreamProtocol } from "../protocol.ts";
import { carriageReturns, characterCut, emptyLine, notAscii, notUtf8 } from "../scripts.ts";
import { stream } from "../stream.ts";

const ANSWER = "Hello Node!\n";

/** Each line is answered with `Hello Node!`. After the answer to `STOP`, the server ends its side and closes. */
export function lines(): StreamProtocol<string> {
  const answer = () => ANSWER;
  return stream({
    name: "lines",
    shows: "a socket used as a text file",
    port: 1060,
    framing: text(lineFraming()),
    framed: "lines",
    messages: ["Hello server!", "Hello again", "How are you?"],
    long: "long ".repeat(800),
    answer: () => ANSWER.trimEnd(),
    scripts: [
      stop("stop", "STOP\n", "The line STOP, and then another line."),
      {
        ...stop("stop-crlf", "STOP\r\n", "The line STOP, which ends in CR LF, and then another line."),
        needs: ["stop"],
      },
      {
        ...stop("stop-end", "STOP\n", "The line STOP."),
        needs: ["stop"],
        mistake: "A program that does not close the socket, or still holds a file made from it, does this",
        chunks: ["STOP\n"],
        then: "ends",
      },
      {
        name: "stop-inside",
        level: "must",
        needs: ["in-turns"],
        sends: "Lines that begin or end with STOP, and then another line.",
        right: "Answers them as any other.",
        mistake: "A program that looks for STOP in a line, or at its start, does this",
        chunks: ["STOP it, please\n", "Don't STOP\n", "Hello?\n"],
        answers: ANSWER.repeat(3),
        then: "stays",
      },
      emptyLine(answer),
      ...carriageReturns(answer),
      { ...notAscii("Grüße aus Köln\n", (text) => text), answers: ANSWER },
      characterCut({ text: "Grüße 😀", after: "\n", answers: ANSWER }),
      notUtf8(Uint8Array.of(0xff, 0xfe, 0x0a)),
    ],
    cases: [endlessLine],
    clients: [
      { args: ["--rounds", "2", "--pause", "0"], prints: ANSWER.repeat(2) },
      { args: ["--pause", "0", "STOP"], prints: ANSWER },
    ],
    client: {
      input: ["Hello server!", "And again", "STOP"],
      rounds: 3,
      last: "STOP",
      ends: false,
      knowsEnd: false,
      unfinished: UNFINISHED_LINE,
      escape: "\x1b[2J\x1b[31mHello!\n",
      notUtf8: Uint8Array.of(0xff, 0xfe, 0x0a),
      endless: ENDLESS_LINE,
    },
  });
}

function stop(name: string, line: string, sends: string): Script {
  return {
    name,
    level: "must",
    sends,
    right: "Answers it once more, and nothing after it: ends its side, and closes.",
    mistake:
      "A program that compares STOP with a line that still has its newline, does not leave its loop, or ends as a " +
      "whole, does this",
    chunks: [line, "Hello?\n"],
    answers: ANSWER,
    then: "stops",
  };
}
