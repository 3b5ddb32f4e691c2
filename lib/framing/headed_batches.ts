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

/** Consecutive messages, each with its header. */
export interface HeadedBatch {
  /** The headers and payloads. */
  bytes: Uint8Array;
  /** Offset in `bytes` of the end of each message. */
  ends: number[];
}

/**
 * Batches of UTF-8 messages with decimal headers, for programs that forward messages without decoding each. A batch holds
 * messages that one chunk completes, encoded as {@linkcode decimalHeader} encodes them.
 *
 *     push  32 20 20 20 20 20 20 20 20 20 48 69  31 20 20 20        push  20 20 20 20 20 20 21
 *     gives "2         Hi", ends [12]                               gives "1         !", ends [11]
 *
 * @param options The limit on each payload.
 * @returns The framing. A decoded batch may share memory with its chunk, so it is valid until the chunk is overwritten;
 * `encode` copies a batch. The `most` of `push` counts messages, not batches, and may be exceeded by one.
 * @throws {RangeError} If `maxLength` is out of range.
 *
 * @example
 * ```ts
 * import { headedBatches } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const [batch] = headedBatches().decoder().push(new TextEncoder().encode("2         Hi1         !"));
 * assertEquals(batch!.ends, [12, 23]);
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

/**
 * Finds whole messages with canonical headers by the headers alone, which costs a fraction of decoding each. All other
 * bytes go through `HeaderDecoder`.
 */
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

  protected override read(chunk: Uint8Array, batches: HeadedBatch[], most: number): number {
    let at = 0;
    for (let count = 0, counted = 0; at < chunk.length && count < most;) {
      if (!this.pending) at = this.#decodeWhole(chunk, at, batches, most - count);
      while (at < chunk.length) {
        const end = Math.min(at + this.#messages.missing, chunk.length);
        this.#decodeEach(chunk.subarray(at, end), batches);
        at = end;
        if (!this.pending) break;
      }
      while (counted < batches.length) count += batches[counted++]!.ends.length;
    }
    return at;
  }

  protected override finish(): void {
    this.#messages.end();
  }

  /** Collects consecutive whole messages from `start` on in a batch; returns the offset after them. */
  #decodeWhole(chunk: Uint8Array, start: number, batches: HeadedBatch[], most: number): number {
    const ends: number[] = [];
    let at = start;
    for (let end; ends.length < most && (end = endOfMessage(chunk, at, this.#limit)) !== -1; at = end) {
      ends.push(end - start);
    }
    if (ends.length === 0) return at;
    const bytes = chunk.subarray(start, at);
    // A header is ASCII and interrupts an incomplete UTF-8 sequence, so the batch is valid only if every message is.
    if (isUtf8(bytes)) {
      this.#messages.skip(bytes.length);
      batches.push({ bytes, ends });
    } else {
      this.#decodeEach(bytes, batches);
    }
    return at;
  }

  /** Decodes the bytes message by message, into a batch for each message. */
  #decodeEach(slice: Uint8Array, batches: HeadedBatch[]): void {
    for (const message of this.#messages.push(slice)) {
      if (!isUtf8(message)) decodeText(message); // Throws an error with the offset.
      const bytes = this.#framing.encode(message);
      batches.push({ bytes, ends: [bytes.length] });
    }
    if (this.#messages.failure !== undefined) throw this.#messages.failure;
  }
}

/** Returns where the message at `at` ends, or -1 if it is incomplete, too long or its header is not canonical. */
function endOfMessage(chunk: Uint8Array, at: number, limit: number): number {
  const payload = at + HEADER_LENGTH;
  if (payload > chunk.length) return -1;
  let length = 0;
  let next = at;
  for (let byte; next < payload && (byte = chunk[next]!) >= ZERO && byte <= NINE; next++) {
    length = length * 10 + byte - ZERO;
  }
  const digits = next - at;
  while (next < payload && chunk[next] === SPACE) next++;
  const canonical = next === payload && digits > 0 && (chunk[at] !== ZERO || digits === 1);
  const end = payload + length;
  return canonical && length <= limit && end <= chunk.length ? end : -1;
}
