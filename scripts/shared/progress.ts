import { writeStdout } from "../../lib/cli/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";

/** How often to print a line where there is no terminal, in milliseconds. */
const REPORT_EVERY = 10_000;
/** How often to redraw the line on a terminal, in milliseconds. */
const REDRAW_EVERY = 200;

/** The progress of a long run on standard output: one line redrawn on a terminal, or a line every 10 seconds. */
export class Progress {
  readonly #terminal = Deno.stdout.isTerminal();
  readonly #began = performance.now();
  #last = performance.now();

  /** Shows a line after the elapsed seconds, if one is due. */
  async report(line: () => string): Promise<void> {
    const now = performance.now();
    if (now - this.#last < (this.#terminal ? REDRAW_EVERY : REPORT_EVERY)) return;
    this.#last = now;
    const text = `${Math.round((now - this.#began) / 1000)} s: ${line()}`;
    await writeStdout(encodeText(this.#terminal ? `\r${text}\x1b[K` : `${text}\n`));
  }

  /** Shows the line regularly until `work` is settled, and throws its error. */
  async during(work: Promise<unknown>, line: () => string): Promise<void> {
    let done = false;
    work.then(() => done = true, () => done = true);
    while (!done) {
      await this.report(line);
      await Promise.race([work, new Promise((resolve) => setTimeout(resolve, REDRAW_EVERY))]);
    }
    await work;
  }

  /** Erases the line on a terminal. */
  async end(): Promise<void> {
    if (this.#terminal) await writeStdout(encodeText("\r\x1b[K"));
  }
}
