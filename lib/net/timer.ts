/** Longest delay of a timer: 2^31 - 1 ms, about 24 days. The runtime fires longer ones at once. */
const LONGEST = 0x7fff_ffff;
/** Time in which a program that starts does not use `setTimeout`, in milliseconds. */
const START_UP = 10;

let startedAt: number | undefined;

/**
 * Calls a function later.
 *
 * @param milliseconds The delay; `Infinity` for never, otherwise 24 days at most.
 * @param run The function.
 * @returns A function that cancels the call.
 *
 * @example
 * ```ts
 * import { after } from "./timer.ts";
 *
 * const cancel = after(60_000, () => console.log("a minute later"));
 * cancel();
 * ```
 */
export function after(milliseconds: number, run: () => void): () => void {
  if (milliseconds === Infinity) return () => {};
  const delay = Math.max(0, Math.min(milliseconds, LONGEST));
  const now = performance.now();
  if (now < (startedAt ??= now) + START_UP) return startAfter(delay, run);
  const timer = setTimeout(run, delay);
  return () => clearTimeout(timer);
}

/** Does the same while the program starts: the first `setTimeout` takes 5 ms, for which the first client would wait. */
function startAfter(delay: number, run: () => void): () => void {
  const signal = AbortSignal.timeout(Math.ceil(Math.min(delay, START_UP)));
  let cancel = (): void => void (signal.onabort = null);
  signal.onabort = () => delay <= START_UP ? run() : cancel = after(delay - START_UP, run);
  return () => cancel();
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
 * Waits for a time or a signal.
 *
 * @param milliseconds The time; `Infinity` waits for the signal alone.
 * @param signal Ends the wait when it aborts.
 * @param clock Measures the time.
 * @returns Resolves when the time has passed or the signal has aborted.
 *
 * @example A wait that a signal ends
 * ```ts
 * import { sleep } from "./timer.ts";
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
