import type { RecordedEvent, RecordingHeader } from "./event.ts";

/** A recording that was read. */
export interface Recording {
  /** The first line; `undefined` if it is not the header of a recording. */
  header: RecordingHeader | undefined;
  /** The events, up to a problem. */
  events: RecordedEvent[];
  /** What was expected and what was read, and where; absent if the recording is whole. */
  problem?: string | undefined;
}

/** The version of the format that this module reads. */
const VERSION = 1;
/** The longest line, in characters: the data of an event are at most 64 KiB. */
const MAX_LINE = 262_144;
/** The number of characters of a line that a problem shows. */
const SHOWN = 40;

/** Returns the expected value in words, or `undefined` if the value is right. */
type Check = (value: unknown) => string | undefined;

const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0 ? undefined : "an integer from 0";
const words: Check = (value) => typeof value === "string" ? undefined : "a text";
const record: Check = (value) => isRecord(value) ? undefined : "an object";
const base64: Check = (value) =>
  typeof value === "string" && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value) ? undefined : "Base64";
const oneOf = (...names: string[]): Check => (value) =>
  typeof value === "string" && names.includes(value) ? undefined : `one of ${names.join(", ")}`;
const maybe = (check: Check): Check => (value) => value === undefined ? undefined : check(value);

const OF_CONNECTION = { t: count, c: count };
const OF_STREAM = { ...OF_CONNECTION, w: oneOf("up", "down"), at: count, i: maybe(count) };

/** The fields of each kind of event. */
const FIELDS: Record<RecordedEvent["k"], Record<string, Check>> = {
  open: { ...OF_CONNECTION, peer: words, source: maybe(words) },
  close: { ...OF_CONNECTION, reason: words },
  in: { ...OF_STREAM, d: base64 },
  out: { ...OF_STREAM, n: count },
  end: OF_STREAM,
  fault: { ...OF_STREAM, kind: oneOf("reset", "stop", "end", "lost", "repeated", "reordered"), where: maybe(words) },
  set: { t: count, faults: record, seed: maybe(count) },
  from: OF_STREAM,
  pause: { t: count },
  resume: { t: count },
  step: { ...OF_STREAM, unit: oneOf("byte", "piece", "message") },
  skip: { n: count },
};

const HEADER: Record<string, Check> = {
  began: words,
  listen: words,
  to: words,
  service: maybe(words),
  framing: maybe(words),
  seed: count,
  faults: record,
};

/** Reads the lines of a recording as they arrive, up to the first that is wrong. */
class Parser {
  readonly recording: Recording = { header: undefined, events: [] };
  #line = 0;
  #rest = "";

  /** Reads more text. Returns whether more is wanted. */
  push(text: string): boolean {
    const [first = "", ...lines] = text.split("\n");
    this.#rest += first;
    for (const line of lines) {
      if (!this.#read(this.#rest)) return false;
      this.#rest = line;
    }
    if (this.#rest.length <= MAX_LINE) return true;
    this.#line++;
    return this.#fail(`a line of at most ${MAX_LINE} characters`, quoted(this.#rest));
  }

  /** Ends the text. */
  end(): Recording {
    const { recording } = this;
    if (recording.problem !== undefined) return recording;
    if (this.#rest !== "") {
      this.#read(this.#rest);
      if (recording.problem !== undefined && recording.header !== undefined) {
        recording.problem = `line ${this.#line} is cut off; whole events before it: ${recording.events.length}`;
      }
    } else if (recording.header === undefined) {
      this.#line++;
      this.#fail(`{"wirebench":${VERSION},...}`, "nothing");
    }
    return recording;
  }

  #read(line: string): boolean {
    this.#line++;
    const { recording } = this;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      // Said below.
    }
    if (recording.header === undefined) {
      if (!isRecord(value) || !("wirebench" in value)) return this.#fail(`{"wirebench":${VERSION},...}`, quoted(line));
      if (value["wirebench"] !== VERSION) {
        return this.#fail(`a recording of version ${VERSION}`, `version ${shown(value["wirebench"])}`);
      }
      if (!this.#check(value, HEADER)) return false;
      recording.header = value as unknown as RecordingHeader;
      return true;
    }
    if (!isRecord(value)) return this.#fail("an event as JSON", quoted(line));
    const { k } = value;
    if (typeof k !== "string" || !Object.hasOwn(FIELDS, k)) {
      return this.#fail(`"k" to be one of ${Object.keys(FIELDS).join(", ")}`, shown(k));
    }
    if (!this.#check(value, FIELDS[k as RecordedEvent["k"]])) return false;
    recording.events.push(value as unknown as RecordedEvent);
    return true;
  }

  #check(value: Record<string, unknown>, fields: Record<string, Check>): boolean {
    for (const [name, check] of Object.entries(fields)) {
      const expected = check(value[name]);
      if (expected !== undefined) {
        return this.#fail(`"${name}" to be ${expected}`, shown(value[name]));
      }
    }
    return true;
  }

  #fail(expected: string, received: string): false {
    this.recording.problem = `line ${this.#line}: expected ${expected}, got ${received}`;
    return false;
  }
}

/** Quotes the beginning of a text, with control characters escaped. */
function quoted(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text);
}

function shown(value: unknown): string {
  return value === undefined
    ? "nothing"
    : typeof value === "string"
    ? quoted(value)
    : quoted(JSON.stringify(value)).slice(1, -1);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads a recording from its text.
 *
 * @param text The lines.
 * @returns The header and all events before the first problem, and that problem.
 *
 * @example A recording whose last line was not written to its end
 * ```ts
 * import { parseRecording } from "@wirebench/wirebench/record";
 * import { assertEquals } from "@std/assert";
 *
 * const header = '{"wirebench":1,"began":"","listen":"","to":"","seed":7,"faults":{}}';
 * const { events, problem } = parseRecording(`${header}\n{"t":5,"k":"pause"}\n{"t":9,"k":"re`);
 * assertEquals(events, [{ t: 5, k: "pause" }]);
 * assertEquals(problem, "line 3 is cut off; whole events before it: 1");
 * ```
 */
export function parseRecording(text: string): Recording {
  const parser = new Parser();
  parser.push(text);
  return parser.end();
}

/**
 * Reads a recording from a stream, up to the first problem.
 *
 * @param chunks The bytes, as of a file's `readable`.
 * @returns The header and all events before the first problem, and that problem.
 */
export async function readRecording(chunks: AsyncIterable<Uint8Array>): Promise<Recording> {
  const parser = new Parser();
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    if (!parser.push(decoder.decode(chunk, { stream: true }))) return parser.end();
  }
  parser.push(decoder.decode());
  return parser.end();
}
