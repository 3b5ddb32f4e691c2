import { equal } from "@std/assert/equal";
import { concat } from "@std/bytes/concat";
import { FramingError } from "./errors.ts";
import type { Framing } from "./framing.ts";

/** Maximum length in bytes of streams that are split in every possible way: 2^11 ways. */
const EVERY_SPLIT_UP_TO = 12;
/** Maximum length in bytes of streams that are split at every pair of offsets. */
const EVERY_PAIR_UP_TO = 64;
/** Sizes of equal chunks, tried on streams of any length. */
const CHUNK_SIZES = [1, 2, 3, 5, 7, 9, 64, 1021];

/** The result of decoding a stream. */
export interface Outcome<Received> {
  /** The messages, in order. */
  messages: Received[];
  /** The error that ended decoding, if any. */
  error: FramingError | undefined;
}

/**
 * Decodes a stream that arrives in the given chunks.
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
  return decode(framing, chunks, Infinity);
}

/** Decodes a stream, at most `most` messages per push. */
function decode<Received>(
  framing: Framing<Received, never>,
  chunks: Iterable<Uint8Array>,
  most: number,
): Outcome<Received> {
  const decoder = framing.decoder();
  const messages: Received[] = [];
  try {
    for (const chunk of chunks) {
      const buffer = new Uint8Array(chunk);
      for (let rest = buffer; decoder.failure === undefined;) {
        for (const message of decoder.push(rest, most)) messages.push(message);
        rest = rest.subarray(decoder.taken ?? rest.length);
        if (rest.length === 0) break;
      }
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
 * Checks that decoding a stream gives the same result however the stream is split into chunks. The stream may be malformed.
 *
 * Streams of up to 12 bytes are split in every possible way, streams of up to 64 bytes at every pair of offsets, and all
 * streams into chunks of equal size.
 *
 * @param framing The framing to check.
 * @param bytes The stream.
 * @returns The result, the same for every split.
 * @throws {Error} If two splits give different results; the error states both.
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
  return compare(framing, bytes, splitsOf(bytes.length));
}

function compare<Received>(
  framing: Framing<Received, never>,
  bytes: Uint8Array,
  splits: Iterable<number[]>,
): Outcome<Received> {
  const whole = decodeChunks(framing, [bytes]);
  for (const most of [1, 2]) {
    const few = decode(framing, [bytes], most);
    if (!equal(few.messages, whole.messages) || describe(few.error) !== describe(whole.error)) {
      throw new Error(
        `Decoded ${most} messages at a time the stream gives ${show(few)}; all at once it gives ${show(whole)}`,
      );
    }
  }
  for (const offsets of splits) {
    const split = decodeChunks(framing, chunksOf(bytes, offsets));
    if (!equal(split.messages, whole.messages) || describe(split.error) !== describe(whole.error)) {
      throw new Error(
        `Split at [${offsets.slice(0, 20)}] the stream gives ${show(split)}; in one chunk it gives ${show(whole)}`,
      );
    }
  }
  return whole;
}

/**
 * Checks that a framing decodes what it encodes, however the stream is split into chunks, and that a stream that ends at
 * any byte gives the messages complete by then, whether or not an error follows.
 *
 * @param framing The framing to check.
 * @param messages Messages to encode; an empty list is a stream of no bytes.
 * @param received Messages that decoding should give, if they differ from those encoded.
 * @throws {Error} If the messages or the error differ; the error states how.
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
  const encoded = messages.map((message) => framing.encode(message));
  const bytes = concat(encoded);
  const outcome = checkCuts(framing, bytes);
  if (!equal(outcome.messages, [...received]) || outcome.error !== undefined) {
    throw new Error(`Sent ${Deno.inspect(messages)}, got ${show(outcome)}`);
  }
  let complete = 0;
  let boundary = 0;
  for (let end = 0; end <= bytes.length; end++) {
    while (complete < encoded.length && end >= boundary + encoded[complete]!.length) {
      boundary += encoded[complete++]!.length;
    }
    const ended = compare(framing, bytes.subarray(0, end), equalSplits(end));
    const atBoundary = end === boundary;
    if (!equal(ended.messages.slice(0, complete), received.slice(0, complete)) || ended.messages.length < complete) {
      throw new Error(`Ended at byte ${end}, expected ${complete} messages, got ${show(ended)}`);
    }
    if (atBoundary && (ended.error !== undefined || ended.messages.length !== complete)) {
      throw new Error(`Ended between messages, at byte ${end}, got ${show(ended)}`);
    }
    if (!atBoundary && ended.error === undefined && ended.messages.length === complete) {
      throw new Error(`Ended inside message ${complete}, at byte ${end}, expected a message or an error, got neither`);
    }
  }
}

/** Splits of a stream of `length` bytes: each is a list of offsets. */
function* splitsOf(length: number): Generator<number[]> {
  const offsets = offsetsIn(length);
  if (length <= EVERY_SPLIT_UP_TO) {
    for (let chosen = 0; chosen < 2 ** offsets.length; chosen++) {
      yield offsets.filter((_, bit) => chosen & (1 << bit));
    }
    return;
  }
  yield* equalSplits(length);
  if (length > EVERY_PAIR_UP_TO) return;
  for (const first of offsets) {
    for (const second of offsets.slice(first)) yield [first, second];
  }
}

/** Splits into chunks of equal size, one for each size. */
function* equalSplits(length: number): Generator<number[]> {
  for (const size of CHUNK_SIZES) yield offsetsIn(length).filter((offset) => offset % size === 0);
}

/** Every offset between two bytes. */
function offsetsIn(length: number): number[] {
  return Array.from({ length: Math.max(0, length - 1) }, (_, index) => index + 1);
}

/** The chunks of a stream split at these offsets, with an empty chunk in the middle. */
function chunksOf(bytes: Uint8Array, offsets: number[]): Uint8Array[] {
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
