/**
 * Converts byte streams to messages and back, without I/O.
 *
 * ```ts
 * import { decimalHeader, text } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = text(decimalHeader({ maxLength: 1024 }));
 * const decoder = framing.decoder();
 * assertEquals(decoder.push(framing.encode("Hey")), ["Hey"]);
 * ```
 *
 * @module
 */

export { checkCuts, checkFraming, decodeChunks, type Outcome } from "./check.ts";
export { type Codec, withCodec } from "./codec.ts";
export {
  customByteFraming,
  type CustomByteFramingOptions,
  customFraming,
  type CustomFramingOptions,
  type DecodedFrame,
  type DecodeFrame,
  type FrameContext,
  type PayloadFrame,
} from "./custom.ts";
export { decimalHeader } from "./decimal_header.ts";
export { delimited, type DelimitedOptions } from "./delimited.ts";
export {
  FramingError,
  type FramingFault,
  MalformedMessageError,
  MessageTooLongError,
  TruncatedMessageError,
} from "./errors.ts";
export { fixed } from "./fixed.ts";
export {
  type DecimalLayout,
  type DelimitedLayout,
  type FixedLayout,
  type FrameLayout,
  type LayoutPart,
  type LengthLayout,
  type NetstringLayout,
  partsOf,
  type TaggedLayout,
} from "./layout.ts";
export type { Decoder, Framing, FramingOptions } from "./framing.ts";
export { type HeadedBatch, headedBatches } from "./headed_batches.ts";
export { decodeJson, encodeJson, json, type JsonValue } from "./json.ts";
export { lengthField, type LengthFieldOptions } from "./length_field.ts";
export { lengthPrefix, type LengthPrefixOptions } from "./length_prefix.ts";
export { lineBatches } from "./line_batches.ts";
export { lines } from "./lines.ts";
export { FRAMING_NAMES, type NamedFraming, parseFraming } from "./named.ts";
export { netstring } from "./netstring.ts";
export { decodePickle, encodePickle, pickle } from "./pickle.ts";
export {
  DEFAULT_PICKLE_LIMITS,
  PickleFloat,
  type PickleLimits,
  type PickleOptions,
  PickleTuple,
  type PickleValue,
} from "./pickle_value.ts";
export { type FramePart, FrameScanner } from "./scanner.ts";
export { FrameDecoderStream, FrameEncoderStream } from "./streams.ts";
export { tagged, type TaggedMessage } from "./tagged.ts";
export { decodeText, encodeText, text } from "./text.ts";
