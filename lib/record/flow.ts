import type { FramingError } from "../framing/errors.ts";
import type { FrameLayout } from "../framing/layout.ts";
import { type FramePart, FrameScanner } from "../framing/scanner.ts";
import { decodeBytes, escapeText } from "../log/escape.ts";
import { plural } from "../log/plural.ts";
import { KnownBytes } from "./_known_bytes.ts";
import { lastIndex, within } from "./_search.ts";
import type { Direction } from "./event.ts";

/** Bytes from `start` to `end` of one direction. */
export interface Span {
  /** Its number in the direction, from 1. */
  readonly number: number;
  /** Offset of the first byte. */
  readonly start: number;
  /** Offset after the last byte; `undefined` until it is known. */
  readonly end: number | undefined;
}

/** The bytes of one read from the sender, or one datagram. */
export interface Read extends Span {
  readonly end: number;
  /** When, in microseconds since the recording began. */
  readonly t: number;
}

/** A message of the framing, or a datagram. */
export interface Message extends Span {
  end: number | undefined;
  /** Index of its first part. */
  readonly first: number;
}

/** An entry of one direction, in order of time: a piece that was passed on, or a mark for another event. */
export interface Row {
  /** Index in the direction's rows. */
  readonly index: number;
  /** `piece`: bytes were passed on. `from`: new faults apply from here. */
  readonly kind: "piece" | "end" | "reset" | "stop" | "lost" | "from";
  /** The number of the piece, from 1; 0 for a mark. */
  readonly piece: number;
  /** When, in microseconds since the recording began. */
  readonly t: number;
  /** Offset of its first byte. */
  readonly at: number;
  /** The number of bytes; 0 for a mark. */
  readonly n: number;
  /** The number of the datagram, from 1; `undefined` for streams. */
  readonly datagram: number | undefined;
  /** A datagram passed on a second time, or after a later one. */
  readonly order?: "again" | "late" | undefined;
  /** Where a reset struck, or the faults from here on. */
  readonly note?: string | undefined;
}

/** Number of pieces, and how they relate to the messages. */
export interface Tally {
  messages: number;
  pieces: number;
  /** Pieces that are exactly one message. */
  whole: number;
  /** Pieces with a part of one message. */
  part: number;
  /** Pieces with bytes of several messages. */
  several: number;
  /** Datagrams lost, passed on twice, and held back. */
  lost: number;
  repeated: number;
  reordered: number;
}

/** What a decoder holds after a piece. */
export interface Holding {
  /** The message under way; `undefined` between two messages. */
  readonly message: Message | undefined;
  /** The part under way; `undefined` between two parts. */
  readonly part: FramePart | undefined;
  /** The messages of a stream that the piece completed. */
  readonly completed: readonly Message[];
  /** In words: `2 of 10 header bytes of message 4`. */
  readonly text: string;
}

/** One direction of a connection: the writes of its sender, the messages, and the pieces passed on. */
export class Flow {
  /** The direction. */
  readonly way: Direction;
  /** Whether it carries datagrams; they are its messages. */
  readonly datagrams: boolean;
  /** The reads from the sender. */
  readonly reads: Read[] = [];
  /** Pieces and marks in order of time. */
  readonly rows: Row[] = [];
  /** The pieces alone. */
  readonly pieces: Row[] = [];
  /** The parts of the messages, in order. */
  readonly parts: FramePart[] = [];
  /** The messages, in order; none without a framing. */
  readonly messages: Message[] = [];
  /** Why the bytes do not fit the framing. */
  failure: FramingError | undefined;
  /** Offset of the first message that does not fit the framing, or whose bytes are missing. */
  misfit = Infinity;
  /** Offset of the first byte in the recording. */
  start = 0;
  /** Offset after the last byte received or passed on. */
  end = 0;
  /** The number of bytes passed on. */
  passed = 0;
  /** The sender ended its side. */
  ended: { t: number; at: number } | undefined;
  readonly #bytes = new KnownBytes();
  /** Finds the messages; `undefined` without a framing, and after the end. */
  #scanner: FrameScanner | undefined;
  #layout: FrameLayout | undefined;
  #tally: Tally = { ...NO_TALLY };
  /** For each datagram passed on, its number; and the highest of them. */
  readonly #passed = new Set<number>();
  #highest = 0;
  /** The numbers of the datagrams that were held back. */
  readonly #heldBack = new Set<number>();

  /** Starts without bytes. */
  constructor(way: Direction, datagrams: boolean, layout: FrameLayout | undefined) {
    this.way = way;
    this.datagrams = datagrams;
    this.#begin(layout);
  }

  /** Whether there is nothing to show. */
  get empty(): boolean {
    return this.rows.length === 0 && this.reads.length === 0;
  }

  /** What pieces are compared with: the messages, or without a framing the sender's writes. */
  get units(): readonly Span[] {
    return this.#layout === undefined && !this.datagrams ? this.reads : this.messages;
  }

  /** Where and why the bytes do not fit the framing, in words. */
  get problem(): string | undefined {
    const { failure, misfit } = this;
    if (failure === undefined || failure.reason === "truncated") return failure?.message;
    return `does not fit the framing from byte ${misfit} on: ${failure.message}`;
  }

  /** The name of a unit. */
  get unit(): "message" | "write" | "datagram" {
    return this.datagrams ? "datagram" : this.#layout === undefined ? "write" : "message";
  }

  /** Adds bytes that arrived from the sender. */
  receive(t: number, at: number, bytes: Uint8Array, datagram: number = this.reads.length + 1): void {
    const known = this.#bytes.end;
    if (this.#bytes.isEmpty && this.rows.length === 0) this.start = this.end = at;
    if (at < known) {
      bytes = bytes.subarray(known - at);
      at = known;
    }
    if (at > known) this.misfit = Math.min(this.misfit, Math.max(this.start, known));
    this.#bytes.add(at, bytes);
    const end = at + bytes.length;
    this.end = Math.max(this.end, end);
    this.reads.push({ number: datagram, t, start: at, end });
    if (this.datagrams) this.#addDatagram(datagram, at, end);
    else this.#scan(bytes);
  }

  /** Adds bytes that were passed on. */
  pass(t: number, at: number, n: number, datagram?: number): void {
    if (this.empty) this.start = at;
    let order: Row["order"];
    if (datagram !== undefined) {
      if (this.#passed.has(datagram)) order = "again";
      else if (datagram < this.#highest) order = "late";
      this.#passed.add(datagram);
      this.#highest = Math.max(this.#highest, datagram);
    }
    const row: Row = { index: this.rows.length, kind: "piece", piece: ++this.#tally.pieces, t, at, n, datagram, order };
    this.rows.push(row);
    this.pieces.push(row);
    this.passed = Math.max(this.passed, at + n);
    this.end = Math.max(this.end, this.passed);
    this.#count(row, 1);
  }

  /** Adds a mark. */
  mark(kind: Row["kind"], t: number, at: number, datagram?: number, note?: string): void {
    this.rows.push({ index: this.rows.length, kind, piece: 0, t, at, n: 0, datagram, note });
  }

  /** Counts the fault of a datagram. A lost one leaves a mark. */
  strike(kind: "lost" | "repeated" | "reordered", t: number, at: number, datagram: number | undefined): void {
    this.#tally[kind]++;
    if (kind === "lost") this.mark("lost", t, at, datagram);
    if (kind === "reordered" && datagram !== undefined) this.#heldBack.add(datagram);
  }

  /** The connection was reset. A direction that has ended, or is marked already, gets no mark. */
  abort(t: number, note?: string): void {
    const isComplete = this.ended !== undefined && this.passed >= this.ended.at;
    if (!isComplete && this.rows.at(-1)?.kind !== "reset") this.mark("reset", t, this.passed, undefined, note);
  }

  /** The sender ended its side, or the proxy did, as the note says. */
  finish(t: number, at: number, note?: string): void {
    const left = at - this.passed;
    const isDropped = this.ended !== undefined;
    this.ended = { t, at };
    const last = this.rows.at(-1);
    if (last?.kind === "piece") this.#count(last, -1);
    this.#endScan();
    if (last?.kind === "piece") this.#count(last, 1);
    note ??= left > 0 ? `, ${plural(left, "byte")} ${isDropped ? "dropped" : "not passed on yet"}` : undefined;
    this.mark("end", t, at, undefined, note);
  }

  /** Divides the bytes into messages again. */
  setLayout(layout: FrameLayout | undefined): void {
    this.#begin(layout);
    const { start, end } = this.#bytes;
    if (!this.datagrams && !this.#bytes.isEmpty) {
      const first = this.#bytes.slice(start, end);
      if (start > 0) this.misfit = this.start;
      else this.#scan(first);
      if (start + first.length < end) this.misfit = Math.min(this.misfit, start + first.length);
      if (this.ended !== undefined) this.#endScan();
    }
    const { lost, repeated, reordered, pieces } = this.#tally;
    this.#tally = { ...NO_TALLY, lost, repeated, reordered, pieces };
    for (const row of this.rows) this.#count(row, 1);
  }

  /** The known bytes from `start` on, as far as `end` or the first missing byte; not a copy. */
  slice(start: number, end: number): Uint8Array {
    return this.#bytes.slice(start, end);
  }

  /** The first offset from `offset` on whose byte is known; `Infinity` if there is none. */
  knownFrom(offset: number): number {
    return this.#bytes.knownFrom(offset);
  }

  /** The index of the part with the byte at an offset, or -1. */
  partAt(offset: number): number {
    return within(this.parts, offset);
  }

  /** The index of the first part that ends after an offset, or the number of parts. */
  partFrom(offset: number): number {
    const index = lastIndex(this.parts, ({ start }) => start <= offset);
    return index >= 0 && offset < (this.parts[index]!.end ?? Infinity) ? index : index + 1;
  }

  /** The index of the unit with the byte at an offset, or -1. */
  unitAt(offset: number): number {
    return offset >= this.misfit && this.unit === "message" ? -1 : within(this.units, offset);
  }

  /** The index of the last row at or before a time, or -1. */
  rowAtTime(t: number): number {
    return lastIndex(this.rows, (row) => row.t <= t);
  }

  /** The index of the row that passed on the byte at an offset of a stream, or -1. */
  rowAt(offset: number): number {
    const piece = this.pieces[lastIndex(this.pieces, ({ at }) => at <= offset)];
    return piece === undefined || offset >= piece.at + piece.n ? -1 : piece.index;
  }

  /** The message or datagram of a number; `undefined` if it is not known. */
  message(number: number): Message | undefined {
    return this.messages[number - (this.messages[0]?.number ?? 1)];
  }

  /**
   * Forgets the oldest rows, and the reads and parts that lie wholly before the other rows. Counts stay; a change of the framing finds no messages.
   *
   * @param rows The number of rows.
   */
  forget(rows: number): void {
    if (rows === 0) return;
    this.pieces.splice(0, lastIndex(this.pieces, ({ index }) => index < rows) + 1);
    this.rows.splice(0, rows);
    this.rows.forEach((row, index) => (row as { index: number }).index = index);
    this.start = this.pieces.reduce((least, { at }) => Math.min(least, at), this.passed);
    this.#passed.clear();
    for (const { datagram } of this.rows) if (datagram !== undefined) this.#passed.add(datagram);
    const fits = this.start < this.misfit;
    const ended = ({ end }: { end: number | undefined }) => !fits || end !== undefined && end <= this.start;
    this.reads.splice(0, lastIndex(this.reads, ({ end }) => end <= this.start) + 1);
    this.messages.splice(0, lastIndex(this.messages, ended) + 1);
    const parts = this.messages[0]?.first ?? this.parts.length;
    this.parts.splice(0, parts);
    for (const message of this.messages) (message as { first: number }).first -= parts;
    this.#bytes.forget(Math.min(this.start, this.messages[0]?.start ?? this.start));
  }

  /** Bytes of memory, about. */
  get weight(): number {
    return this.#bytes.size + BYTES_PER_ITEM * (this.rows.length + this.reads.length + this.parts.length);
  }

  /** Counts messages and pieces. */
  tally(): Readonly<Tally> {
    const last = this.units.at(-1);
    this.#tally.messages = last === undefined ? 0 : last.end === undefined ? last.number - 1 : last.number;
    return this.#tally;
  }

  /** Describes in a few words how a piece relates to the messages, or what a mark stands for. */
  describe(row: Row): string {
    if (row.kind !== "piece") return this.#describeMark(row);
    if (this.datagrams) {
      const heldBack = this.#heldBack.has(row.datagram!) ? ", held back" : "";
      const order = row.order === "again" ? " again" : row.order === "late" ? ", after a later one" : heldBack;
      return `${row.n === 0 ? "empty" : `${row.n}:`} datagram ${row.datagram}${order}`;
    }
    const words = this.#relation(row.at, row.at + row.n);
    return words === "" ? String(row.n) : `${row.n}: ${words}`;
  }

  /** What a program that takes one `recv()` for a message now holds: the piece alone, as quoted text. */
  recv(row: Row): string {
    const shown = this.slice(row.at, row.at + Math.min(row.n, MOST_SHOWN));
    const more = row.n - shown.length;
    if (shown.length === 0 && more > 0) return `${plural(more, "byte")} that the recording does not have`;
    return `"${escapeText(decodeBytes(shown))}"${more > 0 ? ` and ${plural(more, "byte")} more` : ""}`;
  }

  /** What a decoder that keeps incomplete messages holds after a row. */
  holds(row: Row): Holding {
    const end = row.at + row.n;
    const completed = this.datagrams ? [] : this.#completedIn(row.at, end);
    const nothing = { message: undefined, part: undefined, completed };
    if (this.datagrams) return { ...nothing, text: "nothing: a datagram arrives whole or not at all" };
    if (this.#layout === undefined) {
      return { ...nothing, text: plural(end, "byte") + ", and no framing to divide them by" };
    }
    if (end > this.misfit) {
      return {
        ...nothing,
        text: `nothing more: ${this.failure?.message ?? "bytes before these are not in the recording"}`,
      };
    }
    const index = end === this.start ? -1 : this.unitAt(end - 1);
    const message = this.messages[index];
    if (message === undefined) return { ...nothing, text: "nothing yet" };
    if (message.end === end) return { ...nothing, text: `nothing: message ${message.number} is complete` };
    const at = this.partAt(end - 1);
    const part = this.parts[at]!;
    if (part.end === end) {
      const next = this.parts[at + 1];
      const wait = next?.length === undefined ? "" : `, and waits for ${plural(next.length, `${next.name} byte`)}`;
      return {
        message,
        part: undefined,
        completed,
        text: `the whole ${part.name} of message ${message.number}${wait}`,
      };
    }
    const have = end - part.start;
    const text = part.length === undefined
      ? `${plural(have, "byte")} of the ${part.name} of message ${message.number}`
      : `${have} of ${plural(part.length, `${part.name} byte`)} of message ${message.number}`;
    return { message, part, completed, text };
  }

  #begin(layout: FrameLayout | undefined): void {
    this.#layout = layout;
    this.failure = undefined;
    if (this.datagrams) return;
    this.misfit = Infinity;
    this.parts.length = this.messages.length = 0;
    this.#scanner = layout === undefined ? undefined : new FrameScanner(layout);
  }

  #addDatagram(number: number, start: number, end: number): void {
    this.messages.push({ number, start, end, first: this.parts.length });
    this.parts.push({
      name: "datagram",
      role: "payload",
      message: number,
      start,
      length: end - start,
      end,
    });
  }

  #scan(bytes: Uint8Array): void {
    const scanner = this.#scanner;
    if (scanner === undefined || this.misfit < Infinity) return;
    for (const part of scanner.push(bytes)) this.#addPart(part);
    this.#afterScan(scanner);
  }

  #addPart(part: FramePart): void {
    const last = this.messages.at(-1);
    if (part.message !== last?.number) {
      if (last !== undefined) last.end = part.start;
      this.messages.push({ number: part.message, start: part.start, end: undefined, first: this.parts.length });
    }
    this.parts.push(part);
  }

  #endScan(): void {
    const scanner = this.#scanner;
    if (scanner === undefined || this.misfit < Infinity) return;
    scanner.end();
    this.#afterScan(scanner);
    this.#scanner = undefined;
  }

  #afterScan(scanner: FrameScanner): void {
    const last = this.messages.at(-1);
    this.failure = scanner.failure;
    if (this.failure !== undefined && this.failure.reason !== "truncated") this.misfit = last?.start ?? this.start;
    else if (last !== undefined && last.end === undefined && scanner.part === undefined) {
      last.end = this.parts.at(-1)!.end;
    }
  }

  /** Adds a piece to the tally, or removes it. */
  #count(row: Row, sign: number): void {
    if (row.kind !== "piece") return;
    if (this.datagrams) this.#tally.whole += sign;
    if (this.datagrams || row.n === 0) return;
    const end = row.at + row.n;
    const first = this.units[this.unitAt(row.at)];
    if (first === undefined) return;
    const kind = first.start === row.at && first.end === end ? "whole" : end > (first.end ?? end) ? "several" : "part";
    this.#tally[kind] += sign;
  }

  #completedIn(from: number, to: number): Message[] {
    const completed: Message[] = [];
    if (from === to) return completed;
    for (let index = Math.max(0, this.unitAt(from)); index < this.messages.length; index++) {
      const message = this.messages[index]!;
      if (message.end === undefined || message.end > to) break;
      if (message.end > from) completed.push(message);
    }
    return completed;
  }

  #describeMark({ kind, note, datagram }: Row): string {
    switch (kind) {
      case "end":
        return `end of the ${this.way === "up" ? "client" : "server"}’s side${note ?? ""}`;
      case "reset":
        return `reset${note === undefined ? "" : ` ${note}`}`;
      case "stop":
        return "reading stopped";
      case "lost":
        return `datagram ${datagram} lost`;
      default:
        return `from here: ${note}`;
    }
  }

  /** How the bytes from `start` to `end` relate to the units. */
  #relation(start: number, end: number): string {
    if (start === end) return "";
    const [from, to] = [this.unitAt(start), this.unitAt(end - 1)];
    const [first, last] = [this.units[from], this.units[to]];
    const name = this.unit;
    if (first === undefined || last === undefined) {
      if (first !== undefined) return `end of ${first.number}, then no ${name}`;
      return this.unit === "write"
        ? ""
        : this.failure === undefined
        ? "missing bytes before"
        : "does not fit the framing";
    }
    const opens = start === first.start;
    const closes = end === last.end;
    if (first === last) {
      const part = this.parts[this.partAt(start)];
      if (
        !(opens && closes) && name === "message" && part !== undefined && part.role !== "payload" &&
        !(end > (part.end ?? Infinity))
      ) {
        if (part.role === "header") return `${placeIn(part, start, end)} header ${first.number}`;
      }
      return `${placeIn(first, start, end)} ${name} ${first.number}`;
    }
    if (opens && closes) return `${name}s ${first.number} ${to === from + 1 ? "and" : "to"} ${last.number}`;
    const middle = to - from - 1;
    const words = [
      `${opens ? "all" : "end"} of ${first.number}`,
      ...middle === 0 ? [] : [`all of ${first.number + 1}${middle === 1 ? "" : ` to ${last.number - 1}`}`],
      `${closes ? "all" : "start"} of ${last.number}`,
    ];
    return words.join(", ");
  }
}

/** Bytes of memory that a row takes, or a part, or a read. */
export const BYTES_PER_ITEM = 120;

/** Maximum number of bytes that `recv` quotes. */
const MOST_SHOWN = 80;

const NO_TALLY: Tally = {
  messages: 0,
  pieces: 0,
  whole: 0,
  part: 0,
  several: 0,
  lost: 0,
  repeated: 0,
  reordered: 0,
};

/** Where in a span some of its bytes are. */
function placeIn(span: { start: number; end: number | undefined }, start: number, end: number): string {
  if (start === span.start) return end === span.end ? "whole" : "start of";
  return end === span.end ? "end of" : "inside";
}
