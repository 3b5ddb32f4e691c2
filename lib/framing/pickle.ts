import { Unpickler } from "./_pickle_decode.ts";
import { Pickler } from "./_pickle_encode.ts";
import { withConversion } from "./_byte_framing.ts";
import { type Conversion, payloads } from "./_conversion.ts";
import type { Framing } from "./framing.ts";
import { pickleLimits, type PickleOptions, type PickleValue } from "./pickle_value.ts";

/**
 * Decodes a pickle of plain data in protocol 2 to 5 (PEP 307, 3154, 574; opcodes as in CPython's pickletools).
 *
 * In Python, unpickling can run code of the sender's choice. This decoder refuses every opcode that could name or call
 * anything, and every other kind of value; the error names the opcode. It refuses cyclic data too.
 *
 * Time and memory are linear in the length of the pickle, whatever its bytes: at most about 2 µs and 500 bytes for each
 * byte. To keep this bound, it refuses a dict if thousands of its keys are numbers, or strings of digits, chosen so that
 * their hashes collide in V8.
 *
 * @param bytes The whole pickle.
 * @param limits Limits that replace those of `DEFAULT_PICKLE_LIMITS`.
 * @returns The value.
 * @throws {MalformedMessageError} If the bytes are not such a pickle, or exceed a limit.
 *
 * @example
 * ```ts
 * import { decodePickle } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodePickle(Uint8Array.of(0x80, 4, 0x5d, 0x94, 0x4b, 7, 0x61, 0x2e)), [7]);
 * ```
 */
export function decodePickle(bytes: Uint8Array, limits: PickleOptions = {}): PickleValue {
  return new Unpickler(bytes, pickleLimits(limits)).load();
}

/**
 * Encodes a pickle in protocol 4, with the same bytes as CPython, except that equal texts are encoded once even if they are
 * different objects there.
 *
 * @param value Plain data. Shared objects are encoded once and stay shared when decoded.
 * @param limits Limits that replace those of `DEFAULT_PICKLE_LIMITS`; only `maxDepth` applies.
 * @returns The pickle.
 * @throws {TypeError} If the value contains anything but plain data, a cycle, or a key that is mutable or not unique.
 * @throws {RangeError} If the value is too deep, or has a number beyond 2^53, which could be an int or a float.
 *
 * @example
 * ```ts
 * import { decodePickle, encodePickle } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const value = new Map([[1, "Hey"], [2, "There"]]);
 * assertEquals(encodePickle(value).length, 34);
 * assertEquals(decodePickle(encodePickle(value)), value);
 * ```
 */
export function encodePickle(value: PickleValue, limits: PickleOptions = {}): Uint8Array<ArrayBuffer> {
  return new Pickler(pickleLimits(limits)).dump(value);
}

/**
 * Messages as pickles of Python's plain data.
 *
 * @param framing Any framing of bytes.
 * @param limits Limits that replace those of `DEFAULT_PICKLE_LIMITS`.
 * @returns The framing of values, which uses {@linkcode decodePickle} and {@linkcode encodePickle}.
 *
 * @example The tutorial's object under the tutorial's header
 * ```ts
 * import { decimalHeader, pickle } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = pickle(decimalHeader());
 * const value = new Map([[1, "Hey"], [2, "There"]]);
 * assertEquals(framing.decoder().push(framing.encode(value)), [value]);
 * ```
 */
export function pickle(
  framing: Framing<Uint8Array, Uint8Array>,
  limits: PickleOptions = {},
): Framing<PickleValue, PickleValue> {
  const decode = (bytes: Uint8Array) => decodePickle(bytes, limits);
  const convert: Conversion<PickleValue> = (bytes, count, messages) => {
    for (let at = 0; at < 2 * count; at += 2) messages.push(decode(bytes.subarray(payloads[at], payloads[at + 1])));
  };
  return withConversion(framing, convert, { decode, encode: (value) => encodePickle(value, limits) });
}
