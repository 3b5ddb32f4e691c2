import { Unpickler } from "./_pickle_decode.ts";
import { Pickler } from "./_pickle_encode.ts";
import { withCodec } from "./codec.ts";
import type { Framing } from "./framing.ts";
import { DEFAULT_PICKLE_LIMITS, type PickleLimits, type PickleValue } from "./pickle_value.ts";

/**
 * Reads a pickle of protocol 2 to 5 (PEP 307, 3154, 574; the opcodes as in CPython's pickletools) that holds plain data.
 *
 * In Python, unpickling runs whatever the sender wants. Here every opcode that could name or call anything, and every
 * other kind of value, is refused by its name. Data that is part of itself is refused too.
 *
 * Time and memory grow with the bytes that came, whatever they are: about 2 µs and 500 bytes for each at the most. For
 * that, a dict is refused if thousands of its keys are numbers, or texts of digits, whose hashes V8 makes end alike.
 *
 * @param bytes The whole pickle.
 * @param limits What is different from {@linkcode DEFAULT_PICKLE_LIMITS}.
 * @returns The value.
 * @throws {MalformedMessageError} If the bytes are no such pickle, or go over a limit.
 *
 * @example
 * ```ts
 * import { decodePickle } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(decodePickle(Uint8Array.of(0x80, 4, 0x5d, 0x94, 0x4b, 7, 0x61, 0x2e)), [7]);
 * ```
 */
export function decodePickle(bytes: Uint8Array, limits: Partial<PickleLimits> = {}): PickleValue {
  return new Unpickler(bytes, { ...DEFAULT_PICKLE_LIMITS, ...limits }).load();
}

/**
 * Writes a pickle of protocol 4, the same bytes as CPython for data that fits in one of its frames (64 KiB).
 *
 * @param value Plain data. What is in it twice is written once, and is one thing again when it is read.
 * @param limits What is different from {@linkcode DEFAULT_PICKLE_LIMITS}; only the depth counts.
 * @returns The pickle.
 * @throws {TypeError} If something in it is not plain data, is part of itself, or is a dict's key and can change.
 * @throws {RangeError} If it is too deep, or a number beyond 2^53 might be an int or a float.
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
export function encodePickle(value: PickleValue, limits: Partial<PickleLimits> = {}): Uint8Array<ArrayBuffer> {
  return new Pickler({ ...DEFAULT_PICKLE_LIMITS, ...limits }).dump(value);
}

/**
 * Messages as Python's plain data, pickled.
 *
 * @param framing Any framing of bytes.
 * @param limits What is different from {@linkcode DEFAULT_PICKLE_LIMITS}.
 * @returns A framing of values, which reads as {@linkcode decodePickle} and writes as {@linkcode encodePickle}.
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
  limits: Partial<PickleLimits> = {},
): Framing<PickleValue, PickleValue> {
  return withCodec<PickleValue>(framing, {
    decode: (bytes) => decodePickle(bytes, limits),
    encode: (value) => encodePickle(value, limits),
  });
}
