import { encodeText, fixed, type Framing, FRAMING_NAMES, parseFraming } from "../../../lib/framing/mod.ts";

/** No framing: each message is the bytes sent. */
const raw: Framing<Uint8Array, Uint8Array> = {
  encode: (message) => message.slice(),
  decoder() {
    throw new TypeError("Without a framing there are no messages to decode");
  },
};

/** The framings of a load, as its option takes them. */
export const FRAMINGS: readonly string[] = ["raw", "fixed", ...FRAMING_NAMES];

/** Makes the framing of a load's messages: `fixed` is for messages of its size. */
export function framingOf(name: string, size: number, maxLength = size): Framing<Uint8Array, Uint8Array> {
  return name === "raw" ? raw : name === "fixed" ? fixed(size) : parseFraming(name, { maxLength });
}

/** The minimum length of a tape in bytes, so that its end rarely cuts a read short. */
const SHORTEST = 16 * 1024;
/** A message starts with its number in this base and with this many digits. */
const BASE = 36;
const DIGITS = 4;

/**
 * The bytes that a connection sends again and again: framed messages that all differ. A correct echo equals the tape,
 * so it is compared without decoding, four bytes at a time.
 */
export class Tape {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Number of messages. */
  readonly messages: number;
  /** Length of each message with its framing, in bytes. */
  readonly messageLength: number;
  readonly #words: Int32Array;

  /**
   * Generates the messages.
   *
   * @param size Length of a message in bytes, without its framing.
   * @param inFlight Number of messages in flight. The tape holds more than twice as many, so that no two answers in
   * flight are equal.
   * @param framing The framing of each message.
   * @param change Changes each message, to make the tape of answers.
   */
  constructor(size: number, inFlight: number, framing = "raw", change = (text: string) => text) {
    const { encode } = framingOf(framing, size);
    this.messageLength = encode(messageOf(0, size)).length;
    // Each message has its own number if there are enough numbers.
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

  /** A buffer of the tape's length. Read answers into it at the offset that they have in the tape. */
  buffer(): TapeBuffer {
    const bytes = new Uint8Array(this.bytes.length);
    return { bytes, words: new Int32Array(bytes.buffer, 0, bytes.length >> 2) };
  }

  /**
   * Compares a range of a buffer with the same range of the tape.
   *
   * @returns The offset of the first difference, or -1.
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

  /** The number at the start of a datagram. */
  static numberOf(datagram: Uint8Array): number {
    return parseInt(String.fromCharCode(...datagram.subarray(0, DIGITS)), BASE);
  }
}

/** A buffer to compare with a tape. */
export interface TapeBuffer {
  bytes: Uint8Array<ArrayBuffer>;
  words: Int32Array;
}

/** Number of different messages of a size. */
export function distinct(size: number): number {
  return BASE ** Math.min(size, DIGITS);
}

/** Generates a message of digits and capital letters: no newline, ASCII, unchanged in upper case. */
function messageOf(number: number, size: number): Uint8Array<ArrayBuffer> {
  const digits = Math.min(size, DIGITS);
  const head = (number % distinct(size)).toString(BASE).toUpperCase().padStart(digits, "0");
  const message = new Uint8Array(size);
  if (size > 0) message.set(encodeText(head));
  // A linear congruential generator (Numerical Recipes, 7.1) makes each load the same and each message different.
  for (let at = digits, state = number + 1; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    message[at] = 0x41 + (state >>> 24) % 26;
  }
  return message;
}
