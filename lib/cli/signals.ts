/** Ctrl-C under a task comes twice within a millisecond; only a signal this much later is a second request. */
const SECOND_REQUEST = 500;
/** How long after the first signal a program that is done still listens: the second would kill it as it ends. */
const REPEATED_WITHIN = 50;

const SIGNALS: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Requests to stop, from the terminal or the system. */
export interface StopRequests {
  /** Aborted, with the signal's name as its reason, by the first request. */
  readonly stop: AbortSignal;
  /** Aborted by a second request, half a second later or more: stop at once. */
  readonly stopNow: AbortSignal;
  /** Makes a request, as if a signal had come. */
  request(name: string): void;
  /** Waits, at the end of a program that was told to stop, until the same signal cannot come a second time. */
  settled(): Promise<void>;
}

/** Listens for SIGINT, SIGTERM and SIGHUP, to the end of the program. Listening does not keep it alive. */
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
  for (const name of SIGNALS) Deno.addSignalListener(name, () => request(name));
  async function settled(): Promise<void> {
    const left = firstAt + REPEATED_WITHIN - performance.now();
    if (first.signal.aborted && left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }
  return { stop: first.signal, stopNow: second.signal, request, settled };
}
