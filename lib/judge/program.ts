import { NobodyThere } from "./case.ts";
import { Patience } from "./patience.ts";

/** How much of each output stream is kept, in UTF-16 code units. */
const KEPT = 1024 * 1024;
/** How long a program that was asked to stop may take until it is killed. */
const GRACE = new Patience(300);

const encoder = new TextEncoder();

/** How a program ended: its exit code, or the signal that ended it. */
export type Exit = Pick<Deno.CommandStatus, "code" | "signal">;

/** A client program that is judged, with all processes that it starts. Disposing of it ends them. */
export class Program implements AsyncDisposable {
  /** Its standard output. */
  readonly output: Output;
  /** Its standard error. */
  readonly errors: Output;
  /** How it ends. */
  readonly exit: Promise<Exit>;
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #ended = false;

  /**
   * Starts a program.
   *
   * @param command The program and its arguments.
   * @throws {NobodyThere} If it cannot be started.
   */
  constructor([file, ...args]: readonly string[]) {
    this.#process = spawn(file!, {
      args,
      // A group of its own, so that what the program starts ends with it.
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      // Python holds back its output otherwise, if it is not a terminal.
      env: { PYTHONUNBUFFERED: "1", PYTHONIOENCODING: "utf-8" },
    });
    this.output = new Output(this.#process.stdout);
    this.errors = new Output(this.#process.stderr);
    this.#input = this.#process.stdin.getWriter();
    this.exit = this.#process.status.then(async (status) => {
      this.#ended = true;
      // A process that outlives the program may hold its output open.
      await GRACE.allows(Promise.all([this.output.complete, this.errors.complete]));
      return status;
    });
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Types a line. A program that no longer reads does not matter. */
  async type(line: string): Promise<void> {
    await Promise.race([this.#input.write(encoder.encode(`${line}\n`)).catch(() => {}), this.exit]);
  }

  /** Ends its standard input. */
  endInput(): void {
    this.#input.close().catch(() => {});
  }

  /** Waits until it prints a text; whether it does, before the program ends or the patience does. */
  async shows(text: string, patience: Patience): Promise<boolean> {
    const streams = [this.output, this.errors];
    await patience.allows(Promise.race([...streams.map((stream) => stream.holds(text)), this.exit]));
    return streams.some((stream) => stream.showsAll([text]) === 1);
  }

  /** Kills it. */
  kill(): void {
    this.#signal("SIGKILL");
  }

  /** Ends the program, and all processes that it has started. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.endInput();
    this.#signal("SIGTERM");
    if (!this.#ended) await GRACE.allows(this.exit);
    this.kill();
    await this.exit;
    await Promise.all([this.output.cancel(), this.errors.cancel()]);
  }

  #signal(signal: Deno.Signal): void {
    try {
      Deno.kill(-this.#process.pid, signal);
    } catch {
      // All of the group have ended.
    }
  }
}

function spawn(file: string, options: Deno.CommandOptions): Deno.ChildProcess {
  try {
    return new Deno.Command(file, options).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) throw error;
    throw new NobodyThere(`the command cannot be started: ${whyNot(JSON.stringify(file), error)}`, { cause: error });
  }
}

function whyNot(file: string, error: Error): string {
  if (error instanceof Deno.errors.NotFound) return `there is no program ${file}`;
  if (error instanceof Deno.errors.PermissionDenied) {
    return `${file} is not executable; a script needs its interpreter before it, such as python3`;
  }
  return error.message;
}

/** What a program has written to one of its output streams. */
export class Output {
  /** The text, as far as it is kept. */
  text = "";
  /** Resolves at its end. */
  readonly complete: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #waiting = new Set<() => void>();

  /** Reads a stream to its end. */
  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.complete = this.#read();
  }

  /** How many of the texts it shows, in their order, until one is missing. */
  showsAll(texts: readonly string[]): number {
    return Math.max(
      ...readings(this.text).map((shown) => {
        let at = 0;
        for (const [index, text] of texts.entries()) {
          const found = shown.indexOf(text, at);
          if (found === -1) return index;
          at = found + text.length;
        }
        return texts.length;
      }),
    );
  }

  /** How often it shows a text. */
  count(text: string): number {
    return Math.max(...readings(this.text).map((shown) => shown.split(text).length - 1));
  }

  /**
   * Whether it shows a text, although in parts: a program may print what comes as it comes.
   *
   * @param text The text.
   * @param besides Texts that do not count, if they are whole: the program may have sent them.
   */
  showsInParts(text: string, besides: readonly string[] = []): boolean {
    return readings(this.text).some((all) => {
      const shown = besides.reduce((rest, whole) => rest.replaceAll(whole, ""), all);
      let at = 0;
      for (const character of shown) {
        if (at < text.length && text.startsWith(character, at)) at += character.length;
      }
      return at === text.length;
    });
  }

  /** Waits until it holds a text. */
  async holds(text: string): Promise<void> {
    while (this.showsAll([text]) === 0) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Reads no more. */
  async cancel(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
    await this.complete;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for (let chunk; (chunk = (await this.#reader.read()).value) !== undefined;) {
      const text = decoder.decode(chunk, { stream: true });
      this.text += text.slice(0, KEPT - this.text.length);
      for (const resolve of this.#waiting) resolve();
      this.#waiting.clear();
    }
  }
}

const SHORT: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", "0": "\0" };

/**
 * What a text may stand for: itself, or what Python, JSON and this project escape so. In the escaped form of bytes `\xNN` is
 * a byte, in that of text a character.
 */
function readings(text: string): string[] {
  return text.includes("\\") ? [text, unescape(text, true), unescape(text, false)] : [text];
}

function unescape(text: string, isBytes: boolean): string {
  const bytes: number[] = [];
  const escapes = /\\x([0-9a-f]{2})|\\u\{?([0-9a-f]{4,6})\}?|\\(.)|[^\\]+/gisu;
  for (const [plain, byte, point = isBytes ? undefined : byte, short] of text.matchAll(escapes)) {
    if (point !== undefined) bytes.push(...encoder.encode(String.fromCodePoint(parseInt(point, 16) % 0x110000)));
    else if (byte !== undefined) bytes.push(parseInt(byte, 16));
    else for (const each of encoder.encode(short === undefined ? plain : SHORT[short] ?? short)) bytes.push(each);
  }
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
