import { blue, dim, red, yellow } from "@std/fmt/colors";
import type { LogRecord } from "./configure.ts";
import { escapeText } from "./escape.ts";

/** Formats a record as lines, with the final newline. */
export type TextFormatter = (record: LogRecord) => string;

/** Facts of a record about a message on the wire; see {@linkcode Log.said}. */
interface Said {
  from: string;
  to: string;
  text: string;
}

/**
 * Formats the transcript: log lines, and messages with sender and receiver (the dash is U+2013).
 *
 *     [10:53:16 – Server]: Listening at 127.0.0.1:1060
 *     [10:53:19 – 127.0.0.1:51234 -> Server]:
 *     Hello server!
 *
 * The bracket of a peer's text that looks like a log line is escaped, so that no peer can forge one.
 *
 * @param colors Whether to use colours, for a terminal.
 * @returns The formatter.
 */
export function transcriptFormatter(colors: boolean): TextFormatter {
  const paint = (color: (text: string) => string, text: string) => colors ? color(text) : text;
  return (record) => {
    const time = new Date(record.timestamp).toTimeString().slice(0, 8);
    const said = saidIn(record);
    if (said !== undefined) {
      const who = escapeText(`${said.from} -> ${said.to}`);
      return `${paint(dim, `[${time} –`)} ${paint(blue, who)}${paint(dim, "]:")}\n${unlikeALine(said.text)}\n`;
    }
    const who = escapeText(record.category.at(-1) ?? "");
    const message = escapeText(record.message.join(""));
    const color = record.level === "warning" ? yellow : record.level === "error" ? red : String;
    return `${paint(dim, `[${time} –`)} ${paint(blue, who)}${paint(dim, "]:")} ${paint(color, message)}\n`;
  };
}

/**
 * Formats JSON lines: `time` (RFC 3339), `level`, `who`, `message`, and the facts of the record under their names.
 * Characters that could control a terminal are written as JSON escapes, which a parser restores.
 *
 * @returns The formatter.
 */
export function jsonFormatter(): TextFormatter {
  return ({ timestamp, level, category, message, properties }) => {
    const time = new Date(timestamp).toISOString();
    const line = JSON.stringify({ ...properties, time, level, who: category.at(-1), message: message.join("") });
    return line.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeUnits) + "\n";
  };
}

function saidIn({ properties }: LogRecord): Said | undefined {
  return "from" in properties && "to" in properties && "text" in properties ? properties as unknown as Said : undefined;
}

/** Escapes brackets that look like the beginning of a log line: at the start of the text, and before a time. */
function unlikeALine(text: string): string {
  return escapeText(text).replace(/^\[|\[(?=\d\d:\d\d:\d\d)/g, "\\x5b");
}

/** Escapes each UTF-16 unit for JSON. */
function escapeUnits(character: string): string {
  return character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join("");
}
