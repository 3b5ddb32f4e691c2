import { concat } from "@std/bytes/concat";
import { BaseDecoder } from "./_decoder.ts";
import { looksLike } from "./_describe.ts";
import { copy, GrowingBuffer } from "./_growing_buffer.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { MalformedMessageError, MessageTooLongError, TruncatedMessageError } from "./errors.ts";
import type { Framing, FramingOptions } from "./framing.ts";

/** Options of {@linkcode delimited} and {@linkcode lines}. */
export interface DelimitedOptions extends FramingOptions {
  /**
   * How to treat bytes left after the last delimiter when the stream ends: as one more message, or as an error. Choose
   * `"error"` if a truncated message could pass for a whole one (`DELETE a` for `DELETE ab`).
   *
   * @default {"message"}
   */
  unterminated?: "message" | "error";
}

/**
 * Messages that end in a delimiter, which is not part of them. The delimiter may be split over several chunks.
 *
 *     push  48 65 79 0d           push  0a 59 6f 75 0d 0a       delimiter 0d 0a
 *     gives nothing               gives "Hey" and "You"
 *
 * @param delimiter The bytes that end each message, or their UTF-8 text; at least one byte.
 * @param options The limit, and how to treat an unterminated last message.
 * @returns The framing; `encode` refuses a message if a decoder would find the delimiter too early.
 * @throws {TypeError} If the delimiter is empty.
 * @throws {RangeError} If `maxLength` is out of range.
 *
 * @example Records that end in a zero byte
 * ```ts
 * import { delimited } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = delimited("\0").decoder();
 * assertEquals(decoder.push(Uint8Array.of(1, 2, 0, 3)), [Uint8Array.of(1, 2)]);
 * assertEquals(decoder.end(), [Uint8Array.of(3)]);
 * ```
 */
export function delimited(
  delimiter: string | Uint8Array,
  options: DelimitedOptions = {},
): Framing<Uint8Array, Uint8Array> {
  const bytes = typeof delimiter === "string" ? new TextEncoder().encode(delimiter) : new Uint8Array(delimiter);
  if (bytes.length === 0) throw new TypeError("Cannot frame by an empty delimiter");
  return delimitedBy(bytes, undefined, options);
}

/** Implements `delimited` and `lines`. The delimiter may begin with one more byte, `optional`, which is then part of it. */
export function delimitedBy(
  delimiter: Uint8Array,
  optional: number | undefined,
  options: DelimitedOptions,
): Framing<Uint8Array, Uint8Array> {
  const limit = maxLengthOf(options);
  const prefixes = prefixTable(delimiter);
  return {
    encode(message) {
      checkLength(message.length, limit);
      const bytes = new Uint8Array(message.length + delimiter.length);
      bytes.set(message);
      bytes.set(delimiter, message.length);
      const end = new Search(delimiter, prefixes).find(bytes, 0);
      if (end !== bytes.length) {
        const offset = end - delimiter.length;
        throw new MalformedMessageError("a message without the delimiter", offset, bytes.subarray(offset, end));
      }
      if (optional !== undefined && message.at(-1) === optional) {
        const expected = "a message that does not end in part of the delimiter";
        throw new MalformedMessageError(expected, message.length - 1, message.subarray(-1));
      }
      return bytes;
    },
    decoder: () => new DelimitedDecoder(new Search(delimiter, prefixes), delimiter.length, optional, limit, options),
  };
}

class DelimitedDecoder extends BaseDecoder<Uint8Array> {
  readonly #search: Search;
  readonly #delimiterLength: number;
  readonly #optional: number | undefined;
  readonly #limit: number;
  readonly #unterminated: "message" | "error";
  /** The incomplete message, including the beginning of its delimiter. */
  readonly #buffer = new GrowingBuffer();

  constructor(
    search: Search,
    delimiterLength: number,
    optional: number | undefined,
    limit: number,
    { unterminated = "message" }: DelimitedOptions,
  ) {
    super();
    this.#search = search;
    this.#delimiterLength = delimiterLength;
    this.#optional = optional;
    this.#limit = limit;
    this.#unterminated = unterminated;
  }

  override get pending(): boolean {
    return this.#buffer.length > 0;
  }

  protected override read(chunk: Uint8Array, messages: Uint8Array[], most: number): number {
    let start = 0;
    for (let end; messages.length < most && (end = this.#search.find(chunk, start)) !== -1; start = end) {
      messages.push(this.#message(chunk, start, end));
    }
    if (start === chunk.length || messages.length >= most) return start;
    const rest = chunk.subarray(start);
    // Bytes that may be the beginning of the delimiter do not count as payload yet.
    const optional = rest.at(-1) === this.#optional ? 1 : 0;
    this.#checkLength(this.#buffer.length + rest.length - Math.max(this.#search.matched, optional), rest);
    this.#buffer.append(rest, this.#limit + 1 + this.#delimiterLength);
    return chunk.length;
  }

  protected override finish(messages: Uint8Array[]): void {
    const { length } = this.#buffer;
    if (length === 0) return;
    if (this.#unterminated === "error") {
      const hint = looksLike(this.#buffer.take()) ?? "";
      throw new TruncatedMessageError("message without its delimiter", length + 1, length, hint);
    }
    this.#checkLength(length);
    messages.push(this.#buffer.take());
  }

  /** Returns the message that continues at `start` of the chunk and whose delimiter ends at `end`. */
  #message(chunk: Uint8Array, start: number, end: number): Uint8Array {
    const buffered = this.#buffer.length;
    let length = buffered + end - start - this.#delimiterLength;
    if (length > 0 && this.#optional !== undefined) {
      const last = length > buffered ? chunk[start + length - buffered - 1] : this.#buffer.last;
      if (last === this.#optional) length--;
    }
    this.#checkLength(length, chunk.subarray(start, end));
    if (buffered === 0) return copy(chunk, start, start + length);
    if (length > buffered) this.#buffer.append(chunk.subarray(start, start + length - buffered), length);
    return this.#buffer.take(length);
  }

  /** The end of a message that is too long is not known yet, so the error states a length of one over the limit. */
  #checkLength(length: number, rest: Uint8Array = new Uint8Array()): void {
    if (length <= this.#limit) return;
    // However the stream is split, this many bytes have arrived by now, so the hint is always the same.
    const bytes = concat([this.#buffer.take(), rest]).subarray(0, this.#limit + 1);
    throw new MessageTooLongError(this.#limit, this.#limit + 1, " or more", looksLike(bytes) ?? "");
  }
}

/** Finds the delimiter in a stream of chunks, and examines each byte once (Knuth, Morris and Pratt, 1977). */
class Search {
  readonly #delimiter: Uint8Array;
  readonly #prefixes: Uint32Array;
  /** Number of bytes at the end of the stream so far that match the beginning of the delimiter. */
  matched = 0;

  constructor(delimiter: Uint8Array, prefixes: Uint32Array) {
    this.#delimiter = delimiter;
    this.#prefixes = prefixes;
  }

  /** Searches the chunk from `at` on; returns the offset after the delimiter, or -1 if the delimiter does not end in it. */
  find(chunk: Uint8Array, at: number): number {
    const delimiter = this.#delimiter;
    while (at < chunk.length) {
      if (this.matched === 0) {
        at = chunk.indexOf(delimiter[0]!, at);
        if (at === -1) return -1;
        this.matched = 1;
      } else {
        while (this.matched > 0 && chunk[at] !== delimiter[this.matched]) {
          this.matched = this.#prefixes[this.matched - 1]!;
        }
        if (chunk[at] === delimiter[this.matched]) this.matched++;
      }
      at++;
      if (this.matched === delimiter.length) {
        this.matched = 0;
        return at;
      }
    }
    return -1;
  }
}

/** For each prefix of the delimiter, the length of its longest proper prefix that is also its suffix. */
function prefixTable(delimiter: Uint8Array): Uint32Array {
  const table = new Uint32Array(delimiter.length);
  for (let at = 1, matched = 0; at < delimiter.length; at++) {
    while (matched > 0 && delimiter[at] !== delimiter[matched]) matched = table[matched - 1]!;
    if (delimiter[at] === delimiter[matched]) matched++;
    table[at] = matched;
  }
  return table;
}
