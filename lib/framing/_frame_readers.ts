import { looksLikeOrText, protocolOf } from "./_describe.ts";
import { ZERO } from "./_digits.ts";
import type { FrameReader } from "./_frame_decoder.ts";
import { checkLength } from "./_options.ts";
import { copyOf } from "./_slab.ts";
import { MalformedMessageError, MessageTooLongError } from "./errors.ts";
import {
  type DecimalLayout,
  type FixedLayout,
  HEADER_LENGTH,
  type LengthLayout,
  type NetstringLayout,
  type TaggedLayout,
} from "./layout.ts";

/** The byte that pads a decimal header. */
export const SPACE = 0x20;
export const COLON = 0x3a;
export const COMMA = 0x2c;
/** Maximum size of a varint in bytes. */
const LONGEST_VARINT = 8;

/** Reads a header once all ten bytes have arrived, so that an error can show all of them. */
export class DecimalReader implements FrameReader {
  readonly #limit: number;
  start = 0;
  end = 0;

  constructor({ maxLength }: DecimalLayout) {
    this.#limit = maxLength;
  }

  read(bytes: Uint8Array, at: number, length: number, base: number): number {
    const payload = at + HEADER_LENGTH;
    this.start = -1;
    if (payload > length) return length - payload;
    const size = parseDecimal(bytes, at, payload);
    if (size === undefined) {
      const expected = "a length of digits padded with spaces to ten bytes";
      const header = copyOf(bytes, at, payload);
      throw new MalformedMessageError(expected, base + at, header, looksLikeOrText(header));
    }
    checkLength(size, this.#limit);
    this.start = payload;
    this.end = payload + size;
    return this.end <= length ? this.end : length - this.end;
  }
}

/** Parses digits with spaces around them; returns `undefined` for anything else. */
function parseDecimal(bytes: Uint8Array, at: number, end: number): number | undefined {
  while (at < end && bytes[at] === SPACE) at++;
  const digits = at;
  let value = 0;
  for (let digit; at < end && (digit = bytes[at]! - ZERO) >= 0 && digit <= 9; at++) value = value * 10 + digit;
  if (at === digits) return undefined;
  while (at < end && bytes[at] === SPACE) at++;
  return at === end ? value : undefined;
}

/** Reads frames with a binary length in their header. */
export class LengthReader implements FrameReader {
  /** Minimum number of bytes after the length. */
  readonly least: number;
  readonly #layout: LengthLayout;
  readonly #size: number | undefined;
  readonly #big: boolean;
  header = 0;
  start = 0;
  end = 0;

  constructor(layout: LengthLayout) {
    const { bytes, offset, adjustment, strip = 0, endian } = layout;
    this.#layout = layout;
    this.#size = bytes === "varint" ? undefined : bytes;
    this.#big = endian === "big";
    this.least = Math.max(0, adjustment, strip - offset - (this.#size ?? Infinity));
  }

  read(bytes: Uint8Array, at: number, length: number, base: number): number {
    const { offset, adjustment, strip, maxLength } = this.#layout;
    const field = at + offset;
    const size = this.#size ?? varintSizeAt(bytes, field, length);
    this.start = -1;
    const after = field + size;
    if (after > length) return length - after;
    if (this.#size === undefined && bytes[after - 1]! >= 128) {
      const expected = `a varint of at most ${LONGEST_VARINT} bytes`;
      throw new MalformedMessageError(expected, base + field, copyOf(bytes, field, after));
    }
    const value = this.#size === undefined
      ? readVarint(bytes, field, after)
      : readLength(bytes, field, after, this.#big);
    const count = value + adjustment;
    if (count > maxLength) this.#refuse(copyOf(bytes, at, after), count);
    if (count < this.least) {
      const expected = `a length of at least ${this.least - adjustment}`;
      throw new MalformedMessageError(expected, base + field, copyOf(bytes, field, after));
    }
    this.start = strip === undefined ? after : at + strip;
    this.header = after;
    this.end = after + count;
    return this.end <= length ? this.end : length - this.end;
  }

  #refuse(header: Uint8Array, count: number): never {
    const { offset, adjustment, maxLength } = this.#layout;
    if (this.#size !== undefined) {
      const reversed = readLength(header, offset, header.length, !this.#big) + adjustment;
      const swapped = reversed <= maxLength && protocolOf(header) === undefined;
      if (swapped) checkLength(count, maxLength, ` (${reversed} in the other byte order)`);
    }
    throw new MessageTooLongError(maxLength, count, "", looksLikeOrText(header));
  }
}

function readLength(bytes: Uint8Array, start: number, end: number, big: boolean): number {
  let length = 0;
  if (big) {
    for (let at = start; at < end; at++) length = length * 256 + bytes[at]!;
  } else {
    for (let at = end - 1; at >= start; at--) length = length * 256 + bytes[at]!;
  }
  return length;
}

function readVarint(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = end - 1; at >= start; at--) value = value * 128 + bytes[at]! % 128;
  return value;
}

/** Size of the varint at an offset, at most the longest; one byte more than has arrived if it is incomplete. */
function varintSizeAt(bytes: Uint8Array, start: number, length: number): number {
  let size = 1;
  while (size < LONGEST_VARINT && start + size <= length && bytes[start + size - 1]! >= 128) size++;
  return size;
}

/** Reads netstrings. */
export class NetstringReader implements FrameReader {
  readonly #limit: number;
  start = 0;
  end = 0;

  constructor({ maxLength }: NetstringLayout) {
    this.#limit = maxLength;
  }

  read(bytes: Uint8Array, at: number, length: number, base: number): number {
    this.start = -1;
    let size = 0;
    let next = at;
    for (; next < length; next++) {
      const byte = bytes[next]!;
      if (byte === COLON && next > at) break;
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9 || (next > at && bytes[at] === ZERO)) {
        throw new MalformedMessageError("a length in digits and a colon", base + at, copyOf(bytes, at, next + 1));
      }
      size = size * 10 + digit;
      // More digits may follow, so the error states a length of one over the limit.
      if (size > this.#limit) throw new MessageTooLongError(this.#limit, this.#limit + 1, " or more", "");
    }
    if (next === length) return -1;
    this.start = next + 1;
    this.end = this.start + size;
    if (this.end >= length) return length - this.end - 1;
    if (bytes[this.end] !== COMMA) {
      const wrong = copyOf(bytes, this.end, this.end + 1);
      throw new MalformedMessageError("a comma after the payload", base + this.end, wrong, "");
    }
    return this.end + 1;
  }
}

/** Reads frames of one length. */
export class FixedReader implements FrameReader {
  readonly #length: number;
  start = 0;
  end = 0;

  constructor({ length }: FixedLayout) {
    this.#length = length;
  }

  read(_bytes: Uint8Array, at: number, length: number): number {
    this.start = at;
    this.end = at + this.#length;
    return this.end <= length ? this.end : length - this.end;
  }
}

/** Reads frames whose type determines their length. */
export class TypeReader implements FrameReader {
  readonly #lengths: ReadonlyMap<number, number>;
  readonly #types: string;
  start = 0;
  end = 0;

  constructor({ lengths }: TaggedLayout) {
    this.#lengths = new Map(Object.entries(lengths).map(([type, length]) => [type.charCodeAt(0), length]));
    this.#types = Object.keys(lengths).join(", ");
  }

  read(bytes: Uint8Array, at: number, length: number, base: number): number {
    this.start = -1;
    const size = this.#lengths.get(bytes[at]!);
    if (size === undefined) {
      throw new MalformedMessageError(`one of the types ${this.#types}`, base + at, copyOf(bytes, at, at + 1));
    }
    this.start = at + 1;
    this.end = this.start + size;
    return this.end <= length ? this.end : length - this.end;
  }
}
