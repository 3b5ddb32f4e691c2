import { after } from "./timer.ts";

/** Timer resolution in milliseconds. Coarse, so that thousands of deadlines share few timers. */
const STEP = 10;
/** How late a deadline may be, as a share of its time. */
const TOLERANCE = 0.05;

/** The watchdogs of each step, and a function that cancels its timer. */
const steps = new Map<number, { waiting: Set<Watchdog>; cancel: () => void }>();

/** A read or a write, which may be pending. */
interface Wait {
  /** Time that it may take in milliseconds; `Infinity` if none is pending. */
  timeout: number;
  /** Its deadline, or `undefined` while no check has seen it. */
  by: number | undefined;
}

/**
 * The deadlines of one connection's pending read and pending write. To begin a wait costs no look at the clock, as most
 * waits are short: the next check, soon after, sets the deadline of a wait that it sees for the first time.
 */
export class Watchdog {
  readonly #expire: (what: "read" | "write") => void;
  readonly #read: Wait = { timeout: Infinity, by: undefined };
  readonly #write: Wait = { timeout: Infinity, by: undefined };
  /** Time from the beginning of a wait to the next check, at most; `Infinity` if no check is due soon. */
  #within = Infinity;
  /** The step of its timer: `Infinity` for none, `-Infinity` once it is stopped. */
  #step = Infinity;

  constructor(expire: (what: "read" | "write") => void) {
    this.#expire = expire;
  }

  reading(timeout: number): void {
    this.#begin(this.#read, timeout);
  }

  hasRead(): void {
    this.#read.timeout = Infinity;
  }

  writing(timeout: number): void {
    this.#begin(this.#write, timeout);
  }

  hasWritten(): void {
    this.#write.timeout = Infinity;
  }

  /** Time since a check first saw the pending write, in milliseconds: the peer has read nothing for at least as long. */
  get stalled(): number {
    const { timeout, by } = this.#write;
    return timeout === Infinity || by === undefined ? 0 : performance.now() - (by - timeout);
  }

  stop(): void {
    this.#leave();
    this.#step = -Infinity;
  }

  /** Called when the timer of its step fires. */
  check(): void {
    if (this.#step === -Infinity) return; // Another watchdog of this step has stopped it.
    this.#step = this.#within = Infinity;
    const now = performance.now();
    const readBy = this.#deadline(this.#read, now);
    const writeBy = this.#deadline(this.#write, now);
    if (readBy <= now) this.#expire("read");
    else if (writeBy <= now) this.#expire("write");
    else this.#arm(Math.min(readBy, writeBy));
  }

  #begin(wait: Wait, timeout: number): void {
    wait.timeout = timeout;
    wait.by = undefined;
    const within = timeout * TOLERANCE;
    if (within >= this.#within) return;
    this.#within = within;
    this.#arm(performance.now() + within);
  }

  #deadline(wait: Wait, now: number): number {
    if (wait.timeout === Infinity) return Infinity;
    return wait.by ??= now + wait.timeout;
  }

  #arm(at: number): void {
    const step = Math.ceil(at / STEP);
    if (step >= this.#step) return;
    this.#leave();
    if (step === Infinity) return;
    this.#step = step;
    let due = steps.get(step);
    if (due === undefined) {
      const cancel = after(step * STEP - performance.now(), () => fire(step));
      due = { waiting: new Set(), cancel };
      steps.set(step, due);
    }
    due.waiting.add(this);
  }

  #leave(): void {
    const due = steps.get(this.#step);
    if (due === undefined) return;
    due.waiting.delete(this);
    if (due.waiting.size > 0) return;
    due.cancel();
    steps.delete(this.#step);
  }
}

function fire(step: number): void {
  const { waiting } = steps.get(step)!;
  steps.delete(step);
  for (const watchdog of waiting) watchdog.check();
}
