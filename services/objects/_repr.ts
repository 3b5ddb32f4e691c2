import { PickleFloat, PickleTuple, type PickleValue } from "../../lib/framing/mod.ts";

/** How much of a text is written at once, in UTF-16 code units. */
export const PIECE = 4096;

/** Characters that Python does not print as they are, and those that end a text or escape. */
const ESCAPED_IN_TEXT = /[\\'"]|(?! )[\p{C}\p{Z}]/gu;
const ESCAPED_IN_BYTES = /[\\'"]|[^ -~]/g;

/** More digits than this are not written out: turning a long integer to decimal takes time that grows with its square. */
const MAX_DIGITS = 4300;

/**
 * Writes a value as Python's `repr()` does.
 *
 * @param value Plain data.
 * @returns One line; an int of more than 4,300 digits, which Python refuses to write, is written in hexadecimal.
 */
export function repr(value: PickleValue): string {
  return Array.from(reprPieces(value)).join("");
}

/**
 * Writes a value as {@linkcode repr} does, a piece at a time. What is not asked for costs nothing: one thing may be part of
 * a value a million times.
 *
 * @param value Plain data.
 * @returns The pieces, as they are asked for.
 */
export function* reprPieces(value: PickleValue): Generator<string, void, void> {
  const open = [partsOf(value)];
  for (let innermost; (innermost = open.at(-1)) !== undefined;) {
    const { done, value: part } = innermost.next();
    if (done) {
      open.pop();
    } else if (part instanceof Inside) {
      yield part.before;
      open.push(partsOf(part.value));
    } else {
      yield part;
    }
  }
}

/** Gives a text in pieces, none of which ends inside a surrogate pair. */
export function* textPieces(text: string): Generator<string, void, void> {
  for (let start = 0; start < text.length;) {
    const last = text.codePointAt(start + PIECE - 1) ?? 0;
    const end = start + PIECE + (last > 0xffff ? 1 : 0);
    yield text.slice(start, end);
    start = end;
  }
}

/** A value inside another that is yet to be written, and the text before it. */
class Inside {
  readonly before: string;
  readonly value: PickleValue;

  constructor(before: string, value: PickleValue) {
    this.before = before;
    this.value = value;
  }
}

/** One level of a value: text, and the values inside. */
type Parts = Generator<string | Inside, void, void>;

function partsOf(value: PickleValue): Parts {
  if (value instanceof Array) return sequence("[", value, "]");
  if (value instanceof PickleTuple) return sequence("(", value.items, value.items.length === 1 ? ",)" : ")");
  if (value instanceof Map) return dict(value);
  if (value instanceof Uint8Array) return quoted("b", latin1(value), ESCAPED_IN_BYTES);
  if (typeof value === "string") return quoted("", value, ESCAPED_IN_TEXT);
  return textPieces(typeof value === "bigint" ? reprInteger(value) : word(value)!);
}

function* sequence(opening: string, items: readonly PickleValue[], end: string): Parts {
  let before = opening;
  for (const item of items) {
    yield part(before, item);
    before = ", ";
  }
  yield items.length === 0 ? opening + end : end;
}

function* dict(entries: Map<PickleValue, PickleValue>): Parts {
  let before = "{";
  for (const [key, item] of entries) {
    yield part(before, key);
    yield part(": ", item);
    before = ", ";
  }
  yield entries.size === 0 ? "{}" : "}";
}

function part(before: string, value: PickleValue): string | Inside {
  const written = word(value);
  return written === undefined ? new Inside(before, value) : before + written;
}

/** Writes what is short; `undefined` for anything else. */
function word(value: PickleValue): string | undefined {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") {
    return Number.isInteger(value) && !Object.is(value, -0) ? String(value) : reprFloat(value);
  }
  if (typeof value === "string" && value.length <= PIECE) {
    const quote = quoteOf(value);
    return quote + escapedIn(value, quote, ESCAPED_IN_TEXT) + quote;
  }
  return value instanceof PickleFloat ? reprFloat(value.value) : undefined;
}

/**
 * Writes a float as Python does: with a point or an exponent always, the exponent below 1e-4 and from 1e16 on.
 *
 * @param value Any number.
 * @returns The shortest text that reads back as the same float.
 */
export function reprFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  // Both languages write the fewest digits that are enough; they differ in where the exponent begins.
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
  for (const piece of textPieces(text)) yield escapedIn(piece, quote, escaped);
  yield quote;
}

/** Python's quotes are single ones, unless only that would need escaping. */
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

/** The text whose characters have the bytes' values. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return text;
}
