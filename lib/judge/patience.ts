import { Unjudged } from "./case.ts";

/** How often a deadline checks the time, in milliseconds. */
const TICK = 25;
/** The most that one tick counts: while this process is suspended, the judged program may be too. */
const MOST_PER_TICK = 2 * TICK;
/** A tick later than this, in milliseconds, means that the process did not run. */
const STALL = 100;

/**
 * How long the judge waits. Only time in which the judge itself could run counts, so a machine that stalls makes no program
 * late.
 */
export class Patience {
  /** The wait in milliseconds. */
  milliseconds: number;
  readonly #signal: AbortSignal | undefined;

  /**
   * Waits for so many milliseconds.
   *
   * @param milliseconds The wait, 0 or more; `Infinity` for no limit.
   * @param signal Ends every wait.
   */
  constructor(milliseconds: number, signal?: AbortSignal) {
    this.milliseconds = milliseconds;
    this.#signal = signal;
  }

  /** The wait in seconds, for people. */
  get seconds(): string {
    return `${Math.round(this.milliseconds / 100) / 10} s`;
  }

  /** A share of it. */
  share(factor: number): Patience {
    return this.of(this.milliseconds * factor);
  }

  /** Another wait, which the same signal ends. */
  of(milliseconds: number): Patience {
    return new Patience(milliseconds, this.#signal);
  }

  /**
   * Waits for a promise.
   *
   * @param promise What to wait for.
   * @param late Makes the error if it is not settled in time.
   * @returns Its value.
   * @throws {Unjudged} If the signal has aborted.
   */
  async limit<Value>(promise: Promise<Value>, late: () => Error): Promise<Value> {
    let timer;
    let spent = 0;
    let last = performance.now();
    const tooLate = new Promise<never>((_, reject) => {
      timer = setInterval(() => {
        const now = performance.now();
        spent += Math.min(now - last, MOST_PER_TICK);
        last = now;
        if (this.#signal?.aborted) reject(new Unjudged("Interrupted"));
        else if (spent >= this.milliseconds) reject(late());
      }, TICK);
    });
    try {
      return await Promise.race([promise, tooLate]);
    } finally {
      clearInterval(timer);
    }
  }

  /**
   * Waits for a promise, and tells whether it was settled in time.
   *
   * @throws {Unjudged} If the signal has aborted.
   */
  async allows(promise: Promise<unknown>): Promise<boolean> {
    const late = new Error();
    try {
      await this.limit(promise, () => late);
    } catch (error) {
      if (error === late) return false;
      if (this.#signal?.aborted) throw error;
    }
    return true;
  }
}

/** Measures for how long this process could not run, although it was due. */
export class Stalls implements Disposable {
  readonly #timer: ReturnType<typeof setInterval>;
  #last = performance.now();
  /** The time in milliseconds. */
  milliseconds = 0;

  /** Starts to measure. */
  constructor() {
    this.#timer = setInterval(() => {
      const now = performance.now();
      const late = now - this.#last - TICK;
      if (late > STALL) this.milliseconds += late;
      this.#last = now;
    }, TICK);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Waits for some milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
