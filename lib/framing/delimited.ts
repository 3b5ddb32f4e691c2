import { type ByteFraming, byteFraming } from "./_byte_framing.ts";
import { type Conversion, MOST_PAYLOADS, payloads } from "./_conversion.ts";
import { BaseDecoder } from "./_decoder.ts";
import { looksLike } from "./_describe.ts";
import { beginSearch, findByte } from "./_find_byte.ts";
import { encodeUtf8 } from "./_encode_text.ts";
import { GrowingBuffer } from "./_growing_buffer.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { allocate } from "./_slab.ts";
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
  unterminated?: "message" | "error" | undefined;
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
  delimiter: Uint8Array<ArrayBuffer>,
  optional: number | undefined,
  options: DelimitedOptions,
): ByteFraming {
  const limit = maxLengthOf(options);
  const prefixes = prefixTable(delimiter);
  const search = new Search(delimiter, prefixes);
  /** Writes the delimiter after a message, and checks that a decoder would find it there. */
  function terminate(bytes: Uint8Array): void {
    const length = bytes.length - delimiter.length;
    checkLength(length, limit);
    bytes.set(delimiter, length);
    beginSearch();
    const end = search.find(bytes, 0);
    if (end !== bytes.length) {
      const offset = end - delimiter.length;
      throw new MalformedMessageError("a message without the delimiter", offset, bytes.subarray(offset, end));
    }
    if (optional !== undefined && bytes[length - 1] === optional) {
      const expected = "a message that does not end in part of the delimiter";
      throw new MalformedMessageError(expected, length - 1, bytes.subarray(length - 1, length));
    }
  }
  return byteFraming({
    encode(message) {
      checkLength(message.length, limit);
      const bytes = allocate(message.length + delimiter.length);
      bytes.set(message);
      terminate(bytes);
      return bytes;
    },
    encodeText(text) {
      const bytes = encodeUtf8(text, 0, delimiter.length);
      terminate(bytes);
      return bytes;
    },
    decoderTo: (convert) =>
      new DelimitedDecoder(new Search(delimiter, prefixes), delimiter.length, optional, limit, options, convert),
  });
}

class DelimitedDecoder<Message> extends BaseDecoder<Message> {
  readonly #search: Search;
  readonly #delimiterLength: number;
  readonly #optional: number | undefined;
  readonly #limit: number;
  readonly #unterminated: "message" | "error";
  readonly #convert: Conversion<Message>;
  /** The incomplete message, including the beginning of its delimiter. */
  readonly #buffer = new GrowingBuffer();

  constructor(
    search: Search,
    delimiterLength: number,
    optional: number | undefined,
    limit: number,
    { unterminated = "message" }: DelimitedOptions,
    convert: Conversion<Message>,
  ) {
    super();
    this.#search = search;
    this.#delimiterLength = delimiterLength;
    this.#optional = optional;
    this.#limit = limit;
    this.#unterminated = unterminated;
    this.#convert = convert;
  }

  override get pending(): boolean {
    return this.#buffer.length > 0;
  }

  protected override read(chunk: Uint8Array<ArrayBuffer>, messages: Message[], most: number): number {
    let start = 0;
    beginSearch();
    if (this.#buffer.length > 0) {
      const end = this.#search.find(chunk, 0);
      if (end === -1) return this.#keep(chunk, 0);
      this.#buffer.append(chunk, 0, end, this.#buffer.length + end);
      this.#convertBuffer(this.#endOf(this.#buffer.bytes, 0, this.#buffer.length), messages);
      start = end;
      most--;
    }
    while (start < chunk.length && most > 0) {
      const room = Math.min(most, MOST_PAYLOADS);
      let end = start;
      let count = 0;
      try {
        for (; count < room && (end = this.#search.find(chunk, start)) !== -1; start = end) {
          payloads[2 * count] = start;
          payloads[2 * count + 1] = this.#endOf(chunk, start, end);
          count++;
        }
      } finally {
        if (count > 0) this.#convert(chunk, count, messages, false);
      }
      if (end === -1) return this.#keep(chunk, start);
      most -= count;
    }
    return start;
  }

  protected override finish(messages: Message[]): void {
    const { length, view } = this.#buffer;
    if (length === 0) return;
    if (this.#unterminated === "error") {
      throw new TruncatedMessageError("message without its delimiter", length + 1, length, looksLike(view) ?? "");
    }
    if (length > this.#limit) this.#refuse(view);
    this.#convertBuffer(length, messages);
  }

  /** Returns where the payload ends that begins at `start` and whose delimiter ends at `end`. */
  #endOf(bytes: Uint8Array, start: number, end: number): number {
    let payloadEnd = end - this.#delimiterLength;
    if (payloadEnd > start && bytes[payloadEnd - 1] === this.#optional) payloadEnd--;
    if (payloadEnd - start > this.#limit) this.#refuse(bytes.subarray(start, end));
    return payloadEnd;
  }

  /** Buffers the beginning of a message, the rest of a chunk; returns the length of the chunk. */
  #keep(chunk: Uint8Array, start: number): number {
    if (start === chunk.length) return start;
    this.#buffer.append(chunk, start, chunk.length, this.#limit + 1 + this.#delimiterLength);
    // Bytes that may be the beginning of the delimiter do not count as payload yet.
    const delimiter = Math.max(this.#search.matched, chunk.at(-1) === this.#optional ? 1 : 0);
    if (this.#buffer.length - delimiter > this.#limit) this.#refuse(this.#buffer.view);
    return chunk.length;
  }

  #convertBuffer(length: number, messages: Message[]): void {
    payloads[0] = 0;
    payloads[1] = length;
    this.#convert(this.#buffer.bytes, 1, messages, this.#buffer.owned);
    this.#buffer.clear();
  }

  /** The end of a message that is too long is not known yet, so the error states a length of one over the limit. */
  #refuse(bytes: Uint8Array): never {
    // However the stream is split, this many bytes have arrived by now, so the hint is always the same.
    const hint = looksLike(bytes.subarray(0, this.#limit + 1)) ?? "";
    throw new MessageTooLongError(this.#limit, this.#limit + 1, " or more", hint);
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
    if (delimiter.length === 1) {
      const found = findByte(chunk, delimiter[0]!, at);
      return found === -1 ? -1 : found + 1;
    }
    while (at < chunk.length) {
      if (this.matched === 0) {
        at = findByte(chunk, delimiter[0]!, at);
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
