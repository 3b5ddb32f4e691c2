// Helpers for the tests of batches.

import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import { type Framing, FramingError } from "@wirebench/wirebench/framing";

/** Maximum length of a line or payload in bytes. */
export const LIMIT = 20;

/** The result of forwarding a stream: the bytes forwarded, and the error at its end. */
export interface Forwarded {
  bytes: Uint8Array;
  error: string | undefined;
}

/** Decodes chunks and collects the bytes of all batches. Each chunk is overwritten afterwards, like a read buffer. */
export function forward<Batch>(
  framing: Framing<Batch, never>,
  chunks: Uint8Array[],
  bytesOf: (batch: Batch) => Uint8Array,
): Forwarded {
  const decoder = framing.decoder();
  const forwarded: Uint8Array[] = [];
  try {
    for (const chunk of chunks) {
      const buffer = new Uint8Array(chunk);
      for (const batch of decoder.push(buffer)) forwarded.push(new Uint8Array(bytesOf(batch)));
      buffer.fill(0xff);
    }
    for (const batch of decoder.end()) forwarded.push(new Uint8Array(bytesOf(batch)));
    if (decoder.failure !== undefined) throw decoder.failure;
  } catch (error) {
    if (!(error instanceof FramingError)) throw error;
    return { bytes: concat(forwarded), error: error.message };
  }
  return { bytes: concat(forwarded), error: undefined };
}

/** Splits a stream at any offsets, modulo its length plus one. */
export function splitAt(stream: Uint8Array, offsets: number[]): Uint8Array[] {
  const sorted = [0, ...offsets.map((offset) => offset % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  return sorted.slice(1).map((end, at) => stream.subarray(sorted[at], end));
}

/** A stream in which one byte may be changed. */
export function perhapsDamaged(stream: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.tuple(stream, fc.option(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { freq: 4 })).map(
    ([stream, change]) => {
      const changed = new Uint8Array(stream);
      if (change !== null && stream.length > 0) changed[change[0] % stream.length] = change[1];
      return changed;
    },
  );
}

/** Random offsets at which to split a stream. */
export const offsets = fc.array(fc.nat(), { maxLength: 5 });
