import { equal } from "@std/assert/equal";
import { concat } from "@std/bytes/concat";
import { FramingError } from "./errors.ts";
import type { Framing } from "./framing.ts";

/** Up to this many bytes, every way of cutting a stream is tried: 2 to the power of 11 of them. */
const EVERY_CUT_UP_TO = 12;
/** Up to this many bytes, every pair of cuts is tried. */
const EVERY_PAIR_UP_TO = 64;
/** Piece sizes tried on streams of any length. */
const PIECE_SIZES = [1, 2, 3, 5, 7, 9, 64, 1021];

/** What a decoder made of a stream. */
export interface Outcome<Received> {
  /** The messages, in order. */
  messages: Received[];
  /** The error that ended the stream, if one did. */
  error: FramingError | undefined;
}

/**
 * Decodes a stream that comes in the given chunks.
 *
 * Each chunk is overwritten once it has been pushed, as a reused read buffer would be, so a message that
 * shares its memory comes out changed.
 *
 * @param framing The framing to decode with.
 * @param chunks The pieces of the stream, in order.
 * @returns The messages, and the error if there was one.
 * @throws Whatever the framing throws that is not a `FramingError`.
 *
 * @example A stream in two pieces
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

/** Takes at most so many messages at a time, from what is left of each chunk. */
function decode<Received>(
  framing: Framing<Received, never>,
  chunks: Iterable<Uint8Array>,
  most: number,
): Outcome<Received> {
  const decoder = framing.decoder();
  const messages: Received[] = [];
  try {
    for (const chunk of chunks) {
      const reused = new Uint8Array(chunk);
      for (let rest = reused; decoder.failure === undefined;) {
        for (const message of decoder.push(rest, most)) messages.push(message);
        rest = rest.subarray(decoder.taken ?? rest.length);
        if (rest.length === 0) break;
      }
      reused.fill(0xaa);
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
 * Checks that a framing makes the same of a stream however it is cut, whether or not the stream is well formed.
 *
 * Short streams are cut in every way there is, streams up to 64 bytes at every pair of places, any stream
 * into pieces of equal size.
 *
 * @param framing The framing to check.
 * @param bytes The stream.
 * @returns What every way of cutting came to.
 * @throws {Error} If two ways of cutting differ; the message says which, and how.
 *
 * @example A stream that is not well formed
 * ```ts
 * import { checkCuts, decimalHeader } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const { error } = checkCuts(decimalHeader(), new TextEncoder().encode("GET / HTTP/1.1\r\n"));
 * assertEquals(error?.reason, "malformed");
 * ```
 */
export function checkCuts<Received>(framing: Framing<Received, never>, bytes: Uint8Array): Outcome<Received> {
  return compare(framing, bytes, waysToCut(bytes.length));
}

function compare<Received>(
  framing: Framing<Received, never>,
  bytes: Uint8Array,
  ways: Iterable<number[]>,
): Outcome<Received> {
  const whole = decodeChunks(framing, [bytes]);
  for (const most of [1, 2]) {
    const few = decode(framing, [bytes], most);
    if (!equal(few.messages, whole.messages) || describe(few.error) !== describe(whole.error)) {
      throw new Error(
        `Pushed for ${most} at a time the stream gives ${show(few)}; all at once it gives ${show(whole)}`,
      );
    }
  }
  for (const cuts of ways) {
    const cut = decodeChunks(framing, pieces(bytes, cuts));
    if (!equal(cut.messages, whole.messages) || describe(cut.error) !== describe(whole.error)) {
      throw new Error(
        `Cut at [${cuts.slice(0, 20)}] the stream gives ${show(cut)}; in one piece it gives ${show(whole)}`,
      );
    }
  }
  return whole;
}

/**
 * Checks a framing: the messages survive encoding and decoding however the stream is cut, and a stream that ends
 * at any byte gives the messages complete by then, whether or not an error follows.
 *
 * @param framing The framing to check.
 * @param messages Messages to send; an empty list is a stream of no bytes.
 * @param received What should come out, where that differs from what was sent.
 * @throws {Error} If something differs; the message says what.
 *
 * @example A framing of one's own
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
    const ended = compare(framing, bytes.subarray(0, end), equalPieces(end));
    const atBoundary = end === boundary;
    if (!equal(ended.messages.slice(0, complete), received.slice(0, complete)) || ended.messages.length < complete) {
      throw new Error(`Ended at byte ${end}, expected ${complete} messages, got ${show(ended)}`);
    }
    if (atBoundary && (ended.error !== undefined || ended.messages.length !== complete)) {
      throw new Error(`Ended between messages, at byte ${end}, got ${show(ended)}`);
    }
    if (!atBoundary && ended.error === undefined && ended.messages.length === complete) {
      throw new Error(`Ended inside message ${complete}, at byte ${end}, and neither a message nor an error came`);
    }
  }
}

/** The places to cut a stream of `length` bytes at, one list a way. */
function* waysToCut(length: number): Generator<number[]> {
  const places = placesIn(length);
  if (length <= EVERY_CUT_UP_TO) {
    for (let chosen = 0; chosen < 2 ** places.length; chosen++) {
      yield places.filter((_, bit) => chosen & (1 << bit));
    }
    return;
  }
  yield* equalPieces(length);
  if (length > EVERY_PAIR_UP_TO) return;
  for (const first of places) {
    for (const second of places.slice(first)) yield [first, second];
  }
}

/** The places that cut a stream into pieces of equal size, one list a size. */
function* equalPieces(length: number): Generator<number[]> {
  for (const size of PIECE_SIZES) yield placesIn(length).filter((place) => place % size === 0);
}

function placesIn(length: number): number[] {
  return Array.from({ length: Math.max(0, length - 1) }, (_, index) => index + 1);
}

/** The pieces of a stream between the places it is cut at, with an empty one in the middle. */
function pieces(bytes: Uint8Array, cuts: number[]): Uint8Array[] {
  const starts = [0, ...cuts];
  const all = starts.map((start, index) => bytes.subarray(start, starts[index + 1]));
  all.splice(all.length >> 1, 0, new Uint8Array());
  return all;
}

function describe(error: FramingError | undefined): string {
  return error === undefined ? "no error" : `${error.name}: ${error.message}`;
}

function show({ messages, error }: Outcome<unknown>): string {
  return `${Deno.inspect(messages)} and ${describe(error)}`;
}
