import { type Codec, withCodec } from "./codec.ts";
import { type Conversion, copies } from "./_conversion.ts";
import type { Decoder, Framing } from "./framing.ts";

/** A framing of bytes that can also convert payloads where they lie, without a copy of each. */
export interface ByteFraming extends Framing<Uint8Array, Uint8Array> {
  /** Encodes text as UTF-8 and frames it, in one step. */
  encodeText(text: string): Uint8Array<ArrayBuffer>;
  /** Creates a decoder that converts payloads to messages in its own way. */
  decoderTo<Message>(convert: Conversion<Message>): Decoder<Message>;
}

/** Completes a framing of bytes: its decoder copies payloads. */
export function byteFraming(parts: Omit<ByteFraming, "decoder">): ByteFraming {
  return { ...parts, decoder: () => parts.decoderTo(copies) };
}

/** Combines a framing of bytes with a codec, of which `convert` is a faster form. */
export function withConversion<Value>(
  framing: Framing<Uint8Array, Uint8Array>,
  convert: Conversion<Value>,
  codec: Codec<Value>,
): Framing<Value, Value> {
  const framed = withCodec(framing, codec);
  return isByteFraming(framing) ? { ...framed, decoder: () => framing.decoderTo(convert) } : framed;
}

export function isByteFraming(framing: Framing<Uint8Array, Uint8Array>): framing is ByteFraming {
  return "decoderTo" in framing;
}
