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

/** How the name of a framing is written, and its layout; `undefined` if the text after the colon is malformed. */
type Form = [name: string, layout: (options: FramingOptions, argument: string) => FrameLayout | undefined];

const FORMS: Form[] = [
  ["header", decimalLayout],
  ["lines", linesLayout],
  ["netstring", netstringLayout],
  ...(["big", "little"] as const).flatMap((endian) =>
    ([1, 2, 4, 8] as const).map((bytes): Form => [
      `length${bytes}${endian === "big" ? "" : "le"}`,
      (options) => lengthLayout({ ...options, bytes, endian }),
    ])
  ),
  ["field:bytes=BYTES,...", parseField],
  ["fixed:LENGTH", (_options, argument) => /^[1-9]\d*$/.test(argument) ? fixedLayout(Number(argument)) : undefined],
  ["tagged:TYPE=LENGTH,...", parseTypes],
  ["delimited:TEXT", parseDelimiter],
];

/** The names of framings, as {@linkcode parseFraming} and the command lines accept them. */
export const FRAMING_NAMES: readonly string[] = FORMS.map(([name]) => name);

/**
 * Parses the name of a framing, for programs that show messages but encode none.
 *
 * @param name The name, as {@linkcode parseFraming} accepts it.
 * @param options The limit, for framings that have one.
 * @returns The layout of its messages.
 * @throws {TypeError} If there is no such framing.
 * @throws {RangeError} If a number is out of range.
 */
export function layoutOf(name: string, options: FramingOptions = {}): FrameLayout {
  const colon = name.indexOf(":") + 1;
  const form = FORMS.find(([form]) => form === name || (colon > 0 && form.startsWith(name.slice(0, colon))));
  if (form === undefined) throw new TypeError(`expected one of ${FRAMING_NAMES.join(", ")}, got "${name}"`);
  const layout = form[1](options, name.slice(colon));
  if (layout === undefined) throw new TypeError(`expected ${form[0]}, got "${name}"`);
  return layout;
}

const FIELD_OPTION = /^(bytes|endian|offset|adjustment|strip)=(varint|big|little|-?\d+)$/;

function parseField(options: FramingOptions, argument: string): FrameLayout | undefined {
  const entries = argument.split(",");
  if (!entries.every((entry) => FIELD_OPTION.test(entry))) return undefined;
  const field = Object.fromEntries(entries.map((entry) => {
    const [name, value] = entry.split("=") as [string, string];
    return [name, /\d/.test(value) ? Number(value) : value];
  }));
  if (Object.keys(field).length < entries.length || field["bytes"] === undefined) return undefined;
  return lengthLayout({ ...options, ...field } as unknown as LengthFieldOptions);
}

function parseTypes(_options: FramingOptions, argument: string): FrameLayout | undefined {
  const entries = argument.split(",").map((entry) => {
    const [, text = "", length] = /^(.+)=(\d+)$/s.exec(entry) ?? [];
    return [String.fromCharCode(...unescape(text)), Number(length)] as const;
  });
  const table = Object.fromEntries(entries);
  if (Object.keys(table).length < entries.length || entries.some(([type]) => type.length !== 1)) return undefined;
  return taggedLayout(table);
}

function parseDelimiter(options: FramingOptions, argument: string): FrameLayout | undefined {
  const delimiter = unescape(argument);
  return delimiter.length === 0 ? undefined : delimitedLayout(delimiter, options);
}

const ESCAPES: Record<string, number> = { "\\r": 0x0d, "\\n": 0x0a, "\\t": 0x09, "\\0": 0, "\\\\": 0x5c };

/**
 * Encodes text in UTF-8, but `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN` as the byte that each stands for. Returns no bytes if
 * another escape is in it.
 */
function unescape(text: string): Uint8Array {
  const pieces: string[] = text.match(/\\x[\da-f]{2}|\\[rnt0\\]|[^]/giu) ?? [];
  if (pieces.includes("\\")) return new Uint8Array();
  const bytes = pieces.flatMap((piece) =>
    ESCAPES[piece] ??
      (piece.length === 4 ? Number.parseInt(piece.slice(2), 16) : [...new TextEncoder().encode(piece)])
  );
  return Uint8Array.from(bytes);
}
