// Exchanges that several protocols have in common.

import { concat } from "@std/bytes/concat";
import { encodeText } from "../framing/mod.ts";
import { bytesOf } from "./peer.ts";
import type { Data, Script } from "./protocol.ts";

/** The first byte of the last character, and the rest of it: a cut inside a character. */
function cutInCharacter(text: string, before: Data, after: Data): Data[] {
  const bytes = encodeText(text);
  let at = bytes.length - 1;
  while ((bytes[at]! & 0xc0) === 0x80) at--;
  return [concat([bytesOf(before), bytes.subarray(0, at + 1)]), concat([bytes.subarray(at + 1), bytesOf(after)])];
}

/** A text with letters that ASCII does not have. */
export function notAscii(text: string, encode: (text: string) => Data): Script {
  return {
    name: "not-ascii",
    level: "must",
    sends: "A text with letters that ASCII does not have.",
    right: "Counts bytes, not characters, and reads UTF-8.",
    mistake: "A program that decodes ASCII, or counts characters instead of bytes, does this",
    alone: true,
    chunks: [encode(text)],
    ends: true,
    answers: encode(text),
    then: "stays",
  };
}

/** A character of several bytes that arrives in two reads. */
export function characterCut({ text, before = "", after = "", answers }: {
  text: string;
  before?: Data;
  after?: Data;
  answers: Data;
}): Script {
  return {
    name: "character-cut",
    level: "must",
    sends: "A text, cut inside a character of several bytes.",
    right: "Decodes a message when all of it is there.",
    mistake: "A program that decodes what one recv brings loses half a character or fails",
    needs: ["byte-by-byte"],
    alone: true,
    chunks: cutInCharacter(text, before, after),
    ends: true,
    answers,
    then: "stays",
  };
}

/** A message that the end of the stream cuts off. */
export function cutOff({ before = "", part, answers = "" }: { before?: Data; part: Data; answers?: Data }): Script {
  return {
    name: "cut-off",
    level: "must",
    sends: "A part of a message, and then the end of the client's side.",
    right: "Answers nothing to the part, and closes.",
    mistake: "A program that takes what it has for a message when the stream ends, or waits on for the rest, does this",
    alone: true,
    chunks: [concat([bytesOf(before), bytesOf(part)])],
    ends: true,
    answers,
    then: "refuses",
  };
}

/** Lines that end in CR LF, once with a cut between the two. */
export function carriageReturns(answer: (line: string) => string): Script[] {
  const common = {
    level: "must",
    needs: ["two-at-once", "byte-by-byte"],
    right: "Takes the carriage return as part of the end of the line, not of the line.",
    ends: true,
    answers: answer("one") + answer("two"),
    then: "stays",
  } as const;
  return [
    {
      ...common,
      name: "crlf",
      sends: "Lines that end in CR LF.",
      mistake: "A program that looks for the newline only keeps the carriage return in the line",
      chunks: ["one\r\ntwo\r\n"],
    },
    {
      ...common,
      name: "crlf-cut",
      sends: "Lines that end in CR LF, with the CR in one read and the LF in the next.",
      mistake:
        "A program that takes each of CR and LF for the end of a line, or looks at the end of each recv, does this",
      chunks: ["one\r", "\ntwo\r", "\n"],
    },
  ];
}

/** An empty line between others. */
export function emptyLine(answer: (line: string) => string): Script {
  return {
    name: "empty",
    level: "must",
    sends: "An empty line between two others.",
    right: "Answers it as any other line.",
    mistake: "A program that takes an empty line for the end does this",
    needs: ["two-at-once"],
    chunks: ["one\n\ntwo\n"],
    ends: true,
    answers: answer("one") + answer("") + answer("two"),
    then: "stays",
  };
}

/** A last line without its newline. */
export function lastLine(answer: (line: string) => string): Script {
  return {
    name: "last-line",
    level: "must",
    sends: "A line, and a last line without its newline before the end.",
    right: "Answers the last line too.",
    mistake: "A program that drops what has no newline at the end of the stream does this",
    needs: ["two-at-once"],
    chunks: ["one\ntwo"],
    ends: true,
    answers: answer("one") + answer("two"),
    then: "stays",
  };
}

/** Bytes that are not UTF-8: the program may refuse or return them. */
export function notUtf8(bytes: Data): Script {
  return {
    name: "not-utf8",
    level: "must",
    sends: "Bytes that are not UTF-8.",
    right: "Refuses them or returns them, and serves others.",
    mistake: "A program that expects every byte to be text ends with an error",
    alone: true,
    chunks: [bytes],
    answers: "",
    then: "survives",
  };
}
