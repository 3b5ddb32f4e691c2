// Properties of every framing and of the pickle codec, for any input: checked by `deno task fuzz` and by the tests.

import {
  checkFraming,
  decodeChunks,
  decodePickle,
  encodePickle,
  FrameDecoderStream,
  FrameEncoderStream,
  type FramePart,
  FrameScanner,
  type Framing,
  FramingError,
  MalformedMessageError,
  type Outcome,
  PickleFloat,
  type PickleLimits,
  PickleTuple,
  type PickleValue,
} from "../../../lib/framing/mod.ts";
import { reprChunks } from "../../../services/objects/_repr.ts";
import { code } from "./code.ts";

/** Maximum duration of a check in milliseconds: thousands of times the usual one. */
const TIME_LIMIT = 5000;
/** Maximum memory of a decoder in bytes, in addition to that for the bytes received. */
const MEMORY_OVERHEAD = 256 * 1024;
/** Maximum number of copies of the stream in memory: chunks, growing buffers, messages, garbage not yet collected. */
const COPIES = 32;

/** Maximum duration of decoding a pickle: this multiple of that of null values of the same length, plus milliseconds. */
const MAX_SLOWDOWN = 30;
const TIME_OVERHEAD = 100;
/** Number of characters printed for each byte of a pickle, as in objects:client. */
const CHARACTERS_PER_BYTE = 16;

/** A framing of any messages. */
export type AnyFraming = Framing<unknown, never>;

/** Decoding gives the messages encoded, however the stream is split into chunks and wherever it ends. */
export function roundTrips(framing: Framing<unknown, unknown>, messages: readonly unknown[]): void {
  inTime(() => checkFraming(framing, messages));
  expectEqual(decodeChunks(framing, messages.map((message) => framing.encode(message))).messages, messages);
}

/**
 * Any bytes give the same messages and the same error, whichever of two ways they are split. Decoding takes bounded memory
 * and time. Chunk by chunk it gives the same messages, and after an error every call throws that error.
 */
export function sameForAnySplit(
  framing: AnyFraming,
  bytes: Uint8Array,
  offsets: readonly number[],
  otherOffsets: readonly number[],
): void {
  const before = Deno.memoryUsage().external;
  const outcome = inTime(() => decodeChunks(framing, split(bytes, offsets)));
  const taken = Deno.memoryUsage().external - before;
  if (taken > MEMORY_OVERHEAD + COPIES * bytes.length) {
    throw new Error(`${bytes.length} bytes took ${taken} bytes of memory`);
  }
  expectEqual(described(inTime(() => decodeChunks(framing, split(bytes, otherOffsets)))), described(outcome));

  const { error, messages } = outcome;
  if (error instanceof MalformedMessageError && !(error.offset >= 0 && error.offset <= bytes.length)) {
    throw new Error(`Expected an offset of at most ${bytes.length}, got ${error.offset}`);
  }
  const decoder = framing.decoder();
  let complete: unknown[] = [];
  try {
    for (const chunk of split(bytes, offsets)) complete = [...complete, ...decoder.push(chunk)];
  } catch (thrown) {
    if (thrown !== decoder.failure) throw thrown;
  }
  expectEqual(messages.slice(0, complete.length), complete);
  if (decoder.failure !== undefined) {
    expectEqual(thrownBy(() => decoder.push(bytes)), decoder.failure.message);
    expectEqual(thrownBy(() => decoder.end()), decoder.failure.message);
  }
  const scanned = scan(framing, split(bytes, offsets));
  expectEqual(scan(framing, split(bytes, otherOffsets)), scanned);
  // A codec may refuse a message that the framing accepts.
  if (scanned.error === error?.message) expectEqual(scanned.messages, messages.length);
  else if (error === undefined) throw new Error(`Scanning failed: ${scanned.error}`);
}

/** Scans a stream: the parts of messages, the number of complete messages, and the error. */
function scan(
  framing: AnyFraming,
  chunks: Uint8Array[],
): { parts: FramePart[]; messages: number; error: string | undefined } {
  const scanner = new FrameScanner(framing);
  const parts = chunks.flatMap((chunk) => scanner.push(chunk));
  scanner.end();
  const begun = parts.at(-1)?.message ?? 0;
  return { parts, messages: scanner.part === undefined ? begun : begun - 1, error: scanner.failure?.message };
}

/** `FrameDecoderStream` gives the same messages and the same error as the decoder. */
export async function sameAsStream(framing: AnyFraming, bytes: Uint8Array, offsets: readonly number[]): Promise<void> {
  const messages: unknown[] = [];
  let error: FramingError | undefined;
  const chunks = split(bytes, offsets).map((chunk) => new Uint8Array(chunk));
  try {
    const stream = ReadableStream.from(chunks).pipeThrough(new FrameDecoderStream(framing));
    for await (const message of stream) messages.push(message);
  } catch (thrown) {
    if (!(thrown instanceof FramingError)) throw thrown;
    error = thrown;
  }
  expectEqual(described({ messages, error }), described(decodeChunks(framing, [bytes])));
}

/** `FrameDecoderStream` gives the messages that `FrameEncoderStream` encoded. */
export async function streamRoundTrips(
  framing: Framing<unknown, unknown>,
  messages: readonly unknown[],
): Promise<void> {
  const stream = ReadableStream.from(messages)
    .pipeThrough(new FrameEncoderStream(framing))
    .pipeThrough(new FrameDecoderStream(framing));
  expectEqual(await Array.fromAsync(stream), messages);
}

/** Decoding a pickle gives the value encoded, unless it cannot be encoded. */
export function pickleRoundTrips(value: PickleValue): void {
  let bytes: Uint8Array;
  try {
    bytes = encodePickle(value);
  } catch (error) {
    // Python has no dict with two equal keys.
    if (error instanceof TypeError && /two keys/.test(error.message)) return;
    throw error;
  }
  expectEqual(inTime(() => decodePickle(bytes)), asDecoded(value));
}

/** Any bytes either are malformed, or decode to a value within the limits that can be encoded again. */
export function pickleDecodesOrFails(bytes: Uint8Array, limits: Partial<PickleLimits>): void {
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
  expectEqual(decodePickle(encodePickle(value)), value);
}

/** Decoding and printing a pickle takes about as long as a pickle of null values of the same length. */
export function pickleTimeIsLinear(
  bytes: Uint8Array,
  run: (bytes: Uint8Array) => void = decodeAndPrint,
): void {
  const plain = encodePickle(new Array(bytes.length).fill(null));
  // Other processes may occupy the processor for a while, but not every time.
  for (let tries = 3; tries > 0; tries--) {
    const [usual, took] = [plain, bytes].map((pickle) => timeOf(() => run(pickle))) as [number, number];
    if (took <= MAX_SLOWDOWN * usual + TIME_OVERHEAD) return;
    if (tries === 1) throw new Error(`${bytes.length} bytes took ${took} ms, null values ${usual} ms`);
  }
}

function decodeAndPrint(bytes: Uint8Array): void {
  try {
    let left = CHARACTERS_PER_BYTE * bytes.length;
    for (const text of reprChunks(decodePickle(bytes))) {
      left -= text.length;
      if (left < 0) break;
    }
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
  }
}

/** Counts values, bytes of text and data, and levels. A shared value counts each time it occurs. */
function extentOf(value: PickleValue): { items: number; size: number; depth: number } {
  if (typeof value === "string") return { items: 1, size: new TextEncoder().encode(value).length, depth: 0 };
  if (value instanceof Uint8Array) return { items: 1, size: value.length, depth: 0 };
  const container = value instanceof Array || value instanceof PickleTuple || value instanceof Map;
  const contents = value instanceof Map ? [...value].flat() : value instanceof PickleTuple ? value.items : value;
  const total = { items: 1, size: 0, depth: container ? 1 : 0 };
  for (const item of contents instanceof Array ? contents : []) {
    const { items, size, depth } = extentOf(item as PickleValue);
    total.items += items;
    total.size += size;
    total.depth = Math.max(total.depth, depth + 1);
  }
  return total;
}

/** Returns the value that decoding gives, where several values have the same encoding. */
export function asDecoded(value: PickleValue): PickleValue {
  if (Object.is(value, -0)) return new PickleFloat(-0);
  if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) return Number(value);
  if (value instanceof PickleFloat && !Number.isInteger(value.value)) return value.value;
  if (value instanceof PickleTuple) return new PickleTuple(value.items.map(asDecoded));
  if (value instanceof Array) return value.map(asDecoded);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [asDecoded(key), asDecoded(item)]));
  return value;
}

/** The chunks of a stream split at these offsets, modulo its length plus one. The same offset twice gives an empty chunk. */
function split(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const sorted = offsets.map((offset) => offset % (bytes.length + 1)).sort((one, other) => one - other);
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

function expectEqual(actual: unknown, expected: unknown): void {
  const [received, wanted] = [code(actual), code(expected)];
  if (received !== wanted) throw new Error(`Expected ${wanted}, got ${received}`);
}

/** Measures a call in milliseconds. */
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
    if (took > TIME_LIMIT) throw new Error(`It took ${Math.round(took)} ms`);
  }
}
