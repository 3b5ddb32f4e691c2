import { type Conversion, MOST_PAYLOADS, payloads } from "./_conversion.ts";
import { BaseDecoder } from "./_decoder.ts";
import { looksLike } from "./_describe.ts";
import { GrowingBuffer } from "./_growing_buffer.ts";
import { MessageTooLongError, TruncatedMessageError } from "./errors.ts";
import type { DelimitedLayout } from "./layout.ts";

/** Decodes messages that end in a delimiter. */
export class DelimitedDecoder<Message> extends BaseDecoder<Message> {
  readonly #search: DelimiterSearch;
  readonly #delimiterLength: number;
  readonly #optional: number | undefined;
  readonly #limit: number;
  readonly #unterminated: "message" | "error";
  readonly #convert: Conversion<Message>;
  /** The incomplete message, including the beginning of its delimiter. */
  readonly #buffer = new GrowingBuffer();

  constructor(
    { delimiter, optional, unterminated, maxLength }: DelimitedLayout,
    search: DelimiterSearch,
    convert: Conversion<Message>,
  ) {
    super();
    this.#search = search;
    this.#delimiterLength = delimiter.length;
    this.#optional = optional;
    this.#limit = maxLength;
    this.#unterminated = unterminated;
    this.#convert = convert;
  }

  override get pending(): boolean {
    return this.#buffer.length > 0;
  }

  protected override read(chunk: Uint8Array<ArrayBuffer>, messages: Message[], most: number): number {
    let start = 0;
    this.#search.begin();
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
export class DelimiterSearch {
  readonly #delimiter: Uint8Array;
  readonly #prefixes: Uint32Array;
  /** Number of bytes at the end of the stream so far that match the beginning of the delimiter. */
  matched = 0;

  constructor({ delimiter }: DelimitedLayout) {
    this.#delimiter = Uint8Array.from(delimiter);
    this.#prefixes = prefixTable(this.#delimiter);
  }

  /** Begins the next chunk. */
  begin(): void {}

  /** Searches the chunk from `at` on; returns the offset after the delimiter, or -1 if the delimiter does not end in it. */
  find(chunk: Uint8Array, at: number): number {
    const delimiter = this.#delimiter;
    if (delimiter.length === 1) {
      const found = this.findByte(chunk, delimiter[0]!, at);
      return found === -1 ? -1 : found + 1;
    }
    while (at < chunk.length) {
      if (this.matched === 0) {
        at = this.findByte(chunk, delimiter[0]!, at);
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

  /** Finds a byte in the chunk from `at` on; returns its offset or -1. */
  protected findByte(chunk: Uint8Array, byte: number, at: number): number {
    return chunk.indexOf(byte, at);
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
