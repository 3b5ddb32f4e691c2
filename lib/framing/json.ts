import { protocolOf } from "./_describe.ts";
import { withConversion } from "./_byte_framing.ts";
import { type Conversion, payloads } from "./_conversion.ts";
import { MalformedMessageError } from "./errors.ts";
import type { Framing } from "./framing.ts";
import { copyOf } from "./_slab.ts";
import { decodeText, encodeText, toText } from "./text.ts";

/** A JSON value (RFC 8259). */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/**
 * Messages as JSON values (RFC 8259). Over `lines()` this is newline-delimited JSON.
 *
 * @param framing Any framing of bytes.
 * @returns The framing of values. A message that is not JSON is malformed; `encode` throws a `TypeError` for a value that
 * JSON cannot express: `undefined`, a function, `NaN`, an infinity, a bigint, a cycle.
 *
 * @example Newline-delimited JSON
 * ```ts
 * import { json, lines } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = json(lines());
 * assertEquals(framing.decoder().push(framing.encode({ a: [1, null] })), [{ a: [1, null] }]);
 * ```
 */
export function json(framing: Framing<Uint8Array, Uint8Array>): Framing<JsonValue, JsonValue> {
  return withConversion(framing, toJson, { decode: decodeJson, encode: encodeJson });
}

/** Creates a value that is serialised unchanged (ECMAScript proposal JSON.parse source text access); not typed yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * Decodes one JSON value.
 *
 * @param bytes The whole value, in UTF-8.
 * @returns The value.
 * @throws {MalformedMessageError} If the bytes are not JSON.
 */
export function decodeJson(bytes: Uint8Array): JsonValue {
  return parse(decodeText(bytes), bytes);
}

const toJson: Conversion<JsonValue> = (bytes, count, messages) => {
  const texts: string[] = [];
  try {
    toText(bytes, count, texts);
  } finally {
    // The texts before one that is not UTF-8 come first.
    texts.forEach((text, at) => messages.push(parse(text, bytes, payloads[2 * at], payloads[2 * at + 1])));
  }
};

function parse(text: string, bytes: Uint8Array, start = 0, end = bytes.length): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    const message = copyOf(bytes, start, end);
    throw new MalformedMessageError("a JSON value", 0, message, protocolOf(message) ?? "");
  }
}

/**
 * Encodes a value as JSON, in UTF-8.
 *
 * @param value The value.
 * @returns The bytes.
 * @throws {TypeError} If JSON cannot express the value.
 */
export function encodeJson(value: JsonValue): Uint8Array {
  const text = JSON.stringify(value, (key, field) => {
    const lost = field === undefined || typeof field === "function" || typeof field === "symbol" ||
      (typeof field === "number" && !Number.isFinite(field));
    if (lost) throw new TypeError(`Cannot encode ${String(field)} as JSON${key === "" ? "" : ` (at "${key}")`}`);
    // JSON.stringify would write 0.
    return Object.is(field, -0) ? rawJSON("-0.0") : field;
  });
  return encodeText(text);
}
