import type { Decoder } from "../../../lib/framing/mod.ts";
import type { Plan } from "./plan.ts";
import { framingOf, Tape, type TapeBuffer } from "./tape.ts";

/** Checks and counts the answers on a connection. The caller reads into {@linkcode Answers.buffer}. */
export interface Answers {
  /** Where to read the next bytes into. */
  buffer(): Uint8Array<ArrayBuffer>;
  /**
   * Checks bytes that were read into the buffer.
   *
   * @returns Number of answers that they complete.
   * @throws {WrongAnswer} If they differ from the expected ones.
   */
  received(length: number): number;
}

/** An answer differs from the expected one. */
export class WrongAnswer extends Error {}

/** The bytes to send, and those that must come back. */
export interface Tapes {
  sent: Tape;
  expected: Tape;
}

/** The tapes that all connections of a plan share. */
export function tapesOf({ size, inFlight, framing, expect }: Plan): Tapes {
  const expected = new Tape(size, inFlight, framing);
  if (expect !== "uppercase") return { sent: expected, expected };
  return { sent: new Tape(size, inFlight, framing, (text) => text.toLowerCase()), expected };
}

/** Makes the checker of a connection's answers. */
export function answersOf(plan: Plan, { expected }: Tapes, first: number): Answers {
  return plan.expect === "any" ? new AnyAnswers(plan) : new TapeAnswers(expected, first);
}

/** Answers that must equal the tape, from one of its messages on. */
class TapeAnswers implements Answers {
  readonly #tape: Tape;
  readonly #buffer: TapeBuffer;
  #at: number;
  #begun = 0;

  constructor(tape: Tape, first: number) {
    this.#tape = tape;
    this.#buffer = tape.buffer();
    this.#at = first * tape.messageLength;
  }

  buffer(): Uint8Array<ArrayBuffer> {
    return this.#buffer.bytes.subarray(this.#at);
  }

  received(length: number): number {
    const tape = this.#tape;
    const to = this.#at + length;
    const wrong = tape.difference(this.#buffer, this.#at, to);
    if (wrong !== -1) {
      const from = wrong - wrong % tape.messageLength;
      const show = (bytes: Uint8Array) => JSON.stringify(new TextDecoder().decode(bytes.subarray(0, 40)));
      const expected = show(tape.bytes.subarray(from, from + tape.messageLength));
      const got = show(this.#buffer.bytes.subarray(Math.max(from, this.#at), to));
      throw new WrongAnswer(`expected ${expected}, got ${got}`);
    }
    this.#at = to === tape.bytes.length ? 0 : to;
    this.#begun += length;
    const answers = Math.floor(this.#begun / tape.messageLength);
    this.#begun -= answers * tape.messageLength;
    return answers;
  }
}

/** Answers of any content, one for each message. */
class AnyAnswers implements Answers {
  readonly #buffer = new Uint8Array(16 * 1024);
  readonly #decoder: Decoder<Uint8Array>;

  constructor({ framing, size }: Plan) {
    // An answer may be longer than its message.
    this.#decoder = framingOf(framing, size, Math.max(size, 1024 * 1024)).decoder();
  }

  buffer(): Uint8Array<ArrayBuffer> {
    return this.#buffer;
  }

  received(length: number): number {
    const { length: answers } = this.#decoder.push(this.#buffer.subarray(0, length));
    if (this.#decoder.failure !== undefined) throw new WrongAnswer(this.#decoder.failure.message);
    return answers;
  }
}
