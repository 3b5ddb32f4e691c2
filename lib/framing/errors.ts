import { looksLike, quote } from "./_describe.ts";

/** Why a stream could not be read as messages, in one word or two. */
export type FramingFault = "too long" | "malformed" | "truncated";

/** What every error of a framing has in common. After one, the rest of the stream has no meaning. */
export abstract class FramingError extends Error {
  /** The kind of fault, for code that counts or logs it without knowing the class. */
  abstract readonly reason: FramingFault;
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
   */
  constructor(readonly limit: number, readonly length: number, hint = "") {
    super(`Message too long: expected at most ${limit} bytes, got ${length}${hint}`);
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
   */
  constructor(readonly expected: string, readonly offset: number, readonly bytes: Uint8Array) {
    const guess = looksLike(bytes);
    super(
      `Malformed message at byte ${offset}: expected ${expected}, got ${quote(bytes)}` +
        (guess === undefined ? "" : `, which looks like ${guess}`),
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
   */
  constructor(readonly part: string, readonly expected: number, readonly received: number) {
    super(`Stream ended inside a ${part}: expected ${expected} bytes, got ${received}`);
  }
}
