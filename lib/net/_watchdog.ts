import { after } from "./timer.ts";

/** Deadlines are looked at this often at the most, in milliseconds, so that thousands of them need few timers. */
const STEP = 10;

/** Who waits for which step, and what cancels its timer. */
const steps = new Map<number, { waiting: Set<Watchdog>; cancel: () => void }>();

/**
 * The deadlines of one connection's pending read and pending write. Deadlines move with every read, so the step at which
 * they are looked at is not: it is the earliest that was ever needed, and then the next one is chosen.
 */
export class Watchdog {
  readonly #expire: (what: "read" | "write") => void;
  #readBy = Infinity;
  #writeBy = Infinity;
  /** The step it waits for; infinite for none, and the other infinity once it is stopped. */
  #step = Infinity;

  constructor(expire: (what: "read" | "write") => void) {
    this.#expire = expire;
  }

  reading(now: number, timeout: number): void {
    if (timeout === Infinity) return;
    this.#readBy = now + timeout;
    if (this.#readBy < this.#step * STEP) this.#waitFor(this.#readBy);
  }

  hasRead(): void {
    this.#readBy = Infinity;
  }

  writing(now: number, timeout: number): void {
    if (timeout === Infinity) return;
    this.#writeBy = now + timeout;
    if (this.#writeBy < this.#step * STEP) this.#waitFor(this.#writeBy);
  }

  hasWritten(): void {
    this.#writeBy = Infinity;
  }

  stop(): void {
    this.#leave();
    this.#step = -Infinity;
  }

  /** Called at its step. */
  look(): void {
    if (this.#step === -Infinity) return; // Stopped by another one of this step.
    this.#step = Infinity;
    const now = performance.now();
    if (this.#readBy <= now) this.#expire("read");
    else if (this.#writeBy <= now) this.#expire("write");
    else this.#waitFor(Math.min(this.#readBy, this.#writeBy));
  }

  #waitFor(at: number): void {
    const step = Math.ceil(at / STEP);
    if (step >= this.#step) return;
    this.#leave();
    if (step === Infinity) return;
    this.#step = step;
    let due = steps.get(step);
    if (due === undefined) {
      const cancel = after(step * STEP - performance.now(), () => goOff(step));
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

function goOff(step: number): void {
  const { waiting } = steps.get(step)!;
  steps.delete(step);
  for (const watchdog of waiting) watchdog.look();
}
