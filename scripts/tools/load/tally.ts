import { Histogram } from "./histogram.ts";

/** The counters of a load. */
export class Tally {
  readonly latency = new Histogram();
  /** Number of messages sent, and of those answered. */
  sent = 0;
  answered = 0;
  /** Bytes sent and received, framing included. */
  bytesSent = 0;
  bytesReceived = 0;
  /** Number of datagrams not answered in time, and of answers that were late or duplicates. */
  lost = 0;
  late = 0;
  /** Number of errors of each kind. */
  readonly errors = new Map<string, number>();
  /** The message of the first error. */
  firstError: string | undefined;

  /** Counts an error under its kind. */
  fail(kind: string, detail: string = kind): void {
    this.errors.set(kind, (this.errors.get(kind) ?? 0) + 1);
    this.firstError ??= detail;
  }
}

/** The kind of an error, for people. */
export function kindOf(error: unknown): string {
  const { errors } = Deno;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ECONNREFUSED") return "nothing listens there";
  if (code === "ECONNRESET" || code === "EPIPE") return "reset by the server";
  if (code === "EMFILE" || code === "ENFILE") return "too many open files";
  if (error instanceof errors.ConnectionRefused) return "nothing listens there";
  if (error instanceof errors.ConnectionReset || error instanceof errors.BrokenPipe) return "reset by the server";
  if (error instanceof errors.NotConnected || error instanceof errors.ConnectionAborted) return "reset by the server";
  if (error instanceof errors.AddrNotAvailable) return "no port left to connect from";
  if (error instanceof errors.TimedOut) return "no connection in time";
  if (error instanceof Error && /\(os error (23|24)\)/.test(error.message)) return "too many open files";
  return error instanceof Error ? error.message.replaceAll("\n", " ") : String(error);
}

/** The median of some numbers. */
export function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[numbers.length >> 1] ?? NaN;
}
