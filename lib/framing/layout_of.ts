import type { FramingOptions } from "./framing.ts";
import {
  decimalLayout,
  delimitedLayout,
  fixedLayout,
  type FrameLayout,
  type LengthFieldOptions,
  lengthLayout,
  linesLayout,
  netstringLayout,
  taggedLayout,
} from "./layout.ts";

/** The framings by name, as {@linkcode parseFraming} and the command lines accept them. */
export const FRAMING_NAMES: readonly string[] = [
  "header",
  "lines",
  "netstring",
  "length1",
  "length2",
  "length4",
  "length8",
  "length2le",
  "length4le",
  "length8le",
  "field:bytes=BYTES,...",
  "fixed:LENGTH",
  "tagged:TYPE=LENGTH,...",
  "delimited:TEXT",
];

/**
 * Parses the name of a framing, for programs that show messages without decoding them.
 *
 * @param text One of {@linkcode FRAMING_NAMES}.
 * @param options The limit.
 * @returns The layout of its messages.
 * @throws {TypeError} If there is no such framing.
 * @throws {RangeError} If a number in it is out of range.
 */
export function layoutOf(text: string, options: FramingOptions = {}): FrameLayout {
  const [, name, argument] = /^(\w+)(?::(.+))?$/s.exec(text) ?? [];
  const length = /^length([1248])(le)?$/.exec(name ?? "");
  if (argument === undefined) {
    if (length !== null) {
      const bytes = Number(length[1]) as 1 | 2 | 4 | 8;
      return lengthLayout({ ...options, bytes, endian: length[2] === undefined ? "big" : "little" });
    }
    if (name === "header") return decimalLayout(options);
    if (name === "lines") return linesLayout(options);
    if (name === "netstring") return netstringLayout(options);
  } else {
    if (name === "fixed" && /^\d+$/.test(argument)) return fixedLayout(Number(argument));
    if (name === "delimited") return delimitedLayout(Uint8Array.from(unescape(argument)), options);
    if (name === "tagged") return taggedLayout(Object.fromEntries(argument.split(",").map(parseType)));
    if (name === "field") return lengthLayout({ ...options, ...parseField(argument) });
  }
  throw new TypeError(`expected one of ${FRAMING_NAMES.join(", ")}, got "${text}"`);
}

const ESCAPES: Record<string, number> = { "\\r": 0x0d, "\\n": 0x0a, "\\t": 0x09, "\\0": 0, "\\\\": 0x5c };

/** Encodes text in UTF-8, and `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN` as the byte that they stand for. */
function unescape(text: string): number[] {
  return (text.match(/\\x[\da-f]{2}|\\[rnt0\\]|[^]/giu) ?? []).flatMap((piece) =>
    ESCAPES[piece] ?? (/^\\x/i.test(piece) ? Number.parseInt(piece.slice(2), 16) : [...new TextEncoder().encode(piece)])
  );
}

function parseType(entry: string): [type: string, length: number] {
  const [, type = "", length] = /^(.+)=(\d+)$/s.exec(entry) ?? [];
  const bytes = unescape(type);
  if (bytes.length !== 1) throw new TypeError(`expected TYPE=LENGTH as in tagged:A=4,B=16, got "${entry}"`);
  return [String.fromCharCode(bytes[0]!), Number(length)];
}

function parseField(argument: string): LengthFieldOptions {
  const options: Record<string, string | number> = {};
  for (const entry of argument.split(",")) {
    const [, name, value] = /^(bytes|offset|adjustment|strip)=(-?\d+)$|^$/.exec(entry) ?? [];
    const words = /^(bytes|endian)=(varint|big|little)$/.exec(entry);
    if (name !== undefined) options[name] = Number(value);
    else if (words !== null) options[words[1]!] = words[2]!;
    else throw new TypeError(`expected field:bytes=3,endian=little,adjustment=1,offset=0,strip=3, got "${entry}"`);
  }
  return options as unknown as LengthFieldOptions;
}
