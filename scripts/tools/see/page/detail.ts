import type { FramePart } from "../../../../lib/framing/scanner.ts";
import { plural } from "../../../../lib/log/plural.ts";
import type { Flow, Message, Row } from "../../../../lib/record/flow.ts";
import type { App, Choice } from "./app.ts";
import { type Content, fill, make } from "./dom.ts";
import { endsOf, formatCount, formatHex, formatTime, glyphOf } from "./format.ts";

/** Bytes shown at most, of a piece and of what a decoder holds. */
const MOST_CELLS = 192;
const MOST_HELD = 40;

/** How long a piece is shown before the next, while following, in milliseconds. */
const READABLE = 120;

/** The panel of the chosen piece. */
export class Detail {
  readonly #app: App;
  readonly #panel: HTMLElement;
  #shown = "";
  /** When the next piece may be shown while following, and the timer for it. */
  #next = 0;
  #timer = 0;

  /** Fills a panel. */
  constructor(app: App, panel: HTMLElement) {
    this.#app = app;
    this.#panel = panel;
  }

  /** Shows the chosen piece, unless it is shown already. */
  draw(): void {
    const { choice, session } = this.#app;
    const message = this.#app.message;
    const key = choice === undefined ? String(session?.datagrams) : [
      choice.connection.number,
      choice.way,
      choice.row.index,
      session!.framing,
      message?.end,
      choice.flow.tally().pieces,
      choice.flow.failure?.message,
    ].join();
    if (key === this.#shown) return;
    // Pieces arrive faster than anyone can read them.
    const wait = this.#app.following ? this.#next - performance.now() : 0;
    if (wait > 0) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.draw(), wait);
      return;
    }
    this.#next = performance.now() + READABLE;
    this.#shown = key;
    fill(this.#panel, ...choice === undefined ? this.#nothing() : this.#pieceOf(choice, message));
  }

  #nothing(): Content[] {
    const below = "a row for each piece that the proxy passed on, in order of time.";
    const terms = this.#app.session?.datagrams
      ? [["datagrams", "as the sender sent them."], ["sent", "when each arrived at the proxy."], [
        "below",
        `${below} A piece is a whole datagram. It may be lost, come twice, or come after a later one.`,
      ]]
      : [
        ["meant", "the messages, as the sender encoded them: header and payload."],
        ["sent", "the same bytes, as the sender wrote them."],
        ["below", `${below} A reader takes what has come, not a message.`],
      ];
    return [
      make("h2", {}, "How to read it"),
      make("p", {}, "Bytes lie from left to right, in each direction on an axis of its own."),
      make("ol", {}, ...terms.map(([term, text]) => make("li", {}, make("b", {}, term!), `: ${text}`))),
      make("p", {}, "Choose a piece to see its bytes, and what two programs make of it."),
    ];
  }

  #pieceOf({ way, flow, row }: Choice, message: Message | undefined): Content[] {
    const [from, to] = endsOf(way);
    if (row.kind !== "piece") {
      const lost = row.kind === "lost" ? message : undefined;
      return [
        make("h2", {}, `${from} → ${to}`),
        make("p", { class: "headline" }, capitalised(flow.describe(row))),
        lost !== undefined && this.#cells(flow, lost.start, lost.end! - lost.start),
        facts(["at byte", formatCount(row.at)], ["when", formatTime(row.t)]),
        ...row.kind === "lost" ? [] : this.#readers(flow, row),
        ...messageOf(flow, message),
      ];
    }
    const read = flow.datagrams
      ? flow.reads.find(({ number }) => number === row.datagram)
      : flow.reads[indexOfRead(flow, row.at + row.n - 1)];
    const last = row.at + row.n - 1;
    const words = flow.describe(row).replace(/^\d+(: )?/, "");
    return [
      make("h2", {}, `Piece ${formatCount(row.piece)} of ${formatCount(flow.tally().pieces)}, ${from} → ${to}`),
      words !== "" && make("p", { class: "headline" }, capitalised(words)),
      this.#cells(flow, row.at, row.n),
      facts(
        ["bytes", row.n === 0 ? "none" : `${row.n === 1 ? last : `${row.at} to ${last}`} (${row.n})`],
        flow.parts.length > 0 && !flow.datagrams && row.n > 0 && ["in", placesOf(flow, row)],
        [
          "passed",
          `at ${formatTime(row.t)}${read === undefined ? "" : `, ${formatTime(row.t - read.t)} after it came`}`,
        ],
      ),
      ...this.#readers(flow, row),
      ...messageOf(flow, message),
    ];
  }

  /** Compares two programs: the first takes each read for a message, the second decodes. */
  #readers(flow: Flow, row: Row): Content[] {
    if (flow.datagrams) {
      return [
        make(
          "div",
          { class: "claim right" },
          make("h3", {}, "One recv() takes one datagram"),
          make("p", { class: "quote" }, flow.recv(row)),
          make("p", { class: "verdict" }, "A datagram arrives whole or not at all"),
        ),
      ];
    }
    const holding = flow.holds(row);
    const unit = flow.units[flow.unitAt(row.at)];
    const whole = unit !== undefined && unit.start === row.at && unit.end === row.at + row.n;
    const naive = row.kind === "piece" && make(
      "div",
      { class: `claim ${whole ? "right" : "wrong"}` },
      make("h3", {}, "A program that takes one recv() for a message now has"),
      make("p", { class: "quote" }, flow.recv(row)),
      make(
        "p",
        { class: "verdict" },
        flow.unit === "write"
          ? whole ? "this time it is all of one write" : "not what was written at once"
          : whole
          ? "this time it is a whole message"
          : "not a message",
      ),
    );
    const completed = holding.completed.map(({ number }) => number);
    const decoder = make(
      "div",
      { class: "claim right" },
      make("h3", {}, "A decoder that keeps what came now holds"),
      make("p", {}, holding.text),
      held(flow, row, holding.part),
      completed.length > 0 && make(
        "p",
        { class: "verdict" },
        `it has given message${completed.length === 1 ? "" : "s"} ${listOf(completed)} to its program`,
      ),
    );
    return flow.unit === "message" ? [naive, decoder] : [naive];
  }

  /** The bytes, each as hexadecimal digits and as a character. */
  #cells(flow: Flow, start: number, length: number): Content {
    const bytes = flow.slice(start, start + Math.min(length, MOST_CELLS));
    const cells = cellsOf(flow, start, bytes);
    const more = length - bytes.length;
    return [
      make("div", { class: "cells", role: "img", "aria-label": [...bytes].map(formatHex).join(" ") }, ...cells),
      more > 0 && make("p", {}, `and ${plural(more, "byte")} more`),
    ];
  }
}

function cellsOf(flow: Flow, start: number, bytes: Uint8Array): HTMLElement[] {
  let index = flow.partAt(start);
  return [...bytes].map((byte, position) => {
    const at = start + position;
    while (index >= 0 && at >= (flow.parts[index]?.end ?? Infinity)) index++;
    const part = index < 0 || at >= flow.misfit && !flow.datagrams ? undefined : flow.parts[index];
    const message = part !== undefined && flow.message(part.message);
    const first = message && message.start === at;
    return make(
      "span",
      { class: `${part?.role ?? "plain"}${first ? " first" : ""}` },
      make("b", {}, glyphOf(byte) ?? "·"),
      make("small", {}, formatHex(byte)),
    );
  });
}

/** Draws what a decoder holds of the part under way, and what it still waits for. */
function held(flow: Flow, row: Row, part: FramePart | undefined): Content {
  const end = row.at + row.n;
  if (part === undefined) return undefined;
  const have = end - part.start;
  const { length } = part;
  if (length === undefined || length > MOST_HELD) {
    return length !== undefined && make("progress", { max: length, value: have, "aria-hidden": "true" });
  }
  const blanks = Array.from({ length: length - have }, () => make("span", { class: "blank" }, make("b", {}, "·")));
  const cells = cellsOf(flow, part.start, flow.slice(part.start, end));
  for (const cell of cells) cell.querySelector("small")!.remove();
  return make("div", { class: "cells", "aria-hidden": "true" }, ...cells, ...blanks);
}

/** The message of the piece's last byte, as far as it has arrived. */
function messageOf(flow: Flow, message: Message | undefined): Content[] {
  if (message === undefined || flow.datagrams) return [];
  const { number, start, end } = message;
  const known = end ?? flow.end;
  const lengths: string[] = [];
  const payload: Uint8Array[] = [];
  for (let index = message.first; flow.parts[index]?.message === number; index++) {
    const part = flow.parts[index]!;
    const length = (part.end ?? known) - part.start;
    lengths.push(`${formatCount(length)} ${part.name}`);
    if (part.role === "payload") payload.push(flow.slice(part.start, part.start + Math.min(length, 200)));
  }
  const [first, last] = [flow.rows[flow.rowAt(start)], flow.rows[flow.rowAt(known - 1)]];
  const text = new TextDecoder().decode(payload[0] ?? new Uint8Array());
  return [
    make("h2", {}, `Message ${number}`),
    text !== "" && make("p", { class: "claim quote" }, text),
    facts(
      ["bytes", `${start} to ${known - 1} (${lengths.join(" + ")})`],
      first !== undefined && last !== undefined && ["in", plural(last.piece - first.piece + 1, "piece")],
      [
        "whole",
        end === undefined || flow.passed < known || last === undefined ? "not yet" : `at ${formatTime(last.t)}`,
      ],
    ),
  ];
}

function placesOf(flow: Flow, row: Row): string {
  const places: string[] = [];
  const end = row.at + row.n;
  for (let index = flow.partAt(row.at); index >= 0 && index < flow.parts.length; index++) {
    const { name, message, start } = flow.parts[index]!;
    if (start >= end || start >= flow.misfit) break;
    if (places.length === 4) return `${places.join(", ")} ...`;
    places.push(`${name} of message ${message}`);
  }
  return places.join(", ") || "nothing known";
}

function capitalised(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function indexOfRead({ reads }: Flow, offset: number): number {
  let low = 0;
  for (let high = reads.length; low < high;) {
    const middle = (low + high) >>> 1;
    if (reads[middle]!.end <= offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function listOf(numbers: readonly number[]): string {
  if (numbers.length < 3) return numbers.join(" and ");
  return `${numbers[0]} to ${numbers.at(-1)}`;
}

function facts(...rows: (false | [term: string, text: string])[]): HTMLElement {
  return make(
    "dl",
    { class: "facts" },
    ...rows.filter((row) => row !== false).flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]),
  );
}
