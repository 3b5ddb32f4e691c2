import { type Conversion, payloads } from "./_conversion.ts";
import { ZERO } from "./_digits.ts";
import { checkLength, maxLengthOf } from "./_options.ts";
import { SCRATCH } from "./_growing_buffer.ts";
import { copyOf } from "./_slab.ts";
import { isUtf8 } from "./_utf8.ts";
import { SPACE } from "./_frame_readers.ts";
import { decimalFraming } from "./decimal_header.ts";
import type { Framing, FramingOptions } from "./framing.ts";
import { HEADER_LENGTH } from "./layout.ts";
import { decodeText } from "./text.ts";

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
 * `encode` copies a batch. The `most` of `push` counts messages, not batches.
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
  const framing = decimalFraming(options);
  const limit = maxLengthOf(options);
  return {
    encode({ bytes, ends }) {
      for (let at = 0; at < ends.length; at++) checkLength(ends[at]! - (ends[at - 1] ?? 0) - HEADER_LENGTH, limit);
      return new Uint8Array(bytes);
    },
    decoder: () => framing.decoderTo(toBatches),
    layout: framing.layout,
  };
}

/** Passes consecutive messages on without a copy if they need no change. */
const toBatches: Conversion<HeadedBatch> = (bytes, count, batches) => {
  const first = payloads[0]! - HEADER_LENGTH;
  const last = payloads[2 * count - 1]!;
  // A header is ASCII and interrupts an incomplete UTF-8 sequence, so the batch is valid only if every message is.
  if (isUtf8(bytes, first, last) && areCanonical(bytes, count)) {
    const ends: number[] = [];
    for (let index = 0; index < count; index++) ends.push(payloads[2 * index + 1]! - first);
    // A message alone may lie in memory that the decoder uses again.
    const reused = count === 1 && last - first <= SCRATCH;
    batches.push({ bytes: reused ? copyOf(bytes, first, last) : bytes.subarray(first, last), ends });
    return;
  }
  for (let index = 0; index < count; index++) {
    const text = decodeText(bytes.subarray(payloads[2 * index]!, payloads[2 * index + 1]!));
    const message = canonical.encodeText(text);
    batches.push({ bytes: message, ends: [message.length] });
  }
};

const canonical = decimalFraming({ maxLength: Number.MAX_SAFE_INTEGER });

/** Whether the headers are as they are encoded: without spaces or zeros before the length. */
function areCanonical(bytes: Uint8Array, count: number): boolean {
  for (let index = 0; index < count; index++) {
    const header = payloads[2 * index]! - HEADER_LENGTH;
    if (bytes[header] === SPACE || (bytes[header] === ZERO && bytes[header + 1] !== SPACE)) return false;
  }
  return true;
}
