import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";
import { escapeBytes, escapeText, plural } from "../../../lib/log/mod.ts";
import type { Flow, Message, Row } from "../../../lib/record/flow.ts";
import { type Connection, formatFaults } from "../../../lib/record/session.ts";
import type { Loaded } from "./files.ts";

/** The number of bytes of a message or a piece that are shown. */
const SHOWN = 60;
/** The width of the words about a piece. */
const WORDS = 34;

type Paint = (text: string) => string;

/**
 * Prints what happened: connections, and in each the messages and the pieces in which they passed, in order of time. All
 * text of peers is escaped.
 *
 * @param colors Whether to use colours.
 */
export function* show({ name, header, events, session }: Loaded, colors: boolean): Generator<string> {
  const paint = (color: Paint, text: string) => colors ? color(text) : text;
  const { listen, to, service, began, seed, faults } = header;
  const program = service === undefined ? "" : ` (${service})`;
  yield `${paint(bold, escapeText(name))}\n`;
  yield `  ${escapeText(`${listen} to ${to}${program}, framing ${session.framing ?? "none"}`)}\n`;
  yield `  ${escapeText(`${began}, ${time(session.duration).trim()} s; seed ${seed}; ${formatFaults(faults)}`)}\n`;
  for (const event of events) {
    if (event.k === "set") {
      const newSeed = event.seed === undefined ? "" : `; seed ${event.seed}`;
      yield `  ${time(event.t)}  ${escapeText(`faults from now on: ${formatFaults(event.faults)}${newSeed}`)}\n`;
    }
    if (event.k === "pause" || event.k === "resume") yield `  ${time(event.t)}  ${event.k}d\n`;
    if (event.k === "skip") yield `  ${paint(red, `${plural(event.n, "event")} missing here`)}\n`;
  }
  for (const connection of session.connections.values()) yield* showConnection(connection, paint);
}

function* showConnection(
  connection: Connection,
  paint: (color: Paint, text: string) => string,
): Generator<string> {
  const { number, peer, opened, closed, up, down } = connection;
  const end = closed === undefined ? "open at the end" : `${time(closed.t).trim()} s, ${closed.reason}`;
  yield `\n${paint(bold, `connection ${number}`)} ${escapeText(`from ${peer}, ${time(opened).trim()} to ${end}`)}\n`;
  const rows = [...up.rows.map((row) => [up, row] as const), ...down.rows.map((row) => [down, row] as const)]
    .sort(([, one], [, other]) => one.t - other.t);
  for (const [flow, row] of rows) {
    const start = `  ${time(row.t)}  ${flow.way.padEnd(4)}  `;
    const words = escapeText(flow.describe(row));
    if (row.kind !== "piece") {
      yield `${start}${paint(row.kind === "from" ? dim : row.kind === "end" ? bold : red, words)}\n`;
      continue;
    }
    yield `${start}${paint(colorOf(flow, row), words.padEnd(WORDS))}  ${
      paint(dim, quoted(flow, row.at, row.at + row.n))
    }\n`;
    for (const message of flow.holds(row).completed) {
      yield `${" ".repeat(start.length)}${messageLine(flow, message, paint)}\n`;
    }
  }
  for (const flow of [up, down]) yield summary(flow, paint);
}

/** Green for a whole message, yellow for a part of one, cyan for parts of several. */
function colorOf(flow: Flow, { at, n }: Row): Paint {
  const [first, last] = [flow.unitAt(at), flow.unitAt(at + n - 1)];
  if (first !== last) return cyan;
  const unit = flow.units[first];
  return unit?.start === at && unit.end === at + n ? green : yellow;
}

function messageLine(flow: Flow, message: Message, paint: (color: Paint, text: string) => string): string {
  const lengths: number[] = [];
  let text = "";
  for (let index = message.first; flow.parts[index]?.message === message.number; index++) {
    const { role, start, end = start } = flow.parts[index]!;
    lengths.push(end - start);
    if (role === "payload") text = quoted(flow, start, end);
  }
  return `${paint(bold, `message ${message.number}`)}  ${lengths.join(" + ")} bytes  ${text}`;
}

function summary(flow: Flow, paint: (color: Paint, text: string) => string): string {
  const { pieces, messages, whole, part, several, lost, repeated, reordered } = flow.tally();
  if (flow.empty) return "";
  const kinds = flow.datagrams
    ? [[lost, "lost"], [repeated, "repeated"], [reordered, "reordered"]] as const
    : [[whole, "whole"], [part, "a part of one"], [several, "of several"]] as const;
  const counts = kinds.filter(([count]) => count > 0).map(([count, kind]) => `${count} ${kind}`).join(", ");
  const sent = flow.unit === "message"
    ? `${plural(messages, "message")}, sent in ${plural(flow.reads.length, "write")}`
    : plural(messages, flow.unit);
  const tally = `${sent}, passed on in ${plural(pieces, "piece")}${counts === "" ? "" : `: ${counts}`}`;
  const wrong = flow.problem === undefined ? "" : `  ${paint(red, escapeText(`${flow.way}: ${flow.problem}`))}\n`;
  return `  ${flow.way}: ${tally}; ${plural(flow.passed, "byte")}\n${wrong}`;
}

function quoted(flow: Flow, start: number, end: number): string {
  const shown = flow.slice(start, Math.min(end, start + SHOWN));
  const more = end - start - shown.length;
  return `"${escapeBytes(shown)}"${more > 0 ? ` and ${plural(more, "byte")} more` : ""}`;
}

/** Formats a time in microseconds as seconds. */
function time(t: number): string {
  return (t / 1e6).toFixed(3).padStart(7);
}
