import { looksLike, looksLikeOrText, quote, TEXT } from "./_describe.ts";

/** Why a stream could not be read as messages, in one word or two. */
export type FramingFault = "too long" | "malformed" | "truncated";

/** What every error of a framing has in common. After one, the rest of the stream has no meaning. */
export abstract class FramingError extends Error {
  /** The kind of fault, for code that counts or logs it without knowing the class. */
  abstract readonly reason: FramingFault;
  readonly #words: string;
  readonly #guess: string | undefined;

  /**
   * Says what is wrong, and what came instead.
   *
   * @param words What is wrong.
   * @param guess What the bytes look like, in words; empty if there is nothing to be said, `undefined` if nobody knows.
   */
  constructor(words: string, guess?: string) {
    super(words + looks(guess));
    this.#words = words;
    this.#guess = guess;
  }

  /**
   * Adds to the message what a stream looks like, unless that is known: a decoder may have refused its first byte, and
   * whoever read the stream has more of it.
   *
   * @param opening The first bytes of the stream.
   */
  addHint(opening: Uint8Array): void {
    if (this.#guess !== undefined && this.#guess !== TEXT) return;
    const guess = this.reason === "truncated" ? looksLike(opening) : looksLikeOrText(opening);
    this.message = this.#words + looks(guess ?? this.#guess);
  }
}

function looks(guess = ""): string {
  return guess === "" ? "" : `; it looks like ${guess}`;
}

/** A message longer than the framing's limit, refused before it was stored. */
export class MessageTooLongError extends FramingError {
  /** The class's name. */
  override name = "MessageTooLongError";
  /** The kind of fault. */
  override readonly reason = "too long";

  /**
   * Says how long the message is.
   *
   * @param limit The most bytes a payload may have.
   * @param length The payload's length in bytes as announced; where nothing announces it (a line), the limit plus one.
   * @param hint What else is known of the length, added to the message.
   * @param guess As of {@linkcode FramingError}.
   */
  constructor(readonly limit: number, readonly length: number, hint = "", guess?: string) {
    super(`Message too long: expected at most ${limit} bytes, got ${length}${hint}`, guess);
  }
}

/** Bytes that the framing does not allow where they stand. */
export class MalformedMessageError extends FramingError {
  /** The class's name. */
  override name = "MalformedMessageError";
  /** The kind of fault. */
  override readonly reason = "malformed";

  /**
   * Says what was expected and what came.
   *
   * @param expected What should have been there, in words.
   * @param offset Where `bytes` begin in what the decoder was given, counted in bytes from 0: in the stream for
   * a framing, in the message for `text` and `json`.
   * @param bytes The bytes at fault.
   * @param guess As of {@linkcode FramingError}; found out from the bytes unless given.
   */
  constructor(readonly expected: string, readonly offset: number, readonly bytes: Uint8Array, guess?: string) {
    super(
      `Malformed message at byte ${offset}: expected ${expected}, got ${quote(bytes)}`,
      guess ?? looksLike(bytes),
    );
  }
}

/** A stream that ended inside a message. */
export class TruncatedMessageError extends FramingError {
  /** The class's name. */
  override name = "TruncatedMessageError";
  /** The kind of fault. */
  override readonly reason = "truncated";

  /**
   * Says how much came.
   *
   * @param part What the end cut off: a header, a message.
   * @param expected How many bytes that part has.
   * @param received How many of them came.
   * @param guess As of {@linkcode FramingError}.
   */
  constructor(readonly part: string, readonly expected: number, readonly received: number, guess?: string) {
    super(`Stream ended inside a ${part}: expected ${expected} bytes, got ${received}`, guess);
  }
}
