import { FrameDecoderStream, lines, text } from "../../lib/framing/mod.ts";
import type { DrainReport, Server, ServeTcpOptions } from "../../lib/net/mod.ts";

/** What a part of the server says at its end. */
export interface PartReport extends DrainReport {
  /** How much memory it has, in bytes; 0 for a part that shares it with another. */
  memory: number;
}

/** One of several that serve the same port. */
export interface Part {
  readonly addr: Deno.NetAddr;
  /** Fulfilled when it has ended, rejected if it ended by itself. */
  readonly finished: Promise<void>;
  shutdown(): Promise<PartReport>;
  /** Ends it without letting anything finish. */
  cut(): void;
}

/** Options that a part can be handed over to a thread or process. */
export type PartOptions = Pick<ServeTcpOptions, "hostname" | "port" | "maxConnections" | "idleTimeout">;

/** A server of several parts. */
export interface PartsServer extends Server {
  shutdown(): Promise<PartReport>;
}

/**
 * Starts several parts at one port, between which the kernel shares the connections out.
 *
 * @param count How many.
 * @param options For each part; `maxConnections` is divided among them.
 * @param start Starts a part. The first may be given port 0, the others get the port that it found.
 * @param failed Called with the error of a part that ended by itself; the others go on without it.
 * @param signal Cuts all of them when it is aborted.
 */
export async function serveParts(
  count: number,
  { maxConnections = 1000, ...options }: PartOptions,
  start: (options: PartOptions) => Promise<Part>,
  failed: (error: unknown) => void,
  signal?: AbortSignal,
): Promise<PartsServer> {
  const each = { ...options, maxConnections: Math.ceil(maxConnections / count) };
  const first = await start(each);
  const others = Array.from({ length: count - 1 }, () => start({ ...each, port: first.addr.port }));
  const parts = [first, ...await Promise.all(others)];
  const cut = () => parts.forEach((part) => part.cut());
  signal?.addEventListener("abort", cut);
  for (const part of parts) part.finished.catch(failed);
  let report: Promise<PartReport> | undefined;
  const shutdown = () => report ??= shutDown(parts);
  return {
    addr: first.addr,
    finished: allEnded(parts).finally(() => signal?.removeEventListener("abort", cut)),
    shutdown,
    async [Symbol.asyncDispose]() {
      await shutdown();
    },
  };
}

/** Waits for the last of them; it is an error if every one ended by itself. */
async function allEnded(parts: Part[]): Promise<void> {
  const ends = await Promise.allSettled(parts.map((part) => part.finished));
  const errors = ends.filter((end) => end.status === "rejected").map(({ reason }) => reason);
  if (errors.length === parts.length) throw errors[0];
}

async function shutDown(parts: Part[]): Promise<PartReport> {
  const sum: PartReport = { finished: 0, cut: 0, memory: Deno.memoryUsage().rss };
  for (const { finished, cut, memory } of await Promise.all(parts.map((part) => part.shutdown()))) {
    sum.finished += finished;
    sum.cut += cut;
    sum.memory += memory;
  }
  return sum;
}

/** What is said to a worker, and what it says. */
export type ToWorker = { serve: PartOptions } | "shutdown";
export type FromWorker = { addr: Deno.NetAddr } | { report: DrainReport } | { failed: string };

/** Starts a thread that serves: it shares the program, not the data. */
export async function startWorker(options: PartOptions): Promise<Part> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const listening = Promise.withResolvers<Deno.NetAddr>();
  const finished = Promise.withResolvers<void>();
  const reported = Promise.withResolvers<DrainReport>();
  const fail = (error: Error) => {
    worker.terminate();
    listening.reject(error);
    reported.resolve({ finished: 0, cut: 0 });
    finished.reject(error);
  };
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
    if ("addr" in data) listening.resolve(data.addr);
    else if ("failed" in data) fail(new Deno.errors.AddrInUse(data.failed));
    else {
      worker.terminate();
      reported.resolve(data.report);
      finished.resolve();
    }
  };
  worker.onerror = (event) => {
    event.preventDefault(); // It would end the whole program.
    fail(new Error(`A worker failed: ${event.message}`));
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
      worker.terminate();
      reported.resolve({ finished: 0, cut: 0 });
      finished.resolve();
    },
  };
}

/** Starts a process that serves: it shares nothing, and its end is nobody else's. */
export async function startProcess({ hostname, port, maxConnections, idleTimeout }: PartOptions): Promise<Part> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "-P=dispatch-server", new URL("./server.ts", import.meta.url).href],
      ...["--mode", "loop", "--reuse-port", "--log", "json", "--host", String(hostname), "--port", String(port)],
      ...["--max-connections", String(maxConnections)],
      ...["--idle-timeout", idleTimeout === Infinity ? "0" : String(idleTimeout! / 1000)],
    ],
    stdin: "null",
    stderr: "piped",
  }).spawn();
  const listening = Promise.withResolvers<Deno.NetAddr>();
  let report: PartReport = { finished: 0, cut: 0, memory: 0 };
  let asked = false;
  const finished = (async () => {
    let last = "";
    for await (const line of process.stderr.pipeThrough(new FrameDecoderStream(text(lines())))) {
      last = line;
      const record = line.startsWith("{") ? JSON.parse(line) : {};
      if (/^Listening at/.test(record.message)) listening.resolve(addressIn(record.address));
      if ("memory" in record) report = { finished: record.finished, cut: record.cut, memory: record.memory };
    }
    const { code } = await process.status;
    if (!asked) throw new Error(`A process ended with exit code ${code}: ${last}`);
  })();
  finished.catch(listening.reject);
  return {
    addr: await listening.promise,
    finished,
    async shutdown() {
      stop(process);
      asked = true;
      await finished.catch(() => {});
      return report;
    },
    cut() {
      asked = true;
      stop(process, "SIGKILL");
    },
  };
}

/** The address that a server says it listens at. */
function addressIn(text: string): Deno.NetAddr {
  const colon = text.lastIndexOf(":");
  return { transport: "tcp", hostname: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

function stop(process: Deno.ChildProcess, signal: Deno.Signal = "SIGTERM"): void {
  try {
    process.kill(signal);
  } catch {
    // It has ended.
  }
}
