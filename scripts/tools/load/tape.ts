import { decimalHeader, encodeText, fixed, type Framing, lengthPrefix, lines } from "../../../lib/framing/mod.ts";

/** Bytes without any framing: a message is what was sent. */
const raw: Framing<Uint8Array, Uint8Array> = {
  encode: (message) => message.slice(),
  decoder() {
    throw new TypeError("Bytes without a framing cannot be told apart");
  },
};

/** The framings a load can have, for messages of a size. */
export const FRAMINGS = {
  raw: () => raw,
  lines: (size: number) => lines({ maxLength: size }),
  header: (size: number) => decimalHeader({ maxLength: size }),
  fixed: (size: number) => fixed(size),
  length4: (size: number) => lengthPrefix({ bytes: 4, maxLength: size }),
} satisfies Record<string, (size: number) => Framing<Uint8Array, Uint8Array>>;

/** A framing's name on the command line. */
export type FramingName = keyof typeof FRAMINGS;

/** A tape is at least this long, in bytes, so that reads of small messages are not cut by its end. */
const SHORTEST = 16 * 1024;
/** A message begins with its number in this base, and so many digits. */
const BASE = 36;
const DIGITS = 4;

/**
 * What a connection sends, over and over: messages that all differ, framed, one after the other. An echo is then right
 * when it is the tape again, which is found out four bytes at a time.
 */
export class Tape {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many messages there are. */
  readonly messages: number;
  /** How long each is, its framing included. */
  readonly messageLength: number;
  readonly #words: Int32Array;

  /**
   * Makes up messages.
   *
   * @param size Bytes of a message, its framing not counted.
   * @param inFlight How many are under way at once: the tape holds more than twice as many, so that no answer can
   * pass for another.
   * @param framing How they are framed.
   * @param change Is applied to each message: the tape of answers differs by it from the one that is sent.
   */
  constructor(size: number, inFlight: number, framing: FramingName = "raw", change = (text: string) => text) {
    const { encode } = FRAMINGS[framing](size);
    this.messageLength = encode(messageOf(0, size)).length;
    // No more than have a number of their own, unless that would be too few.
    const enough = Math.min(Math.ceil(SHORTEST / this.messageLength), distinct(size));
    this.messages = Math.max(2 * inFlight + 1, enough);
    this.bytes = new Uint8Array(this.messages * this.messageLength);
    for (let number = 0; number < this.messages; number++) {
      const message = new TextDecoder().decode(messageOf(number, size));
      this.bytes.set(encode(encodeText(change(message))), number * this.messageLength);
    }
    this.#words = new Int32Array(this.bytes.buffer, 0, this.bytes.length >> 2);
  }

  /** One message, framed. */
  message(number: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(number * this.messageLength, (number + 1) * this.messageLength);
  }

  /** A buffer of the tape's length, to be read into at the place of the tape that should come. */
  buffer(): TapeBuffer {
    const bytes = new Uint8Array(this.bytes.length);
    return { bytes, words: new Int32Array(bytes.buffer, 0, bytes.length >> 2) };
  }

  /**
   * Compares a part of a buffer with the same part of the tape.
   *
   * @returns Where they differ first, or -1.
   */
  difference({ bytes, words }: TapeBuffer, from: number, to: number): number {
    const tape = this.bytes;
    let at = from;
    for (const aligned = Math.min((from + 3) & ~3, to); at < aligned; at++) if (bytes[at] !== tape[at]) return at;
    const last = to >> 2;
    for (let word = at >> 2; word < last && words[word] === this.#words[word]; word++) at += 4;
    for (; at < to; at++) if (bytes[at] !== tape[at]) return at;
    return -1;
  }

  /** The number of the message that a datagram begins like. */
  static numberOf(datagram: Uint8Array): number {
    return parseInt(String.fromCharCode(...datagram.subarray(0, DIGITS)), BASE);
  }
}

/** What is read into, to be compared with a tape. */
export interface TapeBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  words: Int32Array;
}

/** How many messages of a size a number at their beginning tells apart. */
export function distinct(size: number): number {
  return BASE ** Math.min(size, DIGITS);
}

/** Digits and capital letters, which end no line, are text in any encoding, and stay as they are in upper case. */
function messageOf(number: number, size: number): Uint8Array<ArrayBuffer> {
  const digits = Math.min(size, DIGITS);
  const head = (number % distinct(size)).toString(BASE).toUpperCase().padStart(digits, "0");
  const message = new Uint8Array(size);
  if (size > 0) message.set(encodeText(head));
  // A linear congruential generator (Numerical Recipes, 7.1): the same load every time, and no two messages alike.
  for (let at = digits, state = number + 1; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    message[at] = 0x41 + (state >>> 24) % 26;
  }
  return message;
}
