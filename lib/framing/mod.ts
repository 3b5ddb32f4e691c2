/**
 * Bytes to messages and back, without any I/O: how one message is told from the next in a stream.
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

export * from "./check.ts";
export * from "./codec.ts";
export { decimalHeader } from "./decimal_header.ts";
export { delimited, type DelimitedOptions } from "./delimited.ts";
export * from "./errors.ts";
export * from "./fixed.ts";
export * from "./framing.ts";
export * from "./headed_batches.ts";
export * from "./json.ts";
export * from "./length_prefix.ts";
export * from "./line_batches.ts";
export * from "./lines.ts";
export * from "./netstring.ts";
export * from "./pickle.ts";
export * from "./pickle_value.ts";
export * from "./streams.ts";
export * from "./tagged.ts";
export * from "./text.ts";
