import { maxLengthOf } from "./_options.ts";
import type { Framing, FramingOptions } from "./framing.ts";

/** The layout of the messages of {@linkcode decimalHeader}. */
export interface DecimalLayout {
  /** A length of ten decimal characters before the payload. */
  readonly kind: "decimal";
  /** Maximum payload length in bytes. */
  readonly maxLength: number;
}

/** The layout of the messages of {@linkcode lengthField} and {@linkcode lengthPrefix}. */
export interface LengthLayout {
  /** A binary length in the header. */
  readonly kind: "length";
  /** Size of the length in bytes, or `"varint"` (LEB128). */
  readonly bytes: 1 | 2 | 3 | 4 | 8 | "varint";
  /** Number of bytes before the length. */
  readonly offset: number;
  /** What to add to the length to get the number of bytes after it. */
  readonly adjustment: number;
  /** Number of bytes that are not part of the message; those up to the end of the varint unless given. */
  readonly strip?: number | undefined;
  /** Byte order of the length. */
  readonly endian: "big" | "little";
  /** Maximum number of bytes after the length. */
  readonly maxLength: number;
}

/** The layout of the messages of {@linkcode netstring}. */
export interface NetstringLayout {
  /** A decimal length, a colon, the payload, a comma. */
  readonly kind: "netstring";
  /** Maximum payload length in bytes. */
  readonly maxLength: number;
}

/** The layout of the messages of {@linkcode fixed}. */
export interface FixedLayout {
  /** Messages of one length. */
  readonly kind: "fixed";
  /** The length of every message in bytes. */
  readonly length: number;
}

/** The layout of the messages of {@linkcode tagged}. */
export interface TaggedLayout {
  /** A type byte that determines the length. */
  readonly kind: "tagged";
  /** The body's length in bytes for each type, a character of U+0000 to U+00FF. */
  readonly lengths: Readonly<Record<string, number>>;
}

/** The layout of the messages of {@linkcode delimited} and {@linkcode lines}. */
export interface DelimitedLayout {
  /** Messages that end in a delimiter. */
  readonly kind: "delimited";
  /** The bytes that end each message. */
  readonly delimiter: readonly number[];
  /** A byte that belongs to the delimiter if it is before it, such as the carriage return of a newline. */
  readonly optional?: number | undefined;
  /** How to treat bytes left after the last delimiter when the stream ends. */
  readonly unterminated: "message" | "error";
  /** Maximum payload length in bytes. */
  readonly maxLength: number;
}

/** Where the parts of each message of a {@linkcode Framing} are: plain data, for tools that show messages or find one. */
export type FrameLayout =
  | DecimalLayout
  | LengthLayout
  | NetstringLayout
  | FixedLayout
  | TaggedLayout
  | DelimitedLayout;

/** A part that each message has. */
export interface LayoutPart {
  /** The name: `header`, `type`, `payload`, `line`, `colon`, `comma`, `newline`, `delimiter` or `message`. */
  readonly name: string;
  /** What the part is for. */
  readonly role: "header" | "payload" | "delimiter";
  /** The length in bytes, if all messages have the same. */
  readonly length?: number | undefined;
}

/** Length of a decimal header in bytes. */
export const HEADER_LENGTH = 10;

/**
 * Lists the parts of a message in order.
 *
 * @param framing The framing of the messages, or its layout.
 * @returns The parts; every message has all of them, even if some are empty. Without a layout it is one, `message`.
 *
 * @example
 * ```ts
 * import { netstring, partsOf } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const names = partsOf(netstring()).map(({ name }) => name);
 * assertEquals(names, ["header", "colon", "payload", "comma"]);
 * ```
 */
export function partsOf(framing: FrameLayout | Framing<unknown, never>): LayoutPart[] {
  const layout = "kind" in framing ? framing : framing.layout;
  switch (layout?.kind) {
    case undefined:
      return [{ name: "message", role: "payload" }];
    case "decimal":
      return [header(HEADER_LENGTH), PAYLOAD];
    case "length": {
      const { bytes, offset, strip = 0 } = layout;
      return [header(bytes === "varint" ? undefined : Math.max(offset + bytes, strip)), PAYLOAD];
    }
    case "netstring":
      return [header(), delimiter("colon", 1), PAYLOAD, delimiter("comma", 1)];
    case "fixed":
      return [{ ...PAYLOAD, length: layout.length }];
    case "tagged":
      return [{ name: "type", role: "header", length: 1 }, PAYLOAD];
    case "delimited":
      return layout.optional === undefined
        ? [PAYLOAD, delimiter("delimiter", layout.delimiter.length)]
        : [{ name: "line", role: "payload" }, delimiter("newline")];
  }
}

const PAYLOAD: LayoutPart = { name: "payload", role: "payload" };

function header(length?: number): LayoutPart {
  return { name: "header", role: "header", length };
}

function delimiter(name: string, length?: number): LayoutPart {
  return { name, role: "delimiter", length };
}

/** Maximum payload length that ten digits can express. */
const LARGEST_DECIMAL = 9_999_999_999;

/** Checks the options of `decimalHeader`. */
export function decimalLayout(options: FramingOptions): DecimalLayout {
  return { kind: "decimal", maxLength: Math.min(maxLengthOf(options), LARGEST_DECIMAL) };
}

/** Options of {@linkcode lengthField}. */
export interface LengthFieldOptions extends FramingOptions {
  /**
   * Size of the length in bytes, or `"varint"`: seven bits in each byte, the least significant first, and the highest bit
   * set in all but the last (LEB128, as in MQTT and Protocol Buffers); up to eight bytes are accepted.
   */
  bytes: 1 | 2 | 3 | 4 | 8 | "varint";
  /**
   * Number of bytes before the length.
   *
   * @default {0}
   */
  offset?: number | undefined;
  /**
   * What to add to the length to get the number of bytes after it: positive if it does not count some of them, negative if
   * it counts bytes before them, such as itself.
   *
   * @default {0}
   */
  adjustment?: number | undefined;
  /**
   * Number of bytes to remove from the beginning of each frame: an integer of 0 or more that does not divide the length. The
   * bytes up to the end of the length unless given. With a varint it is at most `offset`.
   */
  strip?: number | undefined;
  /**
   * Byte order of the length: most significant byte first (`"big"`, network byte order) or last (`"little"`).
   *
   * @default {"big"}
   */
  endian?: "big" | "little" | undefined;
  /**
   * Maximum number of bytes after the length: an integer of 0 or more.
   *
   * @default {1048576}
   */
  maxLength?: number | undefined;
}

/** Checks the options of `lengthField`. */
export function lengthLayout(options: LengthFieldOptions): LengthLayout {
  const { bytes, offset = 0, adjustment = 0, endian = "big" } = options;
  if (![1, 2, 3, 4, 8, "varint"].includes(bytes)) {
    throw new RangeError(`Cannot use a length of ${bytes} bytes: expected 1, 2, 3, 4, 8 or "varint"`);
  }
  if (endian !== "big" && endian !== "little") {
    throw new RangeError(`Cannot use byte order "${endian}": expected "big" or "little"`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new RangeError(`Cannot use offset ${offset}: expected an integer of 0 or more`);
  }
  if (!Number.isSafeInteger(adjustment)) {
    throw new RangeError(`Cannot use adjustment ${adjustment}: expected an integer`);
  }
  const header = bytes === "varint" ? Infinity : offset + bytes;
  const { strip = bytes === "varint" ? undefined : header } = options;
  if (strip !== undefined && !(Number.isSafeInteger(strip) && strip >= 0 && (strip <= offset || strip >= header))) {
    const expected = `an integer from 0 to ${offset}${bytes === "varint" ? "" : `, or of ${header} or more`}`;
    throw new RangeError(`Cannot strip ${strip} bytes: expected ${expected}`);
  }
  const longest = bytes === "varint" ? Infinity : 256 ** bytes - 1 + adjustment;
  return {
    kind: "length",
    bytes,
    offset,
    adjustment,
    strip,
    endian,
    maxLength: Math.min(maxLengthOf(options), longest),
  };
}

/** Checks the options of `netstring`. */
export function netstringLayout(options: FramingOptions): NetstringLayout {
  return { kind: "netstring", maxLength: maxLengthOf(options) };
}

/** Checks the argument of `fixed`. */
export function fixedLayout(length: number): FixedLayout {
  if (!Number.isSafeInteger(length) || length < 1) {
    throw new RangeError(`Cannot frame messages of ${length} bytes: expected an integer of 1 or more`);
  }
  return { kind: "fixed", length };
}

/** Checks the table of `tagged`. */
export function taggedLayout(table: Readonly<Record<string, number>>): TaggedLayout {
  const lengths = Object.entries(table);
  if (lengths.length === 0) throw new RangeError("Cannot frame by an empty table of types");
  for (const [type, length] of lengths) {
    if (type.length !== 1 || type.charCodeAt(0) > 0xff) {
      throw new RangeError(`Cannot use type "${type}": expected one character of U+0000 to U+00FF`);
    }
    if (!Number.isSafeInteger(length) || length < 0) {
      throw new RangeError(`Cannot use length ${length} for type "${type}": expected an integer of 0 or more`);
    }
  }
  return { kind: "tagged", lengths: { ...table } };
}

/** Options of {@linkcode delimited} and {@linkcode lines}. */
export interface DelimitedOptions extends FramingOptions {
  /**
   * How to treat bytes left after the last delimiter when the stream ends: as one more message, or as an error. Choose
   * `"error"` if a truncated message could pass for a whole one (`DELETE a` for `DELETE ab`).
   *
   * @default {"message"}
   */
  unterminated?: "message" | "error" | undefined;
}

/** Checks the delimiter and the options of `delimited`. */
export function delimitedLayout(delimiter: string | Uint8Array, options: DelimitedOptions): DelimitedLayout {
  const bytes = typeof delimiter === "string" ? new TextEncoder().encode(delimiter) : delimiter;
  if (bytes.length === 0) throw new TypeError("Cannot frame by an empty delimiter");
  const { unterminated = "message" } = options;
  return { kind: "delimited", delimiter: Array.from(bytes), unterminated, maxLength: maxLengthOf(options) };
}

/** Checks the options of `lines`. */
export function linesLayout(options: DelimitedOptions): DelimitedLayout {
  return { ...delimitedLayout("\n", options), optional: 0x0d };
}
