import { equal } from "@std/assert/equal";
import { sleep } from "../../../lib/net/timer.ts";
import type { Side } from "./contestant.ts";
import type { Floors, Group, Row, Runner } from "./rows.ts";

/** The result of one contestant in a row. */
export interface Figure {
  name: string;
  side: Side;
  /** Nanoseconds per message in the best round; `undefined` if its messages are wrong. */
  nanoseconds: number | undefined;
  /** Why it was not measured. */
  fault?: string;
}

/** The figures of a row. */
export interface MeasuredRow {
  title: string;
  figures: Figure[];
  floors: Floors;
}

/** The rows of a group. */
export interface MeasuredGroup {
  name: string;
  title: string;
  rows: MeasuredRow[];
}

/** How to measure. */
export interface Effort {
  /** Bytes of all messages of a pass. */
  bytes: number;
  rounds: number;
  /** Least length of a measurement in milliseconds. */
  milliseconds: number;
  stop: AbortSignal;
  /** Called with the title of each row. */
  onRow(title: string): void | Promise<void>;
}

/** Measures all rows of a group. */
export async function measure({ name, title, rows }: Group, effort: Effort): Promise<MeasuredGroup> {
  const measured: MeasuredRow[] = [];
  for (const row of rows(effort.bytes)) {
    await effort.onRow(row.title);
    measured.push({ title: row.title, figures: await measureRow(row, effort), floors: row.floors });
    if (effort.stop.aborted) break;
  }
  disqualify(measured.flatMap(({ figures }) => figures));
  return { name, title, rows: measured };
}

/** Makes a contestant that is wrong in one row wrong in all: in the others, chunks happen to end between messages. */
function disqualify(figures: Figure[]): void {
  for (const figure of figures) {
    const fault = figures.find(({ name, fault }) => name === figure.name && fault !== undefined)?.fault;
    if (fault !== undefined) Object.assign(figure, { nanoseconds: undefined, fault });
  }
}

/** Measures each contestant once in every round, each time beginning with another. Checks their messages before. */
async function measureRow(row: Row, { rounds, milliseconds, stop }: Effort): Promise<Figure[]> {
  const figures: Figure[] = [];
  const correct: [Runner, Figure][] = [];
  for (const runner of row.runners) {
    const { name, side } = runner;
    const fault = await faultOf(runner, row.expected);
    const figure: Figure = { name, side, nanoseconds: undefined };
    figures.push(figure);
    if (fault !== undefined) figure.fault = fault;
    else correct.push([runner, figure]);
  }
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < correct.length; turn++) {
      const [runner, figure] = correct[(round + turn) % correct.length]!;
      // Let the event loop deliver signals.
      await sleep(0, stop);
      if (stop.aborted) return figures;
      const nanoseconds = await time(runner, milliseconds) / row.expected.length;
      // Round 0 is the warm-up.
      if (round > 0) figure.nanoseconds = Math.min(figure.nanoseconds ?? Infinity, nanoseconds);
    }
  }
  return figures;
}

/** Keeps messages observable, so that their computation is not optimised away. */
export let last: unknown;
const sink = (message: unknown): void => {
  last = message;
};

/** Collects young garbage with `--v8-flags=--expose-gc`, so that no contestant pays for the one before. */
const { gc } = globalThis as { gc?: (options: { type: "minor" }) => void };

/** Nanoseconds of a pass. */
async function time(runner: Runner, milliseconds: number): Promise<number> {
  gc?.({ type: "minor" });
  let passes = 0;
  let elapsed = 0;
  for (const start = performance.now(); elapsed < milliseconds; elapsed = performance.now() - start) {
    const done = runner.pass(sink);
    if (done !== undefined) await done;
    passes++;
  }
  return elapsed * 1e6 / passes;
}

/** Compares the messages of a contestant. */
async function faultOf({ pass }: Runner, expected: unknown[]): Promise<string | undefined> {
  const messages: unknown[] = [];
  try {
    await pass((message) => messages.push(message));
  } catch (error) {
    return `it throws ${error instanceof Error ? error.message : error}`;
  }
  const at = expected.findIndex((message, at) => !same(messages[at], message));
  if (at >= 0 && messages.length > at) return `message ${at} of ${expected.length} differs`;
  return messages.length === expected.length ? undefined : `${messages.length} messages instead of ${expected.length}`;
}

function same(one: unknown, other: unknown): boolean {
  if (typeof one === "string" || typeof other === "string") return one === other;
  if (!(one instanceof Uint8Array && other instanceof Uint8Array)) return equal(one, other);
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
