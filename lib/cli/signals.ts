/** Ctrl-C under `deno task` arrives twice within a millisecond. Only a signal this much later is a second request. */
const SECOND_REQUEST = 500;
/** Time after the first signal at which a program may exit. An earlier repeat of the signal would kill it. */
const REPEATED_WITHIN = 50;

const SIGNALS: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT", "SIGBREAK"] : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Requests to stop, from the terminal or the system. */
export interface StopRequests {
  /** Aborts at the first request. Its reason is the name of the signal. */
  readonly stop: AbortSignal;
  /** Aborts at a second request, half a second later or more. */
  readonly stopNow: AbortSignal;
  /** Makes a request, as a signal does. */
  request(name: string): void;
  /** Waits until the repeat of a signal has arrived. Call it before the program ends. */
  debounced(): Promise<void>;
}

/** Listens for SIGINT, SIGTERM and SIGHUP until the program ends. Does not keep the program alive. */
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
  async function debounced(): Promise<void> {
    const left = firstAt + REPEATED_WITHIN - performance.now();
    if (first.signal.aborted && left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }
  return { stop: first.signal, stopNow: second.signal, request, debounced };
}
