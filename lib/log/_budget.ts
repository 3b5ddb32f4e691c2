/** Number of records of one kind written in a second: more than a person reads, and about 15 ms of work. */
const RECORDS = 1000;
/** Length of the period in milliseconds. */
const PERIOD = 1000;

/** Budgets that have omitted records and not reported them yet. */
const owing = new Set<Budget>();

/**
 * Limits the records of one kind that a log writes in a second. Without it, a client that sends as fast as it can would
 * keep the program busy with its log. Records over the budget are counted, and the count is reported when the second has
 * passed.
 */
export class Budget {
  readonly #write: (omitted: number) => void;
  readonly #now: () => number;
  #began = -Infinity;
  #records = 0;
  #omitted = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param report Writes the number of records omitted.
   * @param now Returns the current time in milliseconds.
   */
  constructor(report: (omitted: number) => void, now: () => number = () => performance.now()) {
    this.#write = report;
    this.#now = now;
  }

  /** Whether one more record may be written. Counts it as omitted if not. */
  take(): boolean {
    if (this.#omitted > 0) {
      this.#omitted++;
      return false;
    }
    const now = this.#now();
    if (now - this.#began >= PERIOD) {
      this.#began = now;
      this.#records = 0;
    }
    if (this.#records < RECORDS) {
      this.#records++;
      return true;
    }
    this.#omitted = 1;
    owing.add(this);
    const timer = setTimeout(() => this.report(), this.#began + PERIOD - now);
    Deno.unrefTimer(timer);
    this.#timer = timer;
    return false;
  }

  /** Counts more records as omitted if some are already. Returns whether they were counted. */
  omit(count: number): boolean {
    if (this.#omitted === 0) return false;
    this.#omitted += count;
    return true;
  }

  /** Reports the number of records omitted, and begins a new period. */
  report(): void {
    clearTimeout(this.#timer);
    owing.delete(this);
    const omitted = this.#omitted;
    this.#omitted = 0;
    this.#began = -Infinity;
    this.#write(omitted);
  }
}

/** Reports what every budget has omitted, at the end of a program. */
export function reportBudgets(): void {
  for (const budget of owing) budget.report();
}
