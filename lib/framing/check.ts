import { equal } from "@std/assert/equal";
import { concat } from "@std/bytes/concat";
import { FramingError } from "./errors.ts";
import type { Framing } from "./framing.ts";

/** Maximum length in bytes of streams that are split in every possible way: 2^11 ways. */
const EVERY_SPLIT_UP_TO = 12;
/** Maximum length in bytes of streams that are split at every pair of offsets. */
const EVERY_PAIR_UP_TO = 64;
/** Maximum length in bytes of streams that are split, and that end, at every offset. */
const EVERY_OFFSET_UP_TO = 256;
/** Number of random splits, and of random ends, of longer streams. Constant, so that the time grows linearly. */
const RANDOM = 48;
/** Maximum distance in bytes from the end of a message at which streams of any length are split. */
const REACH = 16;
/** Sizes of equal chunks, tried on streams of any length; `Infinity` is the stream in one chunk. */
const CHUNK_SIZES = [1, 2, 3, 5, 7, 9, 64, 1021, Infinity];
/** Those tried on each end of a stream. */
const FEW_CHUNK_SIZES = [3, 64, Infinity];

/** The result of decoding a stream. */
export interface Outcome<Received> {
  /** The messages, in order. */
  messages: Received[];
  /** The error that ended decoding, if any. */
  error: FramingError | undefined;
}

/**
 * Decodes a stream that arrives in the given chunks. The decoder itself is not checked.
 *
 * Each chunk is copied before and overwritten after it is pushed, like a reused read buffer. A message that shares memory
 * with its chunk is therefore corrupted.
 *
 * @param framing The framing to decode with.
 * @param chunks The chunks of the stream, in order.
 * @returns The messages, and the error if there was one.
 * @throws Any error of the framing that is not a `FramingError`.
 *
 * @example A stream in two chunks
 * ```ts
 * import { decodeChunks, netstring } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const chunks = [new TextEncoder().encode("1:a,1"), new TextEncoder().encode(":b,2:")];
 * const { messages, error } = decodeChunks(netstring(), chunks);
 * assertEquals(messages.length, 2);
 * assertEquals(error?.message, "Stream ended inside a message: expected 3 bytes, got 0");
 * ```
 */
export function decodeChunks<Received>(
  framing: Framing<Received, never>,
  chunks: Iterable<Uint8Array>,
): Outcome<Received> {
  const decoder = framing.decoder();
  const messages: Received[] = [];
  try {
    for (const chunk of chunks) {
      const buffer = new Uint8Array(chunk);
      for (const message of decoder.push(buffer)) messages.push(message);
      buffer.fill(0xaa);
      if (decoder.failure !== undefined) break;
    }
    for (const message of decoder.end()) messages.push(message);
    return { messages, error: decoder.failure };
  } catch (error) {
    if (error instanceof FramingError) return { messages, error };
    throw error;
  }
}

/**
 * Checks that decoding a stream gives the same result however the stream is split into chunks, and that the decoder keeps
 * the contract of {@linkcode Decoder} throughout. The stream may be malformed.
 *
 * Streams of up to 12 bytes are split in every possible way, up to 64 bytes at every pair of offsets, and up to 256 bytes
 * at every offset. Streams of any length are split near the end of each message, into chunks of equal size, and at random,
 * the same each time; the time to check them grows linearly. For every split:
 *
 * - After the same number of bytes the decoder has returned the same number of messages and `pending` is the same. When
 *   the stream ends, `end` gives a message or an error if and only if the decoder is `pending`.
 * - `push` takes the whole chunk, or returns exactly `most` messages and `taken` is right.
 * - An error is thrown by the call that has no message to return, and by every later call; `failure` is that error. A push
 *   after the end throws a `TypeError`.
 * - No array is returned twice, and no message changes after it is returned, although its chunk is overwritten.
 *
 * @param framing The framing to check. Batches, which depend on the chunks and share memory with them, fail the check.
 * @param bytes The stream.
 * @returns The result, the same for every split.
 * @throws {Error} If two splits give different results, or the decoder breaks its contract; the error states how.
 *
 * @example A malformed stream
 * ```ts
 * import { checkCuts, decimalHeader } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const { error } = checkCuts(decimalHeader(), new TextEncoder().encode("GET / HTTP/1.1\r\n"));
 * assertEquals(error?.reason, "malformed");
 * ```
 */
export function checkCuts<Received>(framing: Framing<Received, never>, bytes: Uint8Array): Outcome<Received> {
  const { messages, error } = compare(framing, bytes, splitsOf);
  return { messages, error };
}

/**
 * Checks that a framing decodes what it encodes, however the stream is split into chunks, and that a stream that ends at
 * any byte gives the messages complete by then, whether or not an error follows. Checks everything that
 * {@linkcode checkCuts} does, and that the decoder is `pending` inside each message and not between messages.
 *
 * Streams of up to 256 bytes end at every byte. Longer ones end near the ends of messages and at random.
 *
 * @param framing The framing to check.
 * @param messages Messages to encode; an empty list is a stream of no bytes.
 * @param received Messages that decoding should give, if they differ from those encoded.
 * @throws {Error} If the messages or the error differ, or the decoder breaks its contract; the error states how.
 *
 * @example A custom framing
 * ```ts
 * import { checkFraming, lengthPrefix, text } from "@wirebench/wirebench/framing";
 *
 * checkFraming(text(lengthPrefix({ bytes: 1 })), ["Hey", "", "Zoë"]);
 * ```
 */
export function checkFraming<Received, Sent>(
  framing: Framing<Received, Sent>,
  messages: readonly Sent[],
  received: readonly Received[] = messages as readonly unknown[] as readonly Received[],
): void {
  const encoded = messages.map((message) => new Uint8Array(framing.encode(message)));
  const bytes = concat(encoded);
  const outcome = compare(framing, bytes, splitsOf);
  if (!same(outcome.messages, received) || outcome.error !== undefined) {
    throw new Error(`Sent ${Deno.inspect(messages)}, got ${show(outcome)}`);
  }
  const ends = endsOf(bytes.length, boundariesIn(outcome.states));
  let complete = 0;
  let boundary = 0;
  for (const { offset, count, pending } of outcome.states) {
    while (complete < encoded.length && offset >= boundary + encoded[complete]!.length) {
      boundary += encoded[complete++]!.length;
    }
    const atBoundary = offset === boundary;
    if (count === complete && pending === atBoundary) {
      const where = atBoundary ? "between messages" : `inside message ${complete}`;
      throw new Error(`Expected pending to be ${!atBoundary} ${where}, at byte ${offset}, got ${pending}`);
    }
    if (!ends.has(offset)) continue;
    const ended = compare(framing, bytes.subarray(0, offset), (length) => equalSplits(length, FEW_CHUNK_SIZES));
    if (!same(ended.messages.slice(0, complete), received.slice(0, complete))) {
      throw new Error(`Ended at byte ${offset}, expected ${complete} messages, got ${show(ended)}`);
    }
    if (atBoundary && (ended.error !== undefined || ended.messages.length !== complete)) {
      throw new Error(`Ended between messages, at byte ${offset}, got ${show(ended)}`);
    }
    if (!atBoundary && ended.error === undefined && ended.messages.length === complete) {
      throw new Error(
        `Ended inside message ${complete}, at byte ${offset}, expected a message or an error, got neither`,
      );
    }
  }
}

/** How a stream is pushed: the offsets at which it is split, and the maximum number of messages per push. */
interface Split {
  offsets: readonly number[];
  most?: number | undefined;
}

/** A decoder between two pushes. */
interface State {
  /** Number of bytes taken so far. */
  offset: number;
  /** Number of messages returned so far. */
  count: number;
  pending: boolean;
  /** Whether the last push stopped in the middle of its chunk. */
  stopped: boolean;
}

/** The result of decoding a stream, and the states of the decoder until it failed. */
interface Run<Received> extends Outcome<Received> {
  states: State[];
}

/** Decodes a stream byte by byte and in other splits, and throws unless the results are the same. */
function compare<Received>(
  framing: Framing<Received, never>,
  bytes: Uint8Array,
  splits: (length: number, boundaries: readonly number[]) => Iterable<Split>,
): Run<Received> {
  const reference = decode(framing, bytes, { offsets: offsetsIn(bytes.length) });
  const states = reference.states.filter(({ offset }, at, all) => offset !== all[at - 1]?.offset);
  for (const split of [{ offsets: [] }, ...splits(bytes.length, boundariesIn(states))]) {
    const run = decode(framing, bytes, split);
    if (!same(run.messages, reference.messages) || describe(run.error) !== describe(reference.error)) {
      throw new Error(`${showSplit(split)} the stream gives ${show(run)}; byte by byte it gives ${show(reference)}`);
    }
    for (const state of run.states) {
      const expected = states[state.offset];
      if (expected === undefined || (state.count === expected.count && state.pending === expected.pending)) continue;
      // A decoder may look at bytes beyond a message, such as for the `\n` after a `\r`.
      if (state.stopped && state.count > expected.count) continue;
      throw new Error(
        `${showSplit(split)} the first ${state.offset} bytes give ${showState(state)}; byte by byte ${
          showState(expected)
        }`,
      );
    }
  }
  return { ...reference, states };
}

/** Decodes a stream and checks on the way that the decoder keeps its contract. */
function decode<Received>(framing: Framing<Received, never>, bytes: Uint8Array, split: Split): Run<Received> {
  const { most } = split;
  const decoder = framing.decoder();
  const messages: Received[] = [];
  /** What each message held when it was returned. */
  const contents: unknown[] = [];
  const lists = new Set<Received[]>();
  const states = [{ offset: 0, count: 0, pending: decoder.pending, stopped: false }];

  function check(holds: boolean, fault: () => string): void {
    if (!holds) throw new Error(`${showSplit(split)} ${fault()}`);
  }

  /** Calls a method of the decoder that returns messages. */
  function call(method: "push" | "end", run: () => Received[]): Received[] {
    let list: Received[] = [];
    let thrown: FramingError | undefined;
    try {
      list = run();
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      thrown = error;
    }
    const { failure } = decoder;
    check(
      list.length > 0 || failure === thrown,
      () =>
        thrown === undefined
          ? `${method} returns nothing and sets failure, expected it to throw ${describe(failure)}`
          : `${method} throws ${describe(thrown)}, expected failure to be this error, got ${describe(failure)}`,
    );
    check(!lists.has(list), () => `${method} returns an array that it has returned before`);
    if (list.length > 0) lists.add(list);
    for (const message of list) {
      messages.push(message);
      contents.push(contentOf(message));
    }
    return list;
  }

  /** Pushes a chunk, in several pushes if `most` requires it; returns whether the decoder accepts more. */
  function push(chunk: Uint8Array): boolean {
    for (let rest = chunk;;) {
      const { length } = call("push", () => decoder.push(rest, most));
      const failed = decoder.failure !== undefined;
      const taken = failed ? rest.length : decoder.taken ?? rest.length;
      check(
        taken === rest.length || (Number.isInteger(taken) && taken >= 0 && taken < rest.length && length === most &&
          (taken > 0 || messages.length <= states.at(-1)!.offset)),
        () => `push returns ${countOf(length, "message")} of ${countOf(rest.length, "byte")}, and taken is ${taken}`,
      );
      check(
        decoder.taken === undefined || length <= (most ?? Infinity),
        () => `push returns ${countOf(length, "message")}, expected at most ${most}`,
      );
      // Changes a message that shares memory with the chunk.
      for (let at = 0; at < taken; at++) rest[at]! ^= 0xff;
      if (failed) return false;
      rest = rest.subarray(taken);
      const offset = states.at(-1)!.offset + taken;
      states.push({ offset, count: messages.length, pending: decoder.pending, stopped: rest.length > 0 });
      if (rest.length === 0) return true;
    }
  }

  function expectRefusal(method: "push" | "end", run: () => unknown): void {
    const { failure } = decoder;
    let thrown: unknown = "nothing";
    try {
      run();
    } catch (error) {
      thrown = error;
    }
    check(
      failure === undefined ? thrown instanceof TypeError : thrown === failure,
      () =>
        failure === undefined
          ? `${method} after the end throws ${thrown}, expected a TypeError`
          : `${method} after an error throws ${thrown}, expected the same error, ${describe(failure)}`,
    );
  }

  if (chunksOf(new Uint8Array(bytes), split.offsets).every(push)) {
    const { pending } = decoder;
    const given = call("end", () => decoder.end()).length > 0 || decoder.failure !== undefined;
    check(
      pending === given,
      () =>
        `pending is ${pending} after ${countOf(bytes.length, "byte")}, but the end gives ${
          given ? "a message or an error" : "neither a message nor an error"
        }`,
    );
  } else {
    expectRefusal("end", () => decoder.end());
  }
  expectRefusal("push", () => decoder.push(Uint8Array.of(0)));
  check(
    same(messages.map((message) => contentOf(message)), contents),
    () => `a message changes after it is returned: expected ${Deno.inspect(contents)}, got ${Deno.inspect(messages)}`,
  );
  return { messages, error: decoder.failure, states };
}

/** Whether two lists are equal. Much faster than `equal` for long lists of short messages. */
function same(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at] || equal(item, other[at]));
}

/** Copies the bytes, items and properties that a message holds. */
function contentOf(value: unknown, seen?: Map<unknown, unknown>): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice();
  seen ??= new Map();
  if (seen.has(value)) return seen.get(value);
  const copy: unknown[] = [];
  seen.set(value, copy);
  const holdsItems = value instanceof Array || value instanceof Map || value instanceof Set;
  for (const item of holdsItems ? value : Object.entries(value)) copy.push(contentOf(item, seen));
  return copy;
}

/** Splits of a stream in which messages end at `boundaries`. */
function* splitsOf(length: number, boundaries: readonly number[]): Generator<Split> {
  for (const most of [undefined, 1, 2]) yield* equalSplits(length, CHUNK_SIZES, most);
  const offsets = offsetsIn(length);
  if (length <= EVERY_SPLIT_UP_TO) {
    for (let chosen = 0; chosen < 2 ** offsets.length; chosen++) {
      yield { offsets: offsets.filter((_, bit) => chosen & (1 << bit)) };
    }
    return;
  }
  for (let distance = -REACH; distance <= REACH; distance++) {
    const shifted = boundaries.map((boundary) => boundary + distance);
    const inside = new Set(shifted.filter((offset) => offset > 0 && offset < length));
    yield { offsets: [...inside] };
    yield { offsets: offsets.filter((offset) => inside.has(offset) || inside.has(offset + distance)) };
  }
  const random = randomNumbers();
  for (let count = 0; count < RANDOM; count++) {
    const size = length ** random();
    yield { offsets: offsets.filter(() => random() * size < 1), most: [undefined, 1, 3][count % 3] };
  }
  if (length > EVERY_OFFSET_UP_TO) return;
  for (const offset of offsets) yield { offsets: [offset] };
  if (length > EVERY_PAIR_UP_TO) return;
  for (const first of offsets) {
    for (const second of offsets.slice(first)) yield { offsets: [first, second] };
  }
}

/** Splits into chunks of equal size, one for each size. */
function* equalSplits(length: number, sizes: readonly number[], most?: number): Generator<Split> {
  for (const size of sizes) yield { offsets: offsetsIn(length, size), most };
}

/** Lengths at which a stream ends in which messages end at `boundaries`. */
function endsOf(length: number, boundaries: readonly number[]): Set<number> {
  if (length <= EVERY_OFFSET_UP_TO) return new Set([0, ...offsetsIn(length), length]);
  const ends = new Set([0, length]);
  const random = randomNumbers();
  for (let count = 0; count < RANDOM; count++) {
    const boundary = boundaries[Math.floor(random() * boundaries.length)] ?? 0;
    ends.add(boundary + count % 3 - 1).add(Math.floor(random() * length));
  }
  return ends;
}

/** The offsets at which the decoder returned messages. */
function boundariesIn(states: readonly State[]): number[] {
  return states.filter(({ count }, at) => count > (states[at - 1]?.count ?? 0)).map(({ offset }) => offset);
}

/** The offsets between two bytes, every one or every `step`th. */
function offsetsIn(length: number, step: number = 1): number[] {
  const offsets: number[] = [];
  for (let offset = step; offset < length; offset += step) offsets.push(offset);
  return offsets;
}

/** Numbers from 0 to less than 1, the same each time: mulberry32, by Tommy Ettinger (2017, public domain). */
function randomNumbers(): () => number {
  let state = 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The chunks of a stream split at these offsets, with an empty chunk in the middle. */
function chunksOf(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const starts = [0, ...offsets];
  const chunks = starts.map((start, index) => bytes.subarray(start, starts[index + 1]));
  chunks.splice(chunks.length >> 1, 0, new Uint8Array());
  return chunks;
}

function describe(error: FramingError | undefined): string {
  return error === undefined ? "no error" : `${error.name}: ${error.message}`;
}

function show({ messages, error }: Outcome<unknown>): string {
  return `${Deno.inspect(messages)} and ${describe(error)}`;
}

function showState({ count, pending }: State): string {
  return `${countOf(count, "message")}, pending ${pending}`;
}

function countOf(count: number, noun: string): string {
  return `${count === 0 ? "no" : count} ${noun}${count > 1 ? "s" : ""}`;
}

function showSplit({ offsets, most }: Split): string {
  const limit = most === undefined ? "" : `, with at most ${countOf(most, "message")} a push`;
  const where = offsets.length === 0
    ? "In one chunk"
    : `Split at [${offsets.slice(0, 20)}${offsets.length > 20 ? ",..." : ""}]`;
  return `${where}${limit},`;
}
