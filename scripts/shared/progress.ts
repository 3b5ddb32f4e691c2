import { writeStdout } from "../../lib/cli/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";

/** How often a line says how far it is where no terminal shows it all the time, in milliseconds. */
const REPORT_EVERY = 10_000;
/** The same on a terminal. */
const REDRAW_EVERY = 200;

/** How far something long is: one line that is written over on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #terminal = Deno.stdout.isTerminal();
  readonly #began = performance.now();
  #last = performance.now();

  /** Shows a line, after the seconds passed, if it is time for one. */
  async report(line: () => string): Promise<void> {
    const now = performance.now();
    if (now - this.#last < (this.#terminal ? REDRAW_EVERY : REPORT_EVERY)) return;
    this.#last = now;
    const words = `${Math.round((now - this.#began) / 1000)} s: ${line()}`;
    await writeStdout(encodeText(this.#terminal ? `\r${words}\x1b[K` : `${words}\n`));
  }

  /** Shows a line now and then until something is done. */
  async during(work: Promise<unknown>, line: () => string): Promise<void> {
    let done = false;
    work.then(() => done = true, () => done = true);
    while (!done) {
      await this.report(line);
      await Promise.race([work, new Promise((resolve) => setTimeout(resolve, REDRAW_EVERY))]);
    }
    await work;
  }

  /** Takes the line away from the terminal. */
  async end(): Promise<void> {
    if (this.#terminal) await writeStdout(encodeText("\r\x1b[K"));
  }
}
