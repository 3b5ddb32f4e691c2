import { lines, text } from "../framing/mod.ts";
import { escapeText } from "../log/escape.ts";
import { CommandError } from "./explain.ts";

/**
 * Writes all of the bytes to standard output.
 *
 * @throws {CommandError} If whoever read it has gone.
 */
export async function writeStdout(bytes: Uint8Array): Promise<void> {
  try {
    while (bytes.length > 0) bytes = bytes.subarray(await Deno.stdout.write(bytes));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    throw new CommandError("Standard output was closed before everything was written", { cause: error });
  }
}

/** Writes a peer's message to standard output as one line that cannot pass for two, nor steer a terminal. */
export async function printLine(message: string): Promise<void> {
  await writeStdout(new TextEncoder().encode(escapeText(message, "\t") + "\n"));
}

/** Standard input, which is let go of when it is disposed of: a pending read would keep the program alive. */
export class Stdin implements Disposable {
  readonly #reader = Deno.stdin.readable.getReader();

  /** The bytes as they come. */
  async *chunks(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      yield value;
    }
  }

  /** Lines of UTF-8 text. Throws a `FramingError` for a line of more than 1 MiB, or one that is not UTF-8. */
  async *lines(): AsyncGenerator<string, void, void> {
    const decoder = text(lines()).decoder();
    for await (const chunk of this.chunks()) yield* decoder.push(chunk);
    yield* decoder.end();
    if (decoder.failure !== undefined) throw decoder.failure;
  }

  /** Ends what is being read. */
  close(): void {
    this.#reader.cancel().catch(() => {});
  }

  /** Ends what is being read. */
  [Symbol.dispose](): void {
    this.close();
  }
}
