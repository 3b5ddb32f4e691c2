import type { Log } from "../log/log.ts";
import { ConnectionError, reasonOf } from "./errors.ts";

/** Describes what a handler threw: a bug with its stack trace, an error of a connection or a peer in one line. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return Deno.inspect(error);
  const isBug = reasonOf(error) === "failed" && !(error instanceof ConnectionError);
  return (isBug ? error.stack : undefined) ?? error.message;
}

/** Logs an error on this side and passes it to `onError`, which keeps it from standard error. Never rejects. */
export async function reportError<Where>(
  { log, onError }: { log: Log; onError: ((error: unknown, where: Where) => void | Promise<void>) | undefined },
  error: unknown,
  where: Where,
  message: string,
  facts: Record<string, unknown>,
): Promise<void> {
  if (onError === undefined || log.isEnabledFor("error")) log.error(message, facts);
  try {
    await onError?.(error, where);
  } catch (thrown) {
    log.error("onError failed: {error}", { error: describeError(thrown) });
  }
}
