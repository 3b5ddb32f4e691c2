/** How many records of a kind are written in a second: more than a person reads, and 15 ms of work, as measured. */
const RECORDS = 1000;
/** The period that they are counted over, in milliseconds. */
const PERIOD = 1000;

/** Budgets that have not said yet what was left out. */
const owing = new Set<Budget>();

/**
 * How many records of one kind a log writes in a second. A client that sends as fast as it can would have the program
 * write about it and do nothing else. Records over the budget are counted, and the count is written when the second
 * has passed.
 */
export class Budget {
  readonly #report: (omitted: number) => void;
  readonly #now: () => number;
  #began = -Infinity;
  #records = 0;
  #omitted = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param report Writes how many records were left out.
   * @param now The present in milliseconds.
   */
  constructor(report: (omitted: number) => void, now: () => number = () => performance.now()) {
    this.#report = report;
    this.#now = now;
  }

  /** Whether one more record may be written; counts it if not. */
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
    const timer = setTimeout(() => this.settle(), this.#began + PERIOD - now);
    Deno.unrefTimer(timer);
    this.#timer = timer;
    return false;
  }

  /** Counts records that are not written, after one has been refused. */
  omit(count: number): void {
    if (this.#omitted > 0) this.#omitted += count;
  }

  /** Writes how many records were left out, and begins a new period. */
  settle(): void {
    clearTimeout(this.#timer);
    owing.delete(this);
    const omitted = this.#omitted;
    this.#omitted = 0;
    this.#began = -Infinity;
    this.#report(omitted);
  }
}

/** Writes what every budget has left out, at the end of a program. */
export function settleBudgets(): void {
  for (const budget of owing) budget.settle();
}
