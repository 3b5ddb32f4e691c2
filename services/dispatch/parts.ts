import { CommandError } from "../../lib/cli/mod.ts";
import { encodeText, FrameDecoderStream, lines, text } from "../../lib/framing/mod.ts";
import type { Level, Log } from "../../lib/log/mod.ts";
import {
  after,
  connectTcp,
  type DrainReport,
  formatAddress,
  isLoopback,
  type ListenAddress,
  type Server,
  type ServeTcpOptions,
} from "../../lib/net/mod.ts";

/** How long a part may take to notice that it is cut, in milliseconds, and to say what became of its connections. */
const CUT_TIMEOUT = 1500;
/** How long a part may take to drain, in milliseconds, before it is taken to hang: its own deadlines and some more. */
const SHUTDOWN_TIMEOUT = 8000;

/** What a part of the server says at its end. */
export interface PartReport extends DrainReport {
  /** How much memory it has, in bytes; 0 for a part that shares it with another. */
  memory: number;
}

/** One of several that serve the same port. */
export interface Part {
  readonly addr: ListenAddress;
  /** Fulfilled when it has ended, rejected if it ended by itself. */
  readonly finished: Promise<void>;
  shutdown(): Promise<PartReport>;
  /** Ends it without letting anything finish. */
  cut(): void;
}

/** What a part is given: what can be handed over to a thread or a process. */
export interface PartOptions extends Omit<ServeTcpOptions, "log" | "signal" | "onListen" | "path"> {
  port: number;
  /** The least important level of its log that is wanted. */
  level: Level;
}

/** JSON has no `Infinity`, which limits that are off are set to. */
const NO_LIMIT = "Infinity";

function formatPartOptions(options: PartOptions): string {
  return JSON.stringify(options, (_, value) => value === Infinity ? NO_LIMIT : value);
}

/** Reads what {@linkcode startProcess} tells a process. */
export function parsePartOptions(line: string): PartOptions {
  return JSON.parse(line, (_, value) => value === NO_LIMIT ? Infinity : value);
}

/** Starts a part; what it logs is passed on, a line of JSON each. */
export type StartPart = (options: PartOptions, logged: (line: string) => void) => Promise<Part>;

/** A server of several parts. */
export interface PartsServer extends Server {
  /** How many connections are open, or NaN where only the parts know. */
  readonly connections: number;
  shutdown(): Promise<PartReport>;
}

/**
 * Starts several parts at one port, between which the kernel shares the connections out. One that ends by itself is
 * logged, and the others go on without it.
 *
 * @param count How many.
 * @param options For each of them. The first may be given port 0, the others get the port that it found.
 * @param start Starts one.
 * @param log Gets what they log.
 * @param signal Cuts all of them when it is aborted.
 */
export async function serveParts(
  count: number,
  options: PartOptions,
  start: StartPart,
  log: Log,
  signal?: AbortSignal,
): Promise<PartsServer> {
  signal?.throwIfAborted();
  await refusePortInUse(options);
  const logged = (line: string) => passOn(line, log);
  const parts = [await start(options, logged)];
  const { addr } = parts[0]!;
  const cut = () => parts.forEach((part) => part.cut());
  const others = Array.from({ length: count - 1 }, () => start({ ...options, port: addr.port }, logged));
  const errors: unknown[] = [];
  for (const started of await Promise.allSettled(others)) {
    if (started.status === "fulfilled") parts.push(started.value);
    else errors.push(started.reason);
  }
  if (errors.length > 0 || signal?.aborted) {
    cut();
    throw errors[0] ?? signal?.reason;
  }
  for (const part of parts) part.finished.catch((error) => log.error("{error}", { error: error.message }));
  signal?.addEventListener("abort", cut);
  let report: Promise<PartReport> | undefined;
  const shutdown = () => report ??= shutDown(parts);
  return {
    addr,
    connections: NaN,
    finished: allEnded(parts).finally(() => signal?.removeEventListener("abort", cut)),
    shutdown,
    async [Symbol.asyncDispose]() {
      await shutdown();
    },
  };
}

/** Those who share a port do not notice one another, so another server's port would be shared without a word. */
async function refusePortInUse({ hostname = "127.0.0.1", port }: PartOptions): Promise<void> {
  if (port === 0) return;
  try {
    (await connectTcp({ hostname, port, connectTimeout: 1000 })).close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) return;
    throw error;
  }
  throw new Deno.errors.AddrInUse(formatAddress({ hostname, port }));
}

/** Waits for the last of them; it is an error if every one ended by itself. */
async function allEnded(parts: Part[]): Promise<void> {
  const ends = await Promise.allSettled(parts.map((part) => part.finished));
  const errors = ends.filter((end) => end.status === "rejected").map(({ reason }) => reason);
  if (errors.length === parts.length) throw errors[0];
}

async function shutDown(parts: Part[]): Promise<PartReport> {
  const sum: PartReport = { finished: 0, cut: 0, memory: Deno.memoryUsage().rss };
  const cancel = after(SHUTDOWN_TIMEOUT, () => parts.forEach((part) => part.cut()));
  for (const { finished, cut, memory } of await Promise.all(parts.map((part) => part.shutdown()))) {
    sum.finished += finished;
    sum.cut += cut;
    sum.memory += memory;
  }
  cancel();
  return sum;
}

/** Passes on what a part logs of its connections; of its beginning and end, the whole server speaks. */
function passOn(line: string, log: Log): void {
  const { message, level, time: _, who: __, ...facts } = JSON.parse(line);
  if (!("peer" in facts)) return;
  const write = level === "error" ? "error" : level === "warning" ? "warn" : "info";
  log[write]("{said}", { ...facts, said: message });
}

/** What is said to a worker. */
export type ToWorker = { serve: PartOptions } | "shutdown" | "cut";
/** What a worker says. */
export type FromWorker =
  | { addr: ListenAddress }
  | { report: DrainReport }
  | { failed: { name: string; message: string } }
  | { logged: string };

/** Starts a thread that serves: it shares the program, not the data. */
export const startWorker: StartPart = async (options, logged) => {
  for (const source of ["../../lib", "."]) await requireRead(new URL(source, import.meta.url));
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const listening = Promise.withResolvers<ListenAddress>();
  const finished = Promise.withResolvers<void>();
  const reported = Promise.withResolvers<DrainReport>();
  function end(error?: Error): void {
    worker.terminate();
    reported.resolve({ finished: 0, cut: 0 });
    if (error === undefined) return finished.resolve();
    listening.reject(error);
    finished.reject(error);
  }
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if ("addr" in data) listening.resolve(data.addr);
    else if ("logged" in data) logged(data.logged);
    else if ("failed" in data) end(errorOf(data.failed));
    else {
      reported.resolve(data.report);
      end();
    }
  };
  worker.onerror = (event) => {
    event.preventDefault(); // It would end the whole program.
    end(new Error(`A worker failed: ${event.message}`));
  };
  worker.postMessage({ serve: options } satisfies ToWorker);
  finished.promise.catch(() => {}); // One that never listened is told of by `listening` alone.
  return {
    addr: await listening.promise,
    finished: finished.promise,
    async shutdown() {
      worker.postMessage("shutdown" satisfies ToWorker);
      // All workers have the memory of one process, which counts once.
      return { ...await reported.promise, memory: 0 };
    },
    cut() {
      worker.postMessage("cut" satisfies ToWorker);
      const cancel = after(CUT_TIMEOUT, () => end());
      finished.promise.catch(() => {}).then(cancel);
    },
  };
};

/** A worker reads its own program; of what it may not read, the runtime tells in many lines. */
async function requireRead(path: URL): Promise<void> {
  const { state } = await Deno.permissions.query({ name: "read", path });
  if (state !== "granted") throw new Deno.errors.NotCapable(`Requires read access to "${path.pathname}"`);
}

/** An error of the kind it was on the other side. */
function errorOf({ name, message }: { name: string; message: string }): Error {
  const kinds: Record<string, new (message: string) => Error> = { ...Deno.errors, RangeError };
  return new (kinds[name] ?? Error)(message);
}

/** Starts a process that serves: it shares nothing, and its end is nobody else's. */
export const startProcess: StartPart = async (options, logged) => {
  const { hostname = "127.0.0.1", port, level } = options;
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "-P=dispatch-server", ...await grantsFor(hostname, port)],
      // It says at this level where it listens, and at its end what became of it.
      ...[new URL("./server.ts", import.meta.url).href, "--part", "--log", "json", "--log-level", "info"],
      // Only for what it says when it cannot listen.
      ...["--host", hostname, "--port", String(port)],
    ],
    stdin: "piped",
    stderr: "piped",
  }).spawn();
  // Its end tells the process that this one is gone, however it went.
  const stdin = process.stdin.getWriter();
  await stdin.write(encodeText(formatPartOptions({ ...options, reusePort: true }) + "\n"));
  const listening = Promise.withResolvers<ListenAddress>();
  let report: PartReport = { finished: 0, cut: 0, memory: 0 };
  let asked = false;
  const finished = (async () => {
    let last = "";
    for await (const line of process.stderr.pipeThrough(new FrameDecoderStream(text(lines())))) {
      last = line;
      const record = recordIn(line);
      if (record === undefined) continue;
      if (/^Listening at/.test(record.message)) listening.resolve(addressIn(String(record["address"])));
      else if ("memory" in record) report = record as unknown as PartReport;
      else if (level === "info" || record["level"] !== "info") logged(line);
    }
    const { code } = await process.status;
    await stdin.close().catch(() => {});
    if (asked) return;
    throw last.startsWith(OWN_ERROR)
      ? new CommandError(last.slice(OWN_ERROR.length))
      : new Error(`A process ended with exit code ${code}`);
  })();
  finished.catch(listening.reject);
  return {
    addr: await listening.promise,
    finished,
    async shutdown() {
      asked = true;
      stop(process);
      await finished.catch(() => {});
      return report;
    },
    cut() {
      asked = true;
      stop(process); // The second request, which it does not drain for.
      const cancel = after(CUT_TIMEOUT, () => stop(process, "SIGKILL"));
      finished.catch(() => {}).then(cancel);
    },
  };
};

/** The record in a line of the log, if there is one: a runtime that dies says other things. */
function recordIn(line: string): Record<string, unknown> & { message: string } | undefined {
  try {
    return line.startsWith("{") ? JSON.parse(line) : undefined;
  } catch {
    return undefined;
  }
}

/** How the one line begins in which a process says why it failed. */
const OWN_ERROR = "dispatch:server: ";

/** What a process needs to listen where its set does not allow it, if this one is allowed to. */
async function grantsFor(hostname: string, port: number): Promise<string[]> {
  if (isLoopback(hostname)) return [];
  const address = formatAddress({ hostname, port });
  for (const host of [address.slice(0, address.lastIndexOf(":")), address]) {
    const { state } = await Deno.permissions.query({ name: "net", host });
    if (state === "granted") return [`--allow-net=${host}`];
  }
  return [];
}

/** The address that a server says it listens at. */
function addressIn(shown: string): ListenAddress {
  const [, hostname, port] = /^\[?(.*?)\]?:(\d+)$/.exec(shown)!;
  return { hostname: hostname!, port: Number(port) };
}

function stop(process: Deno.ChildProcess, signal: Deno.Signal = "SIGTERM"): void {
  try {
    process.kill(signal);
  } catch {
    // It has ended.
  }
}
