// Runs services as the tasks in deno.json do: each server and client is a process in its own sandbox.

import { TextLineStream } from "@std/streams/text-line-stream";
import { ChildProcess } from "./child_process.ts";
import { freePort, untilListening } from "./ports.ts";
import { within } from "./within.ts";

/** How many lines of a server's log an error shows. */
const LINES_KEPT = 200;
/** A server takes a second signal as a request to abort only if it comes this much later, in milliseconds. */
const SECOND_SIGNAL_AFTER = 600;

const root = new URL("../..", import.meta.url);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** How to run one side of a service. */
export interface RunOptions {
  /** Arguments of the program. */
  args?: string[];
  /** Flags for Deno that replace the permission set. */
  permissions?: string[];
  /** A command to put before Deno, for example to set limits. */
  wrapper?: string[];
  /** Makes a server log warnings only, for tests in which each message would be a line. */
  quiet?: boolean;
  /** How long to wait for what a client does, in milliseconds; a minute by default. */
  timeout?: number;
  /** Ends the process when it aborts. */
  signal?: AbortSignal;
  /** The standard streams; each is piped by default. */
  streams?: Pick<Deno.CommandOptions, "stdin" | "stdout" | "stderr">;
}

/** The permission flags of the task in deno.json. */
export function grantsOf(service: string, side: string): string[] {
  const set = [`-P=${service}-${side}`];
  // The task, not the set, grants starting processes. The server revokes it before it listens.
  return service === "dispatch" && side === "server" ? [...set, "--allow-run"] : set;
}

/** The command that runs one side of a service. */
export function command(service: string, side: "server" | "client", options: RunOptions, more: string[]): Deno.Command {
  const { args = [], permissions = grantsOf(service, side), wrapper = [], streams, signal } = options;
  const file = `services/${service.replaceAll("-", "_")}/${side}.ts`;
  const deno = [Deno.execPath(), "run", "-q", "--no-prompt", ...permissions, file, ...more, ...args];
  const [program, ...rest] = [...wrapper, ...deno];
  const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  return new Deno.Command(program!, { args: rest, cwd: root, ...piped, ...streams, ...(signal && { signal }) });
}

/** A record of a server's log, from `--log json`. */
export type LogRecord = { level: string; who: string; message: string } & Record<string, unknown>;

/** A server process. Disposing of it stops the server, and throws if its exit code is not 0. */
export class ServerProcess extends ChildProcess {
  /** The records logged so far. */
  readonly log: LogRecord[] = [];
  /** Lines on standard error that are not log records. A correct server writes none. */
  readonly strays: string[] = [];
  /** The port that it listens at. */
  port = 0;
  readonly #logged: Promise<void>;
  #lastLines: string[] = [];
  #waiting: (() => void)[] = [];
  #ended = false;
  #killed = false;
  #signals = 0;

  /** Use {@linkcode ServerProcess.start}. */
  constructor(process: Deno.ChildProcess) {
    super(process);
    this.#logged = this.#read();
  }

  /** Starts a server on a free port, and waits until it listens. */
  static async start<Server extends ServerProcess>(
    this: new (process: Deno.ChildProcess) => Server,
    service: string,
    options: RunOptions = {},
  ): Promise<Server> {
    // A quiet server does not log its port.
    const port = options.quiet ? freePort() : 0;
    const more = ["--port", String(port), "--log", "json", ...(options.quiet ? ["--log-level", "warning"] : [])];
    const server = new this(command(service, "server", options, more).spawn());
    if (options.quiet) {
      await untilListening(server.port = port);
      return server;
    }
    const { address } = await server.logged(/^Listening at/);
    server.port = Number(String(address).split(":").at(-1));
    return server;
  }

  /** Waits until `count` records match, counting those logged before the call, and returns the last of these. */
  async logged(pattern: RegExp, count = 1): Promise<LogRecord> {
    for (let at = 0, left = count;;) {
      for (; at < this.log.length; at++) {
        if (pattern.test(this.log[at]!.message) && --left === 0) return this.log[at]!;
      }
      if (this.#ended) throw new Error(`The server ended without logging ${pattern}: ${this.#stderr}`);
      await within(new Promise<void>((resolve) => this.#waiting.push(resolve)), () => `${pattern} in ${this.#stderr}`);
    }
  }

  /** Sends a signal that asks it to stop, and returns its exit code. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    this.signal(signal);
    const { code } = await within(this.process.status, "the server's end");
    await this.#logged;
    return code;
  }

  /** Asks it to stop, and to stop at once as soon as a second signal counts as a second request. */
  async stopAtOnce(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    let again;
    // A busy machine may delay the first signal, so the time counts from what the server says about it.
    const taken = this.logged(/: letting .* finish; a second signal aborts$/);
    taken.then(() => again = setTimeout(() => this.signal(signal), SECOND_SIGNAL_AFTER), () => {});
    try {
      return await this.stop(signal);
    } finally {
      clearTimeout(again);
    }
  }

  /** Kills it. */
  async kill(): Promise<void> {
    this.#killed = true;
    this.signal("SIGKILL");
    await this.process.status;
    await this.#logged;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.#killed) return;
    const isStopped = this.log.some(({ message }) => message.startsWith("Stopped"));
    if (!isStopped) this.signal("SIGTERM");
    const again = isStopped ? undefined : setTimeout(() => this.signal("SIGTERM"), SECOND_SIGNAL_AFTER);
    const { code } = await this.process.status;
    clearTimeout(again);
    await this.#logged;
    // On a busy machine a second signal can reach a program that has removed its listeners and is about to exit.
    const wasExiting = [130, 143].includes(code) && this.#signals > 1;
    if (code !== 0 && !wasExiting) throw new Error(`The server ended with exit code ${code}: ${this.#stderr}`);
  }

  get #stderr(): string {
    return this.#lastLines.join("\n");
  }

  override signal(signal: Deno.Signal): void {
    this.#signals++;
    super.signal(signal);
  }

  async #read(): Promise<void> {
    this.process.stdin.close().catch(() => {});
    const stdout = this.process.stdout.pipeTo(new WritableStream());
    const lines = this.process.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) {
      if (this.#lastLines.push(line) > LINES_KEPT) this.#lastLines.shift();
      // A killed server may not have written the whole of its last line.
      if (/^\{.*\}$/.test(line)) this.log.push(JSON.parse(line));
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

/** How a client ended. */
export interface ClientResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A client process. Disposing of it kills it. */
export class ClientProcess extends ChildProcess {
  /** Its output so far. */
  stdout = "";
  stderr = "";
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #done: Promise<unknown>;
  readonly #timeout: number | undefined;
  #waiting: (() => void)[] = [];
  #ended = false;

  constructor(service: string, options: RunOptions) {
    super(command(service, "client", options, []).spawn());
    this.#timeout = options.timeout;
    this.#input = this.process.stdin.getWriter();
    const collect = (stream: ReadableStream<Uint8Array<ArrayBuffer>>, add: (text: string) => void) =>
      stream.pipeThrough(new TextDecoderStream()).pipeTo(
        new WritableStream({
          write: (chunk) => {
            add(chunk);
            this.#wake();
          },
        }),
      );
    this.#done = Promise.all([
      collect(this.process.stdout, (chunk) => this.stdout += chunk),
      collect(this.process.stderr, (chunk) => this.stderr += chunk),
    ]).then(() => {
      this.#ended = true;
      this.#wake();
    });
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
      if (this.#ended) throw new Error(`the client ended without ${pattern}: "${this.stdout}", "${this.stderr}"`);
      const more = new Promise<void>((resolve) => this.#waiting.push(resolve));
      await within(more, () => `${pattern} in "${this.stdout}", "${this.stderr}"`, this.#timeout);
    }
  }

  /** Waits for its end. */
  async result(): Promise<ClientResult> {
    const what = () => `the client's end: "${this.stdout}", "${this.stderr}"`;
    const { code } = await within(this.process.status, what, this.#timeout);
    await this.#done;
    await this.endInput();
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.result();
  }
}

/** Runs a client to its end, with the given text on its standard input. */
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

/** Runs a server that must fail to start. */
export async function runServer(service: string, args: string[], options: RunOptions = {}): Promise<ClientResult> {
  const process = command(service, "server", { ...options, args }, []).spawn();
  await process.stdin.close();
  const { code, stdout, stderr } = await within(process.output(), "the server's end");
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
