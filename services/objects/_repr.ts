import { PickleFloat, PickleTuple, type PickleValue } from "../../lib/framing/pickle_value.ts";

/** The length of a text's chunks, in UTF-16 code units. */
export const CHUNK_LENGTH = 4096;

/** Characters that `repr()` may escape: quotes, backslashes, and all that Python calls not printable. */
const ESCAPED_IN_TEXT = /[\\'"]|(?! )[\p{C}\p{Z}]/gu;
const ESCAPED_IN_BYTES = /[\\'"]|[^ -~]/g;

/** Python's limit on decimal digits: converting an int to decimal takes quadratic time. */
const MAX_DIGITS = 4300;

/**
 * Formats a value as Python's `repr()` does.
 *
 * @param value Plain data.
 * @returns One line. An int of more than 4,300 digits, which Python refuses to format, is in hexadecimal.
 */
export function repr(value: PickleValue): string {
  return Array.from(reprChunks(value)).join("");
}

/**
 * Formats a value as {@linkcode repr} does, in chunks made on demand. A value may contain the same object a million times,
 * so a caller with a limit should not pay for the chunks beyond it.
 *
 * @param value Plain data.
 * @returns The chunks.
 */
export function* reprChunks(value: PickleValue): Generator<string, void, void> {
  // A stack instead of recursion: a value may be nested deeper than the call stack allows.
  const stack = [formatValue(value)];
  for (let innermost; (innermost = stack.at(-1)) !== undefined;) {
    const { done, value: output } = innermost.next();
    if (done) {
      stack.pop();
    } else if (output instanceof NestedValue) {
      yield output.prefix;
      stack.push(formatValue(output.value));
    } else {
      yield output;
    }
  }
}

/** Splits a text into chunks, none of which ends inside a surrogate pair. */
export function* textChunks(text: string): Generator<string, void, void> {
  for (let start = 0; start < text.length;) {
    const last = text.codePointAt(start + CHUNK_LENGTH - 1) ?? 0;
    const end = start + CHUNK_LENGTH + (last > 0xffff ? 1 : 0);
    yield text.slice(start, end);
    start = end;
  }
}

/** A nested value that is not formatted yet, and the text before it. */
class NestedValue {
  readonly prefix: string;
  readonly value: PickleValue;

  constructor(prefix: string, value: PickleValue) {
    this.prefix = prefix;
    this.value = value;
  }
}

/** One level of a value: formatted text, and nested values. */
type Output = Generator<string | NestedValue, void, void>;

function formatValue(value: PickleValue): Output {
  if (value instanceof Array) return sequence("[", value, "]");
  if (value instanceof PickleTuple) return sequence("(", value.items, value.items.length === 1 ? ",)" : ")");
  if (value instanceof Map) return dict(value);
  if (value instanceof Uint8Array) return quoted("b", latin1(value), ESCAPED_IN_BYTES);
  if (typeof value === "string") return quoted("", value, ESCAPED_IN_TEXT);
  return textChunks(typeof value === "bigint" ? reprInteger(value) : formatShort(value)!);
}

function* sequence(opening: string, items: readonly PickleValue[], end: string): Output {
  let prefix = opening;
  for (const item of items) {
    yield element(prefix, item);
    prefix = ", ";
  }
  yield items.length === 0 ? opening + end : end;
}

function* dict(entries: Map<PickleValue, PickleValue>): Output {
  let prefix = "{";
  for (const [key, item] of entries) {
    yield element(prefix, key);
    yield element(": ", item);
    prefix = ", ";
  }
  yield entries.size === 0 ? "{}" : "}";
}

function element(prefix: string, value: PickleValue): string | NestedValue {
  const formatted = formatShort(value);
  return formatted === undefined ? new NestedValue(prefix, value) : prefix + formatted;
}

/** Formats a value whose text fits one chunk; `undefined` for any other. */
function formatShort(value: PickleValue): string | undefined {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") {
    return Number.isInteger(value) && !Object.is(value, -0) ? String(value) : reprFloat(value);
  }
  if (typeof value === "string" && value.length <= CHUNK_LENGTH) {
    const quote = quoteOf(value);
    return quote + escapedIn(value, quote, ESCAPED_IN_TEXT) + quote;
  }
  return value instanceof PickleFloat ? reprFloat(value.value) : undefined;
}

/**
 * Formats a float as Python does: always with a point or an exponent, with an exponent below 1e-4 and from 1e16.
 *
 * @param value Any number.
 * @returns The shortest text that reads back as the same float.
 */
function reprFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  // Both languages use the fewest digits that identify the float; they differ in when they use an exponent.
  const [, sign, digits, power] = /^(-?)([\d.]+)e([+-]\d+)$/.exec(value.toExponential())!;
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${sign}${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const bare = digits!.replace(".", "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${bare}`;
  const whole = bare.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${bare.slice(exponent + 1) || "0"}`;
}

function reprInteger(value: bigint): string {
  const hex = value.toString(16);
  return hex.length * 1.21 > MAX_DIGITS ? hex.replace(/^-?/, "$&0x") : String(value);
}

function* quoted(prefix: string, text: string, escaped: RegExp): Generator<string, void, void> {
  const quote = quoteOf(text);
  yield prefix + quote;
  for (const chunk of textChunks(text)) yield escapedIn(chunk, quote, escaped);
  yield quote;
}

/** Python uses single quotes, unless the text contains single quotes and no double ones. */
function quoteOf(text: string): string {
  return text.includes("'") && !text.includes('"') ? '"' : "'";
}

function escapedIn(text: string, quote: string, escaped: RegExp): string {
  return text.replace(escaped, (character) => escape(character, quote));
}

function escape(character: string, quote: string): string {
  if (character === quote || character === "\\") return `\\${character}`;
  if (character === "'" || character === '"') return character;
  const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0)!;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

/** Decodes bytes as Latin-1, one character per byte. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK_LENGTH) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK_LENGTH));
  }
  return text;
}
