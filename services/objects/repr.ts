import { PickleFloat, PickleTuple, type PickleValue } from "../../lib/framing/mod.ts";

/** Characters that Python does not print as they are. */
const UNPRINTABLE = /[\p{C}\p{Z}]/u;

/** More digits than this are not written out: turning a long integer to decimal takes time that grows with its square. */
const MAX_DIGITS = 4300;

/**
 * Writes a value as Python's `repr()` does.
 *
 * @param value Plain data.
 * @returns One line; an int of more than 4,300 digits, which Python refuses to write, is written in hexadecimal.
 */
export function repr(value: PickleValue): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") {
    return Number.isInteger(value) && !Object.is(value, -0) ? String(value) : reprFloat(value);
  }
  if (typeof value === "bigint") return reprInteger(value);
  if (typeof value === "string") return reprText(value);
  if (value instanceof PickleFloat) return reprFloat(value.value);
  if (value instanceof Uint8Array) return `b${quoted(Array.from(value, (byte) => String.fromCharCode(byte)), isAscii)}`;
  if (value instanceof Array) return `[${value.map(repr).join(", ")}]`;
  if (value instanceof Map) return `{${Array.from(value, ([key, item]) => `${repr(key)}: ${repr(item)}`).join(", ")}}`;
  const items = (value as PickleTuple).items.map(repr);
  return items.length === 1 ? `(${items[0]},)` : `(${items.join(", ")})`;
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

function reprText(text: string): string {
  return quoted([...text], (character) => character === " " || !UNPRINTABLE.test(character));
}

function isAscii(character: string): boolean {
  return character >= " " && character <= "~";
}

/** Python's quotes are single ones, unless only that would need escaping. */
function quoted(characters: string[], isPrinted: (character: string) => boolean): string {
  const quote = characters.includes("'") && !characters.includes('"') ? '"' : "'";
  const escaped = characters.map((character) => {
    if (character === quote || character === "\\") return `\\${character}`;
    return isPrinted(character) ? character : escape(character);
  });
  return `${quote}${escaped.join("")}${quote}`;
}

function escape(character: string): string {
  const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[character];
  if (short !== undefined) return short;
  const code = character.codePointAt(0)!;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}
