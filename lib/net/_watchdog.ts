import { after } from "./timer.ts";

/** Timer resolution in milliseconds. Coarse, so that thousands of deadlines share few timers. */
const STEP = 10;

/** The watchdogs of each step, and a function that cancels its timer. */
const steps = new Map<number, { waiting: Set<Watchdog>; cancel: () => void }>();

/**
 * The deadlines of one connection's pending read and pending write. Deadlines move with every read; the timer does not. It
 * fires at the earliest deadline ever set and is then re-armed.
 */
export class Watchdog {
  readonly #expire: (what: "read" | "write") => void;
  #readBy = Infinity;
  #writeBy = Infinity;
  /** The step of its timer: `Infinity` for none, `-Infinity` once it is stopped. */
  #step = Infinity;

  constructor(expire: (what: "read" | "write") => void) {
    this.#expire = expire;
  }

  reading(now: number, timeout: number): void {
    if (timeout === Infinity) return;
    this.#readBy = now + timeout;
    if (this.#readBy < this.#step * STEP) this.#arm(this.#readBy);
  }

  hasRead(): void {
    this.#readBy = Infinity;
  }

  writing(now: number, timeout: number): void {
    if (timeout === Infinity) return;
    this.#writeBy = now + timeout;
    if (this.#writeBy < this.#step * STEP) this.#arm(this.#writeBy);
  }

  hasWritten(): void {
    this.#writeBy = Infinity;
  }

  stop(): void {
    this.#leave();
    this.#step = -Infinity;
  }

  /** Called when the timer of its step fires. */
  check(): void {
    if (this.#step === -Infinity) return; // Another watchdog of this step has stopped it.
    this.#step = Infinity;
    const now = performance.now();
    if (this.#readBy <= now) this.#expire("read");
    else if (this.#writeBy <= now) this.#expire("write");
    else this.#arm(Math.min(this.#readBy, this.#writeBy));
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
