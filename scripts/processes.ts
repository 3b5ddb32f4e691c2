// The services as processes of their own, for the tests and the demo.

import { TextLineStream } from "@std/streams/text-line-stream";

/** How long anything is waited for for something that should come, before it says what did not, in milliseconds. */
const PATIENCE = 20_000;

/** A signal that comes half a second after the first is a second request, in milliseconds. */
const SECOND_REQUEST = 600;

/** How many of a server's last lines are shown when something does not come: it may have written for hours. */
const LINES_KEPT = 200;

const root = new URL("..", import.meta.url);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Waits for a promise, and says what was waited for when it does not come. */
export async function within<T>(promise: Promise<T>, what: string | (() => string)): Promise<T> {
  let timer;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited for ${typeof what === "string" ? what : what()}`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How to run one side of a service: the real program, in its sandbox unless told otherwise. */
export interface RunOptions {
  /** Arguments for the program. */
  args?: string[];
  /** Instead of the permission set: flags for Deno. */
  permissions?: string[];
  /** A command in front of Deno, for limits of the system. */
  wrapper?: string[];
  /** Has a server log warnings alone, for floods of messages, each of which would be a line. */
  quiet?: boolean;
  /** Where its streams go; all are piped unless told otherwise. */
  streams?: Pick<Deno.CommandOptions, "stdin" | "stdout" | "stderr">;
}

/** A port that nobody listens at, for a server that cannot tell which it took. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function untilSomebodyListens(port: number): Promise<void> {
  for (;;) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** What the tasks in deno.json grant. */
export function grantsOf(service: string, side: string): string[] {
  const set = [`-P=${service}-${side}`];
  // To start processes is granted by the task, not by the set; the program gives it up before it listens.
  return service === "dispatch" && side === "server" ? [...set, "--allow-run"] : set;
}

/** The command that runs one side of a service. */
export function command(service: string, side: "server" | "client", options: RunOptions, more: string[]): Deno.Command {
  const { args = [], permissions = grantsOf(service, side), wrapper = [], streams } = options;
  const file = `services/${service.replaceAll("-", "_")}/${side}.ts`;
  const [program, ...rest] = [
    ...wrapper,
    Deno.execPath(),
    "run",
    "-q",
    "--no-prompt",
    ...permissions,
    file,
    ...more,
    ...args,
  ];
  const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  return new Deno.Command(program!, { args: rest, cwd: root, ...piped, ...streams });
}

/** A record of a server's log in its JSON form. */
export type LogRecord = { level: string; who: string; message: string } & Record<string, unknown>;

/** A server as its own process. Disposing of it ends it, and fails if it did not end well. */
export class ServerProcess implements AsyncDisposable {
  /** Its log so far. */
  readonly log: LogRecord[] = [];
  port = 0;
  readonly process: Deno.ChildProcess;
  readonly #logged: Promise<void>;
  /** What it wrote on standard error that is no record of its log: there should be nothing. */
  readonly strays: string[] = [];
  #lastLines: string[] = [];
  #waiting: (() => void)[] = [];
  #ended = false;
  #killed = false;
  #signals = 0;

  /** Use {@linkcode ServerProcess.start}. */
  constructor(process: Deno.ChildProcess) {
    this.process = process;
    this.#logged = this.#read();
  }

  /** Starts it on a free port, and waits until it listens. */
  static async start<Server extends ServerProcess>(
    this: new (process: Deno.ChildProcess) => Server,
    service: string,
    options: RunOptions = {},
  ): Promise<Server> {
    const port = options.quiet ? freePort() : 0;
    const more = ["--port", String(port), "--log", "json", ...(options.quiet ? ["--log-level", "warning"] : [])];
    const server = new this(command(service, "server", options, more).spawn());
    if (options.quiet) {
      await within(untilSomebodyListens(server.port = port), `somebody to listen at port ${port}`);
      return server;
    }
    const { address } = await server.logged(/^Listening at/);
    server.port = Number(String(address).split(":").at(-1));
    return server;
  }

  /** Waits for a record whose message matches, or for so many of them, now or later; gives the last of these. */
  async logged(pattern: RegExp, count = 1): Promise<LogRecord> {
    for (;;) {
      const found = this.log.filter(({ message }) => pattern.test(message))[count - 1];
      if (found !== undefined) return found;
      if (this.#ended) throw new Error(`The server ended without logging ${pattern}: ${this.#stderr}`);
      await within(new Promise<void>((resolve) => this.#waiting.push(resolve)), () => `${pattern} in ${this.#stderr}`);
    }
  }

  /** Asks it to stop, and gives its exit code. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.#signal(signal);
    const { code } = await within(this.process.status, "the server's end");
    await this.#logged;
    return code;
  }

  /** Asks it to stop, and to stop at once as soon as a second signal counts as a second request. */
  async stopAtOnce(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    const again = setTimeout(() => this.#signal(signal), SECOND_REQUEST);
    try {
      return await this.stop(signal);
    } finally {
      clearTimeout(again);
    }
  }

  /** Ends it as the system does, without a word. */
  async kill(): Promise<void> {
    this.#killed = true;
    this.#signal("SIGKILL");
    await this.process.status;
    await this.#logged;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#killed) return;
    if (!this.log.some(({ message }) => message.startsWith("Stopped"))) this.#signal("SIGTERM");
    const again = setTimeout(() => this.#signal("SIGTERM"), SECOND_REQUEST);
    const { code } = await this.process.status;
    clearTimeout(again);
    await this.#logged;
    // On a busy machine a second signal can reach a program that has removed its listeners and is about to exit.
    const wasExiting = code === 143 && this.#signals > 1;
    if (code !== 0 && !wasExiting) throw new Error(`The server ended with exit code ${code}: ${this.#stderr}`);
  }

  get #stderr(): string {
    return this.#lastLines.join("\n");
  }

  #signal(signal: Deno.Signal): void {
    this.#signals++;
    try {
      this.process.kill(signal);
    } catch {
      // It has ended.
    }
  }

  async #read(): Promise<void> {
    this.process.stdin.close().catch(() => {});
    const stdout = this.process.stdout.pipeTo(new WritableStream());
    const lines = this.process.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) {
      if (this.#lastLines.push(line) > LINES_KEPT) this.#lastLines.shift();
      if (line.startsWith("{")) this.log.push(JSON.parse(line));
      else this.strays.push(line);
      this.#wake();
    }
    await stdout;
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** What a client came to. */
export interface ClientResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A client as its own process. */
export class ClientProcess implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #done: Promise<unknown>;
  stdout = "";
  stderr = "";
  #waiting: (() => void)[] = [];

  constructor(service: string, options: RunOptions) {
    this.process = command(service, "client", options, []).spawn();
    this.#input = this.process.stdin.getWriter();
    const take = (stream: ReadableStream<Uint8Array<ArrayBuffer>>, add: (text: string) => void) =>
      stream.pipeThrough(new TextDecoderStream()).pipeTo(
        new WritableStream({
          write: (chunk) => {
            add(chunk);
            for (const resolve of this.#waiting.splice(0)) resolve();
          },
        }),
      );
    this.#done = Promise.all([
      take(this.process.stdout, (chunk) => this.stdout += chunk),
      take(this.process.stderr, (chunk) => this.stderr += chunk),
    ]);
  }

  /** Writes to its standard input. */
  async type(text: string): Promise<void> {
    await this.#input.write(encoder.encode(text));
  }

  /** Ends its standard input. */
  async endInput(): Promise<void> {
    await this.#input.close().catch(() => {});
  }

  /** Waits until its standard output matches. */
  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.stdout)) {
      const more = new Promise<void>((resolve) => this.#waiting.push(resolve));
      await within(more, () => `${pattern} in "${this.stdout}", "${this.stderr}"`);
    }
  }

  /** Waits for its end. */
  async result(): Promise<ClientResult> {
    const { code } = await within(this.process.status, () => `the client's end: "${this.stdout}", "${this.stderr}"`);
    await this.#done;
    await this.endInput();
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.result();
  }
}

/** Runs a client to its end, with nothing or the given text on its standard input. */
export async function runClient(
  service: string,
  args: string[],
  input = "",
  options: RunOptions = {},
): Promise<ClientResult> {
  await using client = new ClientProcess(service, { ...options, args });
  if (input !== "") await client.type(input);
  await client.endInput();
  return await client.result();
}

/** Runs a server that is expected not to start. */
export async function runServer(service: string, args: string[], options: RunOptions = {}): Promise<ClientResult> {
  const process = command(service, "server", { ...options, args }, []).spawn();
  await process.stdin.close();
  const { code, stdout, stderr } = await within(process.output(), "the server's end");
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
