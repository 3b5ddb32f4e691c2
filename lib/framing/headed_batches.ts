import { BaseDecoder } from "./_decoder.ts";
import { HeaderDecoder } from "./_header_decoder.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { decimalHeader, DecimalReader, HEADER_LENGTH } from "./decimal_header.ts";
import type { Framing, FramingOptions } from "./framing.ts";
import { decodeText } from "./text.ts";
import { isUtf8, prepareUtf8 } from "./_utf8.ts";

const ZERO = 0x30;
const NINE = 0x39;
const SPACE = 0x20;

/** Messages that came together, each with its header, one after the other. */
export interface HeadedBatch {
  /** All of them; valid until the next `push`. */
  bytes: Uint8Array;
  /** Where in the bytes each message ends. */
  ends: number[];
}

/**
 * Messages of UTF-8 text under decimal headers, all that one chunk completes together: for programs that pass messages on
 * without looking into each. They are what {@linkcode decimalHeader} would read, in the form in which it writes.
 *
 *     push  32 20 20 20 20 20 20 20 20 20 48 69  31 20 20 20        push  20 20 20 20 20 20 21
 *     gives "2         Hi", ends [12]                               gives "1         !", ends [11]
 *
 * @param options The limit on each payload.
 * @returns The framing. A block that is handed out is valid until the next `push`; `encode` copies one.
 * @throws {RangeError} If `maxLength` is out of range.
 *
 * @example
 * ```ts
 * import { headedBatches } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const [block] = headedBatches().decoder().push(new TextEncoder().encode("2         Hi1         !"));
 * assertEquals(block!.ends, [12, 23]);
 * ```
 */
export function headedBatches(options: FramingOptions = {}): Framing<HeadedBatch, HeadedBatch> {
  const framing = decimalHeader(options);
  const limit = maxLengthOf(options);
  prepareUtf8();
  return {
    encode({ bytes, ends }) {
      for (let at = 0; at < ends.length; at++) checkLength(ends[at]! - (ends[at - 1] ?? 0) - HEADER_LENGTH, limit);
      return new Uint8Array(bytes);
    },
    decoder: () => new HeadedBatchDecoder(framing, limit),
  };
}

/** Whole messages in the usual form are found by their headers alone; all else is taken apart. */
class HeadedBatchDecoder extends BaseDecoder<HeadedBatch> {
  readonly #framing: Framing<Uint8Array, Uint8Array>;
  readonly #messages: HeaderDecoder<Uint8Array>;
  readonly #limit: number;

  constructor(framing: Framing<Uint8Array, Uint8Array>, limit: number) {
    super();
    this.#framing = framing;
    this.#messages = new HeaderDecoder(new DecimalReader(limit), (body) => body);
    this.#limit = limit;
  }

  override get pending(): boolean {
    return this.#messages.pending;
  }

  protected override read(chunk: Uint8Array, blocks: HeadedBatch[], most: number): number {
    let at = 0;
    for (let count = 0, counted = 0; at < chunk.length && count < most;) {
      if (!this.pending) at = this.#readWhole(chunk, at, blocks, most - count);
      while (at < chunk.length) {
        const end = Math.min(at + this.#messages.missing, chunk.length);
        this.#takeApart(chunk.subarray(at, end), blocks);
        at = end;
        if (!this.pending) break;
      }
      while (counted < blocks.length) count += blocks[counted++]!.ends.length;
    }
    return at;
  }

  protected override finish(): void {
    this.#messages.end();
  }

  /** Reads as many whole messages as there are; returns where the first other one begins. */
  #readWhole(chunk: Uint8Array, start: number, blocks: HeadedBatch[], most: number): number {
    const ends: number[] = [];
    let at = start;
    for (let end; ends.length < most && (end = endOfWhole(chunk, at, this.#limit)) !== -1; at = end) {
      ends.push(end - start);
    }
    if (ends.length === 0) return at;
    const bytes = chunk.subarray(start, at);
    // A header ends what UTF-8 leaves open, so all of it is valid only if every message is.
    if (isUtf8(bytes)) {
      this.#messages.skip(bytes.length);
      blocks.push({ bytes, ends });
    } else {
      this.#takeApart(bytes, blocks);
    }
    return at;
  }

  #takeApart(part: Uint8Array, blocks: HeadedBatch[]): void {
    for (const message of this.#messages.push(part)) {
      if (!isUtf8(message)) decodeText(message); // Throws, and says where.
      const bytes = this.#framing.encode(message);
      blocks.push({ bytes, ends: [bytes.length] });
    }
    if (this.#messages.failure !== undefined) throw this.#messages.failure;
  }
}

/** Where a message ends that is there as a whole, under a header as it is written, or -1. */
function endOfWhole(chunk: Uint8Array, at: number, limit: number): number {
  const payload = at + HEADER_LENGTH;
  if (payload > chunk.length) return -1;
  let length = 0;
  let place = at;
  for (let byte; place < payload && (byte = chunk[place]!) >= ZERO && byte <= NINE; place++) {
    length = length * 10 + byte - ZERO;
  }
  const digits = place - at;
  while (place < payload && chunk[place] === SPACE) place++;
  const usual = place === payload && digits > 0 && (chunk[at] !== ZERO || digits === 1);
  const end = payload + length;
  return usual && length <= limit && end <= chunk.length ? end : -1;
}
