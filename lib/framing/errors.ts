import { looksLike, looksLikeOrText, quote, TEXT } from "./_describe.ts";

/** The kind of a {@linkcode FramingError}. */
export type FramingFault = "too long" | "malformed" | "truncated";

/** The base class of a framing's errors. After one, the rest of the stream cannot be decoded. */
export abstract class FramingError extends Error {
  /** The kind of error, for code that counts or logs errors without knowing their classes. */
  abstract readonly reason: FramingFault;
  readonly #words: string;
  readonly #hint: string | undefined;

  /**
   * Creates an error.
   *
   * @param words What was expected and what was received.
   * @param hint What the bytes look like, such as "an HTTP request". Empty means no hint; `undefined` means unknown so far,
   * so that {@linkcode FramingError.addHint} may add one.
   */
  constructor(words: string, hint?: string) {
    super(words + suffixOf(hint));
    this.#words = words;
    this.#hint = hint;
  }

  /**
   * Adds to the error's message what the stream looks like, unless it says so already. A decoder may fail at the first
   * byte, while its caller has read more of the stream.
   *
   * @param opening The first bytes of the stream; 32 are enough.
   */
  addHint(opening: Uint8Array): void {
    if (this.#hint !== undefined && this.#hint !== TEXT) return;
    const hint = this.reason === "truncated" ? looksLike(opening) : looksLikeOrText(opening);
    this.message = this.#words + suffixOf(hint ?? this.#hint);
  }
}

function suffixOf(hint = ""): string {
  return hint === "" ? "" : `; it looks like ${hint}`;
}

/** A message is longer than the framing's limit. */
export class MessageTooLongError extends FramingError {
  /** The name of the class. */
  override name = "MessageTooLongError";
  /** The kind of error. */
  override readonly reason = "too long";
  /** The maximum length of a payload in bytes. */
  readonly limit: number;
  /** The payload's length in bytes as announced, or the limit plus one if it is not announced (a line). */
  readonly length: number;

  /**
   * Creates an error with both lengths.
   *
   * @param limit The field `limit`.
   * @param length The field `length`.
   * @param note Text to append to the length, such as " or more".
   * @param hint As for {@linkcode FramingError}.
   */
  constructor(limit: number, length: number, note = "", hint?: string) {
    super(`Message too long: expected at most ${limit} bytes, got ${length}${note}`, hint);
    this.limit = limit;
    this.length = length;
  }
}

/** The stream contains bytes that the framing does not allow at their position. */
export class MalformedMessageError extends FramingError {
  /** The name of the class. */
  override name = "MalformedMessageError";
  /** The kind of error. */
  override readonly reason = "malformed";
  /** What was expected, such as "a JSON value". */
  readonly expected: string;
  /** Offset of `bytes`, from 0: in the stream for a framing, in the message for `text`, `json` and `pickle`. */
  readonly offset: number;
  /** The malformed bytes. */
  readonly bytes: Uint8Array;

  /**
   * Creates an error that quotes the bytes.
   *
   * @param expected The field `expected`.
   * @param offset The field `offset`.
   * @param bytes The field `bytes`.
   * @param hint As for {@linkcode FramingError}; derived from the bytes by default.
   */
  constructor(expected: string, offset: number, bytes: Uint8Array, hint?: string) {
    super(
      `Malformed message at byte ${offset}: expected ${expected}, got ${quote(bytes)}`,
      hint ?? looksLike(bytes),
    );
    this.expected = expected;
    this.offset = offset;
    this.bytes = bytes;
  }
}

/** The stream ended inside a message. */
export class TruncatedMessageError extends FramingError {
  /** The name of the class. */
  override name = "TruncatedMessageError";
  /** The kind of error. */
  override readonly reason = "truncated";
  /** The incomplete part, such as "header" or "message". */
  readonly part: string;
  /** Length of the part in bytes, or the least it can be. */
  readonly expected: number;
  /** Number of its bytes received. */
  readonly received: number;

  /**
   * Creates an error with both lengths.
   *
   * @param part The field `part`.
   * @param expected The field `expected`.
   * @param received The field `received`.
   * @param hint As for {@linkcode FramingError}.
   */
  constructor(part: string, expected: number, received: number, hint?: string) {
    super(`Stream ended inside a ${part}: expected ${expected} bytes, got ${received}`, hint);
    this.part = part;
    this.expected = expected;
    this.received = received;
  }
}
