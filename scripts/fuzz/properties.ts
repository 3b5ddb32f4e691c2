// What must hold of every framing and of the pickle codec, whatever comes: for `deno task fuzz` and for the tests.

import {
  checkFraming,
  decodeChunks,
  decodePickle,
  encodePickle,
  FrameDecoderStream,
  FrameEncoderStream,
  type Framing,
  FramingError,
  MalformedMessageError,
  type Outcome,
  PickleFloat,
  type PickleLimits,
  PickleTuple,
  type PickleValue,
} from "../../lib/framing/mod.ts";
import { reprChunks } from "../../services/objects/_repr.ts";
import { code } from "./code.ts";

/** The longest that anything here may take, in milliseconds: thousands of times what it takes. */
const PATIENCE = 5000;
/** What a decoder may take beyond the bytes that came, in bytes: some pages. */
const SPARE_MEMORY = 256 * 1024;
/** How often what came may be in memory: chunks, buffers that double, messages, copies nobody has collected yet. */
const COPIES = 32;

/** How many times as long as plain data any data of its length may take, and how many milliseconds besides. */
const COSTLIER = 30;
const SPARE_TIME = 100;
/** How many characters are shown for each byte, as objects:client does. */
const SHOWN_PER_BYTE = 16;

/** A framing of anything. */
export type AnyFraming = Framing<unknown, never>;

/** Messages come out as they went in, wherever the stream is cut, and wherever it ends. */
export function comesBack(framing: Framing<unknown, unknown>, messages: readonly unknown[]): void {
  inTime(() => checkFraming(framing, messages));
  expectSame(decodeChunks(framing, messages.map((message) => framing.encode(message))).messages, messages);
}

/**
 * Any bytes give the same messages and the same error cut in one way as in another, take no memory on their word and no
 * time to speak of; and what has come of their beginning stays so.
 */
export function sameHoweverCut(
  framing: AnyFraming,
  bytes: Uint8Array,
  cuts: readonly number[],
  others: readonly number[],
): void {
  const before = Deno.memoryUsage().external;
  const outcome = inTime(() => decodeChunks(framing, cut(bytes, cuts)));
  const taken = Deno.memoryUsage().external - before;
  if (taken > SPARE_MEMORY + COPIES * bytes.length) throw new Error(`${bytes.length} bytes took ${taken} of memory`);
  expectSame(described(inTime(() => decodeChunks(framing, cut(bytes, others)))), described(outcome));

  const { error, messages } = outcome;
  if (error instanceof MalformedMessageError && !(error.offset >= 0 && error.offset <= bytes.length)) {
    throw new Error(`A fault at byte ${error.offset} of ${bytes.length}`);
  }
  const decoder = framing.decoder();
  let complete: unknown[] = [];
  try {
    for (const chunk of cut(bytes, cuts)) complete = [...complete, ...decoder.push(chunk)];
  } catch (thrown) {
    if (thrown !== decoder.failure) throw thrown;
  }
  expectSame(messages.slice(0, complete.length), complete);
  if (decoder.failure !== undefined) {
    expectSame(thrownBy(() => decoder.push(bytes)), decoder.failure.message);
    expectSame(thrownBy(() => decoder.end()), decoder.failure.message);
  }
}

/** A Web Stream of chunks gives what a decoder gives. */
export async function sameAsStream(framing: AnyFraming, bytes: Uint8Array, cuts: readonly number[]): Promise<void> {
  const messages: unknown[] = [];
  let error: FramingError | undefined;
  const chunks = cut(bytes, cuts).map((chunk) => new Uint8Array(chunk));
  try {
    const stream = ReadableStream.from(chunks).pipeThrough(new FrameDecoderStream(framing));
    for await (const message of stream) messages.push(message);
  } catch (thrown) {
    if (!(thrown instanceof FramingError)) throw thrown;
    error = thrown;
  }
  expectSame(described({ messages, error }), described(decodeChunks(framing, [bytes])));
}

/** Messages come out of a Web Stream as they went into another. */
export async function comesBackFromStream(
  framing: Framing<unknown, unknown>,
  messages: readonly unknown[],
): Promise<void> {
  const stream = ReadableStream.from(messages)
    .pipeThrough(new FrameEncoderStream(framing))
    .pipeThrough(new FrameDecoderStream(framing));
  expectSame(await Array.fromAsync(stream), messages);
}

/** Plain data is read as it was written, or not written. */
export function pickleComesBack(value: PickleValue): void {
  let bytes: Uint8Array;
  try {
    bytes = encodePickle(value);
  } catch (error) {
    // A dict with two keys that Python holds equal cannot be.
    if (error instanceof TypeError && /two keys/.test(error.message)) return;
    throw error;
  }
  expectSame(inTime(() => decodePickle(bytes)), asRead(value));
}

/** Any bytes are read as data within the limits that can be written again, or refused as malformed. */
export function pickleIsReadOrRefused(bytes: Uint8Array, limits: Partial<PickleLimits>): void {
  let value: PickleValue;
  try {
    value = inTime(() => decodePickle(bytes, limits));
  } catch (error) {
    if (error instanceof MalformedMessageError && error.offset >= 0 && error.offset <= bytes.length) return;
    throw error;
  }
  const { maxItems = Infinity, maxSize = Infinity, maxDepth = Infinity } = limits;
  const { items, size, depth } = extentOf(value);
  if (items > maxItems || size > maxSize || depth > maxDepth) {
    throw new Error(`${items} items, ${size} bytes, ${depth} levels: over ${Deno.inspect(limits)}`);
  }
  expectSame(decodePickle(encodePickle(value)), value);
}

/** A pickle takes about as long to read and to show as plain data of its length: what it costs is bytes. */
export function pickleTakesItsTime(
  bytes: Uint8Array,
  take: (bytes: Uint8Array) => void = readAndShow,
): void {
  const plain = encodePickle(new Array(bytes.length).fill(null));
  // Somebody else may need the processor for a while, but not each time.
  for (let tries = 3; tries > 0; tries--) {
    const [usual, took] = [plain, bytes].map((one) => timeOf(() => take(one))) as [number, number];
    if (took <= COSTLIER * usual + SPARE_TIME) return;
    if (tries === 1) throw new Error(`${bytes.length} bytes took ${took} ms, as many plain ones ${usual} ms`);
  }
}

function readAndShow(bytes: Uint8Array): void {
  try {
    let left = SHOWN_PER_BYTE * bytes.length;
    for (const piece of reprChunks(decodePickle(bytes))) {
      left -= piece.length;
      if (left < 0) break;
    }
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
  }
}

/** How many values there are, how much text and bytes, how many levels: shared ones each time they occur. */
function extentOf(value: PickleValue): { items: number; size: number; depth: number } {
  if (typeof value === "string") return { items: 1, size: new TextEncoder().encode(value).length, depth: 0 };
  if (value instanceof Uint8Array) return { items: 1, size: value.length, depth: 0 };
  const container = value instanceof Array || value instanceof PickleTuple || value instanceof Map;
  const parts = value instanceof Map ? [...value].flat() : value instanceof PickleTuple ? value.items : value;
  const total = { items: 1, size: 0, depth: container ? 1 : 0 };
  for (const part of parts instanceof Array ? parts : []) {
    const { items, size, depth } = extentOf(part as PickleValue);
    total.items += items;
    total.size += size;
    total.depth = Math.max(total.depth, depth + 1);
  }
  return total;
}

/** The one form in which a value is read, where several are written alike. */
export function asRead(value: PickleValue): PickleValue {
  if (Object.is(value, -0)) return new PickleFloat(-0);
  if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) return Number(value);
  if (value instanceof PickleFloat && !Number.isInteger(value.value)) return value.value;
  if (value instanceof PickleTuple) return new PickleTuple(value.items.map(asRead));
  if (value instanceof Array) return value.map(asRead);
  if (value instanceof Map) return new Map([...value].map(([key, part]) => [asRead(key), asRead(part)]));
  return value;
}

/** The pieces of a stream between the places it is cut at; twice at one place is an empty piece. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const sorted = places.map((place) => place % (bytes.length + 1)).sort((one, other) => one - other);
  return [0, ...sorted].map((start, index) => bytes.subarray(start, sorted[index]));
}

function described({ messages, error }: Outcome<unknown>): unknown[] {
  return [messages, error?.name, error?.message];
}

function thrownBy(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing thrown";
}

function expectSame(actual: unknown, expected: unknown): void {
  const [one, other] = [code(actual), code(expected)];
  if (one !== other) throw new Error(`Expected ${other}, got ${one}`);
}

/** How many milliseconds something takes. */
function timeOf(run: () => void): number {
  const began = performance.now();
  run();
  return Math.round(performance.now() - began);
}

function inTime<Value>(run: () => Value): Value {
  const began = performance.now();
  try {
    return run();
  } finally {
    const took = performance.now() - began;
    // deno-lint-ignore no-unsafe-finally
    if (took > PATIENCE) throw new Error(`It took ${Math.round(took)} ms`);
  }
}
