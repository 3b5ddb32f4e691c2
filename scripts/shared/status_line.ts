import { encodeText } from "../../lib/framing/mod.ts";
import { writeAll } from "../../lib/log/mod.ts";

/** Says on standard error how far something is: in place on a terminal, else line by line. */
export class StatusLine {
  readonly #terminal = Deno.stderr.isTerminal();
  #shown = false;

  /** Says it. */
  async say(words: string): Promise<void> {
    this.#shown = true;
    await writeAll(Deno.stderr, encodeText(this.#terminal ? `\r\x1b[K${words}` : `${words}\n`));
  }

  /** Takes the line away again, where it was shown in place. */
  async clear(): Promise<void> {
    if (this.#terminal && this.#shown) await writeAll(Deno.stderr, encodeText("\r\x1b[K"));
    this.#shown = false;
  }
}
