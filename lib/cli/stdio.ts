import { lines } from "../framing/lines.ts";
import { encodeText, text } from "../framing/text.ts";
import { escapeText, writeAll } from "../log/mod.ts";
import { CommandError } from "./errors.ts";

/**
 * Writes all of the bytes to standard output.
 *
 * @throws {CommandError} If standard output has been closed.
 */
export async function writeStdout(bytes: Uint8Array): Promise<void> {
  try {
    await writeAll(Deno.stdout, bytes);
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    throw new CommandError("Standard output was closed before everything was written", { cause: error });
  }
}

/**
 * Creates a function that writes a peer's byte stream to standard output: unchanged, or escaped on a terminal.
 *
 * @returns The function. A character split over two chunks is written whole.
 */
export function streamToStdout(): (chunk: Uint8Array) => Promise<void> {
  if (!Deno.stdout.isTerminal()) return writeStdout;
  const decoder = new TextDecoder();
  return (chunk) => writeStdout(encodeText(escapeText(decoder.decode(chunk, { stream: true }), "\n\r\t")));
}

/** Writes a peer's message to standard output as one line, escaped. */
export async function printLine(message: string): Promise<void> {
  await writeStdout(encodeText(escapeText(message, "\t") + "\n"));
}

/** Standard input. Disposing of it cancels a pending read, which would keep the program alive. */
export class Stdin implements Disposable {
  readonly #reader = Deno.stdin.readable.getReader();

  /** The chunks until the end. */
  async *chunks(): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      yield value;
    }
  }

  /** The lines until the end. Throws a `FramingError` for a line of more than 1 MiB or invalid UTF-8. */
  async *lines(): AsyncGenerator<string, void, void> {
    const decoder = text(lines()).decoder();
    for await (const chunk of this.chunks()) yield* decoder.push(chunk);
    yield* decoder.end();
    if (decoder.failure !== undefined) throw decoder.failure;
  }

  /** Cancels reading. */
  close(): void {
    this.#reader.cancel().catch(() => {});
  }

  /** Cancels reading. */
  [Symbol.dispose](): void {
    this.close();
  }
}
