import { after } from "./timer.ts";

/**
 * The deadlines of one connection's pending read and pending write, under one timer. Deadlines move with every
 * read, so the timer is not: it goes off at the earliest one it ever knew of, and looks again.
 */
export class Watchdog {
  readonly #expire: (what: "read" | "write") => void;
  #readBy = Infinity;
  #writeBy = Infinity;
  #goesOffAt = Infinity;
  #cancel: () => void = () => {};

  constructor(expire: (what: "read" | "write") => void) {
    this.#expire = expire;
  }

  reading(timeout: number): void {
    this.#readBy = performance.now() + timeout;
    if (this.#readBy < this.#goesOffAt) this.#set(this.#readBy);
  }

  hasRead(): void {
    this.#readBy = Infinity;
  }

  writing(timeout: number): void {
    this.#writeBy = performance.now() + timeout;
    if (this.#writeBy < this.#goesOffAt) this.#set(this.#writeBy);
  }

  hasWritten(): void {
    this.#writeBy = Infinity;
  }

  stop(): void {
    this.#cancel();
    // Earlier than any deadline, so that none is set again.
    this.#goesOffAt = -Infinity;
  }

  #set(at: number): void {
    this.#cancel();
    this.#goesOffAt = at;
    this.#cancel = after(at - performance.now(), () => this.#look());
  }

  #look(): void {
    const now = performance.now();
    if (this.#readBy <= now) this.#expire("read");
    else if (this.#writeBy <= now) this.#expire("write");
    else this.#set(Math.min(this.#readBy, this.#writeBy));
  }
}
