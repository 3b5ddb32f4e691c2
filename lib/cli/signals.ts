/** Ctrl-C under a task comes twice within a millisecond; only a signal this much later is a second request. */
const SECOND_REQUEST = 500;

const SIGNALS: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Requests to stop, from the terminal or the system. */
export interface StopRequests extends Disposable {
  /** Aborted, with the signal's name as its reason, by the first request. */
  readonly stop: AbortSignal;
  /** Aborted by a second request, half a second later or more: stop at once. */
  readonly stopNow: AbortSignal;
  /** Makes a request, as if a signal had come. */
  request(name: string): void;
}

/** Listens for SIGINT, SIGTERM and SIGHUP until it is disposed of. */
export function stopRequests(): StopRequests {
  const first = new AbortController();
  const second = new AbortController();
  let firstAt = 0;
  function request(name: string): void {
    if (!first.signal.aborted) {
      firstAt = performance.now();
      first.abort(name);
    } else if (performance.now() - firstAt >= SECOND_REQUEST) {
      second.abort(name);
    }
  }
  const listeners = SIGNALS.map((name) => [name, () => request(name)] as const);
  for (const [name, listener] of listeners) Deno.addSignalListener(name, listener);
  return {
    stop: first.signal,
    stopNow: second.signal,
    request,
    [Symbol.dispose]() {
      for (const [name, listener] of listeners) Deno.removeSignalListener(name, listener);
    },
  };
}
