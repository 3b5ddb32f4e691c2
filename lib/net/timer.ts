/** The longest a timer of the runtime can run: 2^31 - 1 ms, or 24 days. Any longer one would go off at once. */
const LONGEST = 0x7fff_ffff;

/**
 * Runs something later, unless it is cancelled before.
 *
 * @param milliseconds How much later; `Infinity` for never, and 24 days at the most otherwise.
 * @param run What to run.
 * @returns Cancels it.
 *
 * @example
 * ```ts
 * import { after } from "@wirebench/wirebench/net";
 *
 * const cancel = after(60_000, () => console.log("a minute later"));
 * cancel();
 * ```
 */
export function after(milliseconds: number, run: () => void): () => void {
  if (milliseconds === Infinity) return () => {};
  const timer = setTimeout(run, Math.max(0, Math.min(milliseconds, LONGEST)));
  return () => clearTimeout(timer);
}

/** The source of time for code that waits or measures. A test passes one that it moves. */
export interface Clock {
  /** The present in milliseconds, as `performance.now()` returns it. */
  now(): number;
  /** Runs a function later, as {@linkcode after} does. */
  after(milliseconds: number, run: () => void): () => void;
}

/** The clock of the system. */
export const systemClock: Clock = { now: () => performance.now(), after };

/**
 * Waits.
 *
 * @param milliseconds How long; `Infinity` for as long as the signal lets it.
 * @param signal Ends the wait when it is aborted.
 * @param clock Measures the wait.
 * @returns When the time has passed or the signal is aborted.
 *
 * @example A wait that is cut short
 * ```ts
 * import { sleep } from "@wirebench/wirebench/net";
 *
 * await sleep(60_000, AbortSignal.abort());
 * ```
 */
export function sleep(milliseconds: number, signal: AbortSignal, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    function wake(): void {
      cancel();
      signal.removeEventListener("abort", wake);
      resolve();
    }
    const cancel = clock.after(milliseconds, wake);
    signal.addEventListener("abort", wake);
  });
}
