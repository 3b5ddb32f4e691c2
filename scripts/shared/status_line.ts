import { encodeText } from "../../lib/framing/mod.ts";
import { writeAll } from "../../lib/log/mod.ts";

/** The status of a run on standard error: one line redrawn on a terminal, else a line for each status. */
export class StatusLine {
  readonly #terminal = Deno.stderr.isTerminal();
  #shown = false;

  /** Shows a status. */
  async show(text: string): Promise<void> {
    this.#shown = true;
    await writeAll(Deno.stderr, encodeText(this.#terminal ? `\r\x1b[K${text}` : `${text}\n`));
  }

  /** Erases the line on a terminal. */
  async clear(): Promise<void> {
    if (this.#terminal && this.#shown) await writeAll(Deno.stderr, encodeText("\r\x1b[K"));
    this.#shown = false;
  }
}
