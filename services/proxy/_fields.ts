import type { Framing } from "../../lib/framing/mod.ts";

/** A field of a message: its length is known when it begins, or a delimiter ends it, or its bytes tell where it ends. */
export interface Field {
  /** The name: `header`, `payload`, `line` ... */
  name: string;
  /** The length in bytes, if it is known when the field begins. */
  length?: number | undefined;
  /** The delimiter, which belongs to the next field. */
  until?: number | undefined;
  /** Reads the next bytes of the field. Returns the number of them up to its end, or -1 if it does not end in them. */
  end?: ((bytes: Uint8Array) => number) | undefined;
}

/** Yields the fields of a stream in order. `next()` takes the first bytes of the field just read, at most {@linkcode KEPT}. */
export type Layout = Generator<Field, void, Uint8Array>;

/** The layout of a stream's messages, as far as a fault needs it: where each field of each message begins. */
export interface FieldFraming {
  /** The framing as written on the command line. */
  readonly text: string;
  /** The fields of a message, in order. */
  readonly names: readonly string[];
  /** Starts the layout of a new stream. */
  layout(): Layout;
}

/** The bytes of a field that its layout receives: more digits than any length has. */
const KEPT = 20;
const LINE_FEED = 0x0a;
const COLON = 0x3a;

const decoder = new TextDecoder();

/** The framings by name. Each takes the text after the colon. */
const FRAMINGS: Record<string, (argument: string) => Omit<FieldFraming, "text">> = {
  header: () => ({
    names: ["header", "payload"],
    *layout() {
      for (let length; (length = decimal(yield { name: "header", length: 10 })) !== undefined;) {
        yield { name: "payload", length };
      }
    },
  }),
  lines: () => ({
    names: ["line", "newline"],
    *layout() {
      for (;;) {
        yield { name: "line", until: LINE_FEED };
        yield { name: "newline", length: 1 };
      }
    },
  }),
  netstring: () => ({
    names: ["header", "colon", "payload", "comma"],
    *layout() {
      for (let length; (length = decimal(yield { name: "header", until: COLON })) !== undefined;) {
        yield { name: "colon", length: 1 };
        yield { name: "payload", length };
        yield { name: "comma", length: 1 };
      }
    },
  }),
  length1: () => prefixed(1),
  length2: () => prefixed(2),
  length4: () => prefixed(4),
  length8: () => prefixed(8),
  fixed(argument) {
    const length = /^\d+$/.test(argument) ? Number(argument) : 0;
    if (length < 1) throw new TypeError(`expected fixed:LENGTH, got "fixed:${argument}"`);
    return {
      names: ["payload"],
      *layout() {
        for (;;) yield { name: "payload", length };
      },
    };
  },
  tagged(argument) {
    const entries = argument.split(",").map((entry) => /^(.)=(\d+)$/u.exec(entry));
    if (entries.includes(null)) {
      throw new TypeError(`expected tagged:TYPE=LENGTH,... as in tagged:A=4,B=16, got "tagged:${argument}"`);
    }
    const lengths = new Map(entries.map((entry) => [entry![1]!.charCodeAt(0), Number(entry![2])]));
    return {
      names: ["header", "payload"],
      *layout() {
        for (let length; (length = lengths.get((yield { name: "header", length: 1 })[0]!)) !== undefined;) {
          yield { name: "payload", length };
        }
      },
    };
  },
};

/** The framings as written on the command line. */
export const FRAMING_NAMES = "header, lines, netstring, length1, length2, length4, length8, fixed:LENGTH, " +
  "tagged:TYPE=LENGTH,...";

/**
 * Parses a framing.
 *
 * @param text One of {@linkcode FRAMING_NAMES}.
 * @returns The framing.
 * @throws {TypeError} If there is no such framing.
 */
export function parseFraming(text: string): FieldFraming {
  const [, name, argument] = /^([a-z]+\d?)(?::(.*))?$/s.exec(text) ?? [];
  const takes = name === "fixed" || name === "tagged";
  if (name === undefined || !Object.hasOwn(FRAMINGS, name) || takes !== (argument !== undefined)) {
    throw new TypeError(`expected one of ${FRAMING_NAMES}, got "${text}"`);
  }
  return { text, ...FRAMINGS[name]!(argument ?? "") };
}

/** The fields of any framing: each message is one. */
export function messagesOf(framing: Framing<unknown, never>): FieldFraming {
  return {
    text: "a framing of the caller",
    names: ["message"],
    *layout() {
      const decoder = framing.decoder();
      function end(bytes: Uint8Array): number {
        try {
          // Only a decoder that takes single bytes shows which of them ends a message.
          return bytes.findIndex((_, at) =>
                decoder.push(bytes.subarray(at, at + 1)).length > 0 || decoder.failure !== undefined
              ) + 1 || -1;
        } catch {
          return bytes.length;
        }
      }
      while (decoder.failure === undefined) yield { name: "message", end };
    },
  };
}

/** The start of a field in a stream. */
export interface FieldStart {
  /** The field. */
  field: Field;
  /** The number of the message in the stream, from 1. */
  message: number;
  /** The offset of the field's first byte in the stream. */
  at: number;
}

/** Reads a stream, and finds where each field of each message begins. */
export class FieldReader {
  readonly #first: string;
  readonly #layout: Layout;
  #field: Field | undefined;
  #kept: number[] = [];
  /** Bytes of the current field read so far. */
  #read = 0;
  #position = 0;
  #message = 0;

  /** Starts at the beginning of a stream with this framing. */
  constructor(framing: FieldFraming) {
    this.#first = framing.names[0]!;
    this.#layout = framing.layout();
    this.#field = this.#layout.next().value as Field;
  }

  /** Whether all bytes so far fit the framing. */
  get fits(): boolean {
    return this.#field !== undefined;
  }

  /** Reads the next chunk, and yields the fields whose first byte is in it. */
  *push(chunk: Uint8Array): Generator<FieldStart> {
    let at = 0;
    while (at < chunk.length && this.#field !== undefined) {
      const field = this.#field;
      if (this.#read === 0) {
        if (field.name === this.#first) this.#message++;
        yield { field, message: this.#message, at: this.#position + at };
      }
      const rest = chunk.subarray(at);
      const found = field.end?.(rest) ?? (field.until === undefined ? -1 : rest.indexOf(field.until));
      const most = field.length === undefined ? Infinity : field.length - this.#read;
      const end = field.length === undefined && found !== -1 ? at + found : Math.min(chunk.length, at + most);
      for (let index = at; index < end && this.#kept.length < KEPT; index++) this.#kept.push(chunk[index]!);
      this.#read += end - at;
      at = end;
      const ended = field.length === undefined ? found !== -1 : this.#read === field.length;
      if (!ended) break;
      this.#field = this.#layout.next(Uint8Array.from(this.#kept)).value ?? undefined;
      this.#kept = [];
      this.#read = 0;
    }
    this.#position += chunk.length;
  }
}

/** A payload under a binary length in network byte order. */
function prefixed(bytes: number): Omit<FieldFraming, "text"> {
  return {
    names: ["header", "payload"],
    *layout() {
      for (;;) {
        const header = yield { name: "header", length: bytes };
        yield { name: "payload", length: header.reduce((length, byte) => length * 256 + byte, 0) };
      }
    },
  };
}

/** Parses a decimal length, with or without spaces around it; `undefined` for any other text. */
function decimal(bytes: Uint8Array): number | undefined {
  const text = decoder.decode(bytes).trim();
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
