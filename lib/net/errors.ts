import type { FramingError, FramingFault } from "../framing/errors.ts";

/**
 * Why a connection ended: one of this list, and only one.
 *
 * - `finished`: both sides said what they had to say.
 * - `idle`: nothing came for as long as may pass between messages, or before the first.
 * - `too slow`: a message begun was not ended in time, or what was written was not read.
 * - `malformed`, `too long`, `truncated`: the peer broke the framing.
 * - `reset`: the peer, or the network, broke the connection off.
 * - `refused`: there were too many connections, in all or from that address.
 * - `not allowed`: the peer's address is none of those that may connect.
 * - `handshake failed`: the peer did not speak TLS, or the two sides could not agree.
 * - `shutdown`: this side stopped before the connection had finished.
 * - `failed`: a mistake on this side.
 */
export type CloseReason =
  | "finished"
  | "idle"
  | "too slow"
  | FramingFault
  | "reset"
  | "refused"
  | "not allowed"
  | "handshake failed"
  | "shutdown"
  | "failed";

/** A connection that ended while something was still to be read or written. */
export class ConnectionError extends Error {
  /** The class's name. */
  override name = "ConnectionError";

  /**
   * Says how the connection ended.
   *
   * @param reason Why it ended.
   * @param message What happened, in words.
   * @param options The error it came from, if there was one.
   */
  constructor(readonly reason: CloseReason, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What the operating system says when the other side, or the way to it, is gone. */
const GONE = [
  Deno.errors.ConnectionReset,
  Deno.errors.ConnectionAborted,
  Deno.errors.BrokenPipe,
  Deno.errors.NotConnected,
  Deno.errors.UnexpectedEof,
  Deno.errors.TimedOut,
  Deno.errors.NetworkUnreachable,
];

/** Tells what an error of a socket means for its connection. */
export function toConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  if (GONE.some((gone) => error instanceof gone)) {
    return new ConnectionError("reset", "The peer broke the connection off", { cause: error });
  }
  const message = error instanceof Error ? error.message : Deno.inspect(error);
  if (error instanceof Deno.errors.InvalidData) {
    return new ConnectionError("malformed", `What the peer sent is not TLS: ${message}`, { cause: error });
  }
  return new ConnectionError("failed", message, { cause: error });
}

/** What an error of a TLS handshake means, in words that say which side is wrong. */
export function toHandshakeError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const said = error instanceof Error ? error.message : Deno.inspect(error);
  const meant = /InvalidContentType|InvalidMessage/.test(said)
    ? "what the peer sent is not TLS"
    : /unable to (verify|get)|self.signed/.test(said)
    ? "none of the certificate authorities trusted here has signed the peer's certificate"
    : error instanceof Deno.errors.UnexpectedEof || GONE.some((gone) => error instanceof gone)
    ? "the peer broke it off"
    : said;
  return new ConnectionError("handshake failed", `The TLS handshake failed: ${meant}`, { cause: error });
}

/** The reason for which an error, thrown by whoever handled a connection, ends it. */
export function reasonOf(error: unknown): CloseReason {
  if (error instanceof ConnectionError) return error.reason;
  // By its field, not its class: net knows what a framing is, not how one is made.
  const fault = error instanceof Error ? (error as Partial<FramingError>).reason : undefined;
  return fault === "malformed" || fault === "too long" || fault === "truncated"
    ? fault
    : toConnectionError(error).reason;
}
