import { BaseDecoder } from "./_decoder.ts";
import { includesByte } from "./_includes_byte.ts";
import { maxLengthOf } from "./_options.ts";
import { MalformedMessageError } from "./errors.ts";
import type { Decoder, Framing, FramingOptions } from "./framing.ts";
import { lines } from "./lines.ts";
import { decodeText, encodeText, text } from "./text.ts";
import { isUtf8 } from "./_utf8.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Batches of lines of UTF-8 text, for programs that forward lines without decoding each, which costs a tenth of decoding
 * and encoding them. A batch holds lines that one chunk completes.
 *
 *     push  48 65 79 0d 0a 59 6f 75 0a 74 68           push  65 0a
 *     gives "Hey\nYou\n"                               gives "the\n"
 *
 * The split into batches depends on the chunks; the concatenated batches do not. Every line in a batch ends in `\n`, even if
 * it was received with `\r\n` or, as the last line of the stream, without a newline.
 *
 * @param options The limit on each line.
 * @returns The framing. A decoded batch may share memory with its chunk, so it is valid until the chunk is overwritten;
 * `encode` copies a batch, and refuses bytes that are not UTF-8 or do not end in `\n`. The `most` of `push` does not limit
 * the lines of a batch that is forwarded without decoding.
 * @throws {RangeError} If `maxLength` is out of range.
 *
 * @example
 * ```ts
 * import { lineBatches } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = lineBatches().decoder();
 * const batches = decoder.push(new TextEncoder().encode("Hey\nYou\nth"));
 * assertEquals(batches.map((batch) => new TextDecoder().decode(batch)), ["Hey\nYou\n"]);
 * ```
 */
export function lineBatches(options: FramingOptions = {}): Framing<Uint8Array, Uint8Array> {
  const framing = lines(options);
  const limit = maxLengthOf(options);
  return {
    encode(batch) {
      if (!isUtf8(batch)) decodeText(batch);
      if (batch.length > 0 && batch.at(-1) !== LINE_FEED) {
        throw new MalformedMessageError("lines that end in a newline", batch.length - 1, batch.subarray(-1), "");
      }
      return new Uint8Array(batch);
    },
    decoder: () => new LineBatchDecoder(text(framing).decoder(), limit),
    layout: framing.layout,
  };
}

/** Passes whole lines on without a copy if they need no change. All other bytes go through the decoder of `lines`. */
class LineBatchDecoder extends BaseDecoder<Uint8Array> {
  readonly #lines: Decoder<string>;
  readonly #limit: number;

  constructor(lines: Decoder<string>, limit: number) {
    super();
    this.#lines = lines;
    this.#limit = limit;
  }

  override get pending(): boolean {
    return this.#lines.pending;
  }

  protected override read(chunk: Uint8Array, batches: Uint8Array[], most: number): number {
    const end = chunk.lastIndexOf(LINE_FEED) + 1;
    if (end === chunk.length && !this.pending) return this.#decodeWhole(chunk, batches, most);
    // A line that began in an earlier chunk ends at the first newline.
    const start = this.pending ? chunk.indexOf(LINE_FEED) + 1 : 0;
    if (start > 0) this.#decodeLines(chunk.subarray(0, start), batches);
    if (end > start) {
      const taken = this.#decodeWhole(chunk.subarray(start, end), batches, most);
      if (taken < end - start) return start + taken;
    }
    if (end < chunk.length) this.#decodeLines(chunk.subarray(end), batches);
    return chunk.length;
  }

  protected override finish(batches: Uint8Array[]): void {
    this.#add(this.#lines.end(), batches);
  }

  /** Appends whole lines as a batch, decoded only if necessary; returns how many bytes were taken. */
  #decodeWhole(batch: Uint8Array, batches: Uint8Array[], most: number): number {
    // A batch longer than the limit may contain a line over the limit.
    if (batch.length > this.#limit || !isUtf8(batch)) return this.#decodeLines(batch, batches, most);
    batches.push(includesByte(batch, CARRIAGE_RETURN) ? withoutCarriageReturns(batch) : batch);
    return batch.length;
  }

  /** Decodes the bytes line by line, at most `most` lines; returns how many bytes were taken. */
  #decodeLines(slice: Uint8Array, batches: Uint8Array[], most?: number): number {
    this.#add(this.#lines.push(slice, most), batches);
    return this.#lines.taken ?? slice.length;
  }

  #add(lines: string[], batches: Uint8Array[]): void {
    if (lines.length > 0) batches.push(encodeText(lines.join("\n") + "\n"));
    if (this.#lines.failure !== undefined) throw this.#lines.failure;
  }
}

/** Copies whole lines, replacing `\r\n` by `\n`. */
function withoutCarriageReturns(batch: Uint8Array): Uint8Array {
  const copy = new Uint8Array(batch.length);
  let length = 0;
  for (let at = 0; at < batch.length; at++) {
    const byte = batch[at]!;
    if (byte === CARRIAGE_RETURN && batch[at + 1] === LINE_FEED) continue;
    copy[length++] = byte;
  }
  return copy.subarray(0, length);
}
