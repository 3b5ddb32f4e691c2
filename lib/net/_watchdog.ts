/** The longest a timer can run (2^31 - 1 ms); it is then set again. */
const LONGEST = 0x7fff_ffff;

/**
 * The deadlines of one connection's pending read and pending write, under one timer. Deadlines move with every
 * read, so the timer is not: it goes off at the earliest one it ever knew of, and looks again.
 */
export class Watchdog {
  readonly #expire: (what: "read" | "write") => void;
  #readBy = Infinity;
  #writeBy = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #goesOffAt = Infinity;

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
    clearTimeout(this.#timer);
  }

  #set(at: number): void {
    clearTimeout(this.#timer);
    this.#goesOffAt = at;
    if (at !== Infinity) this.#timer = setTimeout(() => this.#look(), Math.min(at - performance.now(), LONGEST));
  }

  #look(): void {
    const now = performance.now();
    if (this.#readBy <= now) this.#expire("read");
    else if (this.#writeBy <= now) this.#expire("write");
    else this.#set(Math.min(this.#readBy, this.#writeBy));
  }
}
