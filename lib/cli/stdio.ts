import { lines } from "../framing/lines.ts";
import { encodeText, text } from "../framing/text.ts";
import { escapeText, writeAll } from "../log/mod.ts";
import { CommandError } from "./errors.ts";

/**
 * Writes all of the bytes to standard output.
 *
 * @throws {CommandError} If whoever read it has gone.
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
 * Where a peer's byte stream goes: standard output as it is, or on a terminal with whatever could steer it escaped.
 *
 * @returns Writes a chunk; a character that comes in two of them is shown whole.
 */
export function streamToStdout(): (chunk: Uint8Array) => Promise<void> {
  if (!Deno.stdout.isTerminal()) return writeStdout;
  const decoder = new TextDecoder();
  return (chunk) => writeStdout(encodeText(escapeText(decoder.decode(chunk, { stream: true }), "\n\r\t")));
}

/** Writes a peer's message to standard output as one line that cannot pass for two, nor steer a terminal. */
export async function printLine(message: string): Promise<void> {
  await writeStdout(encodeText(escapeText(message, "\t") + "\n"));
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
