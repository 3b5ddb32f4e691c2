import type * as readline from "node:readline";
import { escapeText } from "../log/escape.ts";
import { printLine, Stdin } from "./stdio.ts";
import type { StopRequests } from "./signals.ts";

/** Reads lines from a person or a pipe while lines are shown at any moment. */
export interface Conversation extends Disposable {
  /** The prompt; not shown on a pipe. */
  prompt: string;
  /** Asks for one line: shows the question on a terminal, reads the next line of a pipe. `undefined` after the last. */
  ask(question: string): Promise<string | undefined>;
  /** The lines of standard input until its end. */
  lines(): AsyncIterable<string>;
  /** Shows a line at once. The line being typed stays unchanged. */
  show(line: string): Promise<void>;
}

/** Whether standard input and output are a terminal, so that there is a person to prompt. */
export function isInteractive(): boolean {
  return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
}

/**
 * Opens standard input and output for a conversation: with a prompt and line editing on a terminal, plain on a pipe.
 *
 * @param requests Receives Ctrl-C, which a terminal in line-editing mode does not turn into a signal.
 * @returns The conversation. Disposing of it releases both.
 */
export function openConversation(requests: StopRequests): Conversation {
  return isInteractive() ? new TerminalConversation(requests) : new PipeConversation();
}

class PipeConversation implements Conversation {
  prompt = "";
  readonly #stdin = new Stdin();
  readonly #lines = this.#stdin.lines();

  lines(): AsyncIterable<string> {
    return this.#lines;
  }

  async show(line: string): Promise<void> {
    await printLine(line);
  }

  async ask(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
  }

  [Symbol.dispose](): void {
    this.#stdin.close();
  }
}

class TerminalConversation implements Conversation {
  prompt = "";
  /** Loaded on demand, so that servers start faster. */
  readonly #readline = process.getBuiltinModule("node:readline");
  readonly #terminal: readline.Interface;
  readonly #typed: ReadableStreamDefaultReader<string>;
  #prompted = false;
  #closed = false;

  constructor(requests: StopRequests) {
    const terminal = this.#readline.createInterface({ input: process.stdin, output: process.stdout });
    this.#terminal = terminal;
    terminal.on("SIGINT", () => requests.request("SIGINT"));
    terminal.on("close", () => this.#closed = true);
    const typed = new ReadableStream<string>({
      start(controller) {
        terminal.on("line", (line) => controller.enqueue(line));
        terminal.on("close", () => controller.close());
      },
    });
    this.#typed = typed.getReader();
  }

  async *lines(): AsyncGenerator<string, void, void> {
    for (let line; (line = await this.ask(this.prompt)) !== undefined;) yield line;
  }

  show(line: string): Promise<void> {
    // The line being typed may take several rows, with the cursor in any of them.
    const { rows } = this.#terminal.getCursorPos();
    this.#readline.moveCursor(process.stdout, 0, -rows);
    this.#readline.cursorTo(process.stdout, 0);
    this.#readline.clearScreenDown(process.stdout);
    process.stdout.write(escapeText(line, "\t") + "\n");
    if (!this.#closed) this.#terminal.prompt(true);
    return Promise.resolve();
  }

  async ask(question: string): Promise<string | undefined> {
    if (!this.#closed) {
      this.#terminal.setPrompt(question);
      this.#terminal.prompt();
      this.#prompted = true;
    }
    const { value } = await this.#typed.read();
    if (value !== undefined) this.#prompted = false;
    return value;
  }

  [Symbol.dispose](): void {
    // Leave the prompt's line.
    if (this.#prompted) process.stdout.write("\n");
    this.#prompted = false;
    this.#terminal.close();
  }
}
