import type { FramingError, FramingFault } from "../framing/errors.ts";

/**
 * Why a connection ended: one of this list, and only one.
 *
 * - `finished`: both sides said what they had to say.
 * - `idle`: no message began within `idleTimeout`, or the first within `firstMessageTimeout`.
 * - `too slow`: a message did not end in time, or the peer did not read what was written.
 * - `malformed`, `too long`, `truncated`: the peer broke the framing.
 * - `reset`: the peer, or the network, reset the connection.
 * - `refused`: the limit of connections was reached, in all or from that address.
 * - `not allowed`: the peer's address is not in the allow list.
 * - `handshake failed`: the peer did not speak TLS, or the two sides could not agree.
 * - `shutdown`: this side stopped before the connection had finished.
 * - `failed`: an error on this side.
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

/** Thrown when a connection ends while something is still to be read or written. */
export class ConnectionError extends Error {
  /** The class's name. */
  override name = "ConnectionError";

  /**
   * Creates the error.
   *
   * @param reason Why it ended.
   * @param message What happened, in words.
   * @param options The cause, if there is one.
   */
  constructor(readonly reason: CloseReason, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Thrown when a call has waited for its `timeout`. It gives up alone: the connection stays usable. */
export class TimedOut extends Error {
  /** The class's name. */
  override name = "TimedOut";
}

/** Errors of the operating system that mean that the peer, or the way to it, is gone. */
const GONE = [
  Deno.errors.ConnectionReset,
  Deno.errors.ConnectionAborted,
  Deno.errors.BrokenPipe,
  Deno.errors.NotConnected,
  Deno.errors.UnexpectedEof,
  Deno.errors.TimedOut,
  Deno.errors.NetworkUnreachable,
];

/** Converts an error of a socket. */
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

/** Converts an error of a TLS handshake, with a message that says which side is wrong. */
export function toHandshakeError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const message = error instanceof Error ? error.message : Deno.inspect(error);
  const cause = /InvalidContentType|InvalidMessage/.test(message)
    ? "what the peer sent is not TLS"
    : /unable to (verify|get)|self.signed/.test(message)
    ? "none of the certificate authorities trusted here has signed the peer's certificate"
    : error instanceof Deno.errors.UnexpectedEof || GONE.some((gone) => error instanceof gone)
    ? "the peer broke it off"
    : message;
  return new ConnectionError("handshake failed", `The TLS handshake failed: ${cause}`, { cause: error });
}

/** Returns the close reason for an error that a handler threw. */
export function reasonOf(error: unknown): CloseReason {
  if (error instanceof ConnectionError) return error.reason;
  if (error instanceof TimedOut) return "idle";
  // By its field, not its class: lib/net does not import framings.
  const fault = error instanceof Error ? (error as Partial<FramingError>).reason : undefined;
  return fault === "malformed" || fault === "too long" || fault === "truncated"
    ? fault
    : toConnectionError(error).reason;
}
