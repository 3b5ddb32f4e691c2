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
   * What bytes after the last delimiter are when the stream ends: one more message, or an error. Choose
   * `"error"` where half a message would be taken for a whole one (`DELETE a` for `DELETE ab`).
   *
   * @default {"message"}
   */
  unterminated?: "message" | "error";
}

/**
 * Messages that end in a delimiter, which is not part of them. A delimiter split over two reads is found.
 *
 *     push  48 65 79 0d           push  0a 59 6f 75 0d 0a       delimiter 0d 0a
 *     gives nothing               gives "Hey" and "You"
 *
 * @param delimiter The bytes, or the text as UTF-8, that end a message; at least one byte.
 * @param options The limit, and what an unterminated last message is.
 * @returns The framing; `encode` refuses a message in which the delimiter would be found too early.
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

/** What `delimited` and `lines` share. `optional` is a byte that may stand before the delimiter and belongs to it. */
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
  /** The unfinished message, and as much of the delimiter as came. */
  readonly #begun = new GrowingBuffer();

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
    return this.#begun.length > 0;
  }

  protected override read(chunk: Uint8Array, messages: Uint8Array[], most: number): number {
    let start = 0;
    for (let end; messages.length < most && (end = this.#search.find(chunk, start)) !== -1; start = end) {
      messages.push(this.#message(chunk, start, end));
    }
    if (start === chunk.length || messages.length >= most) return start;
    const rest = chunk.subarray(start);
    // What may still turn out to be the delimiter does not count as payload.
    const optional = rest.at(-1) === this.#optional ? 1 : 0;
    this.#checkLength(this.#begun.length + rest.length - Math.max(this.#search.matched, optional), rest);
    this.#begun.append(rest, this.#limit + 1 + this.#delimiterLength);
    return chunk.length;
  }

  protected override finish(messages: Uint8Array[]): void {
    const { length } = this.#begun;
    if (length === 0) return;
    if (this.#unterminated === "error") {
      const guess = looksLike(this.#begun.take()) ?? "";
      throw new TruncatedMessageError("message without its delimiter", length + 1, length, guess);
    }
    this.#checkLength(length);
    messages.push(this.#begun.take());
  }

  /** The message whose delimiter ends at `end` of the chunk. */
  #message(chunk: Uint8Array, start: number, end: number): Uint8Array {
    const before = this.#begun.length;
    let length = before + end - start - this.#delimiterLength;
    if (length > 0 && this.#optional !== undefined) {
      const last = length > before ? chunk[start + length - before - 1] : this.#begun.last;
      if (last === this.#optional) length--;
    }
    this.#checkLength(length, chunk.subarray(start, end));
    if (before === 0) return copy(chunk, start, start + length);
    if (length > before) this.#begun.append(chunk.subarray(start, start + length - before), length);
    return this.#begun.take(length);
  }

  /** Where a message ends is not known when it becomes too long, so its length is given as one over the limit. */
  #checkLength(length: number, rest: Uint8Array = new Uint8Array()): void {
    if (length <= this.#limit) return;
    // No more than has come wherever the stream is cut.
    const bytes = concat([this.#begun.take(), rest]).subarray(0, this.#limit + 1);
    throw new MessageTooLongError(this.#limit, this.#limit + 1, " or more", looksLike(bytes) ?? "");
  }
}

/** Finds the delimiter in a stream of chunks, each byte seen once (Knuth, Morris and Pratt, 1977). */
class Search {
  readonly #delimiter: Uint8Array;
  readonly #prefixes: Uint32Array;
  /** How many bytes of the delimiter the stream ends in so far. */
  matched = 0;

  constructor(delimiter: Uint8Array, prefixes: Uint32Array) {
    this.#delimiter = delimiter;
    this.#prefixes = prefixes;
  }

  /** Looks on from `at`; returns where the delimiter ends in the chunk, or -1 once the chunk is used up. */
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

/** For each prefix of the delimiter, the length of its longest proper prefix that is its suffix too. */
function prefixTable(delimiter: Uint8Array): Uint32Array {
  const table = new Uint32Array(delimiter.length);
  for (let at = 1, matched = 0; at < delimiter.length; at++) {
    while (matched > 0 && delimiter[at] !== delimiter[matched]) matched = table[matched - 1]!;
    if (delimiter[at] === delimiter[matched]) matched++;
    table[at] = matched;
  }
  return table;
}
