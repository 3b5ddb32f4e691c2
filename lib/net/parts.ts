import type { LogRecord } from "@logtape/logtape";
import { Log } from "../log/log.ts";
import type { Level } from "../log/mod.ts";
import { clearCounts, makeSharedCounts, openConnections } from "./_admission.ts";
import { formatAddress, type ListenAddress } from "./address.ts";
import type { CloseReason } from "./errors.ts";
import type { DrainReport, ServeTcpOptions } from "./serve_tcp.ts";
import type { Server } from "./server.ts";
import { requireRead } from "./_require_read.ts";
import { after } from "./timer.ts";

/** How long a part may take to notice that it is cut, in milliseconds, and to say what became of its connections. */
const CUT_TIMEOUT = 1500;
/** How much longer than it has to drain a part may take, in milliseconds, before it is taken to hang. */
const DRAIN_GRACE = 3000;

/** What a part of a server says at its end. */
export interface PartReport extends DrainReport {
  /** How much memory it has, in bytes; 0 for a part that shares it with another. */
  memory: number;
  /** How many of its connections ended for each reason, where it says so. */
  closed?: [reason: CloseReason, count: number][];
}

/** One of several that serve the same port. */
export interface Part {
  /** Where it listens. */
  readonly addr: ListenAddress;
  /** Fulfilled when it has ended, rejected if it ended by itself. */
  readonly finished: Promise<void>;
  /** Ends it gently. */
  shutdown(): Promise<PartReport>;
  /** Ends it without letting anything finish. */
  cut(): void;
}

/** What a part is given: what can be handed over to a thread or a process. */
export interface PartOptions extends Omit<ServeTcpOptions, "log" | "signal" | "onListen" | "path"> {
  /** The port; 0 for the first part alone. */
  port: number;
  /** The least important level of its log that is wanted. */
  level: Level;
}

/** A record of a part's log. */
export type PartRecord = Omit<LogRecord, "category">;

/** Starts a part; what it logs is passed on. */
export type StartPart = (options: PartOptions, logged: (record: PartRecord) => void) => Promise<Part>;

/** A server of several parts. */
export interface PartsServer extends Server {
  /** How many connections are open, or NaN where only the processes know. */
  readonly connections: number;
  /** How many connections have ended, for each reason: known once the server has been shut down. */
  readonly closed: ReadonlyMap<CloseReason, number>;
  /** Ends all parts gently, and gives their reports as one. */
  shutdown(): Promise<PartReport>;
}

/** What several parts are. */
export interface PartsOptions extends ServeTcpOptions {
  /** How many there are, 1 or more. */
  parts: number;
  /** What they are: threads of this process, or processes. */
  called: "workers" | "processes";
  /** Starts one of them. */
  start: StartPart;
}

/**
 * Serves one port with several parts, threads or processes, between which Linux shares the connections out. One that
 * ends by itself is logged, and the others go on without it. Limits on connections hold for all threads together, since
 * they share the counts; for each process by itself.
 *
 * It is for more cores than one loop can fill: on one core, each part more costs some of the rate.
 *
 * @param options Where to listen, limits, and the parts. Port 0 is a free one, the same for all of them.
 * @returns The server, all parts of which listen.
 * @throws {RangeError} If an option is out of range, or the system shares no port.
 * @throws {Deno.errors.AddrInUse} If another program listens there.
 */
export async function serveParts(options: PartsOptions): Promise<PartsServer> {
  const { parts: count, called, start, log = new Log("Server"), signal, onListen, path, ...limits } = options;
  if (Deno.build.os !== "linux") {
    throw new RangeError(`Cannot serve with ${called}: only Linux shares a port among them`);
  }
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RangeError(`Cannot use ${count} ${called}: expected an integer of 1 or more`);
  }
  if (path !== undefined) throw new RangeError(`Cannot serve a Unix socket with ${called}: it cannot be shared`);
  const memory = makeSharedCounts(count);
  const seed = crypto.getRandomValues(new Int32Array(1))[0]!;
  const level = log.showsMessages ? "info" : "warning";
  const each: PartOptions = { ...limits, port: limits.port ?? 0, level };
  signal?.throwIfAborted();
  const startOne: StartRow = async (row, port) => {
    const sharedCounts = { memory, row, seed };
    const part = await start(
      { ...each, port, reusePort: row === 0 ? "first" : true, sharedCounts },
      (record) => passOn(record, log),
    );
    part.finished.catch(() => clearCounts(sharedCounts));
    return part;
  };
  const parts = await startAll(count, each.port, startOne, signal);
  const { addr } = parts[0]!;
  const cut = () => parts.forEach((part) => part.cut());
  for (const part of parts) part.finished.catch((error) => log.error("{error}", { error: error.message }));
  signal?.addEventListener("abort", cut);
  const closed = new Map<CloseReason, number>();
  let report: Promise<PartReport> | undefined;
  const server: PartsServer = {
    addr,
    closed,
    get connections() {
      return called === "workers" ? openConnections(memory) : NaN;
    },
    finished: allEnded(parts).finally(() => signal?.removeEventListener("abort", cut)),
    shutdown: () => report ??= shutDown(parts, closed, (limits.drainTimeout ?? 5000) + DRAIN_GRACE),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
  log.info("Listening at {address} ({called}: {parts})", { address: formatAddress(addr), parts: count, called });
  try {
    onListen?.(addr);
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  return server;
}

/** Starts the part of a row at a port. */
type StartRow = (row: number, port: number) => Promise<Part>;

/** Starts the first, which finds a port, then the others; none is left behind if one cannot start. */
async function startAll(
  count: number,
  port: number,
  start: StartRow,
  signal: AbortSignal | undefined,
): Promise<Part[]> {
  const parts = [await start(0, port)];
  const found = parts[0]!.addr.port;
  const others = Array.from({ length: count - 1 }, (_, at) => start(at + 1, found));
  const errors: unknown[] = [];
  for (const started of await Promise.allSettled(others)) {
    if (started.status === "fulfilled") parts.push(started.value);
    else errors.push(started.reason);
  }
  if (errors.length === 0 && !signal?.aborted) return parts;
  for (const part of parts) part.cut();
  throw errors[0] ?? signal?.reason;
}

/** Waits for the last of them; it is an error if every one ended by itself. */
async function allEnded(parts: Part[]): Promise<void> {
  const ends = await Promise.allSettled(parts.map((part) => part.finished));
  const errors = ends.filter((end) => end.status === "rejected").map(({ reason }) => reason);
  if (errors.length === parts.length) throw errors[0];
}

async function shutDown(parts: Part[], closed: Map<CloseReason, number>, patience: number): Promise<PartReport> {
  const sum: PartReport = { finished: 0, cut: 0, memory: Deno.memoryUsage().rss };
  const cancel = after(patience, () => parts.forEach((part) => part.cut()));
  for (const report of await Promise.all(parts.map((part) => part.shutdown()))) {
    sum.finished += report.finished;
    sum.cut += report.cut;
    sum.memory += report.memory;
    for (const [reason, count] of report.closed ?? []) closed.set(reason, (closed.get(reason) ?? 0) + count);
  }
  cancel();
  return sum;
}

/** Passes on what a part logs of its connections, and what goes wrong; of beginning and end, the whole server speaks. */
function passOn(record: PartRecord, log: Log): void {
  const { level, properties } = record;
  const isOfAConnection = "peer" in properties || "text" in properties || "omitted" in properties;
  if (level !== "info" || isOfAConnection) log.relay(record);
}

/** A module, and which function of it serves: what a thread runs. */
export interface WorkerProgram {
  /** The module's URL: `import.meta.url`. */
  module: string;
  /** The name of its function that takes {@linkcode ServeTcpOptions} and returns a server. */
  serve: string;
}

/** The folders that a worker reads: this library's, and the program's own. */
export function sourcesOf({ module }: WorkerProgram): string[] {
  return [new URL("../", import.meta.url), new URL(".", module)].map(({ pathname }) => pathname);
}

/** What is said to a worker. */
export type ToWorker = { program: WorkerProgram; options: PartOptions } | "shutdown" | "cut" | "logged";
/** What a worker says. */
export type FromWorker =
  | { addr: ListenAddress }
  | { report: PartReport }
  | { failed: { name: string; message: string } }
  | { records: PartRecord[] };

/**
 * Starts threads that serve: they share the process, not the data.
 *
 * @param program What each of them runs.
 * @returns Starts one.
 */
export function startWorker(program: WorkerProgram): StartPart {
  return async (options, logged) => {
    // A worker reads its own program; of what it may not read, the runtime tells in many lines.
    await requireRead(sourcesOf(program));
    const worker = new Worker(new URL("./_worker.ts", import.meta.url), { type: "module" });
    const listening = Promise.withResolvers<ListenAddress>();
    const finished = Promise.withResolvers<void>();
    const reported = Promise.withResolvers<PartReport>();
    function end(error?: Error): void {
      worker.terminate();
      reported.resolve({ finished: 0, cut: 0, memory: 0 });
      if (error === undefined) return finished.resolve();
      listening.reject(error);
      finished.reject(error);
    }
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if ("addr" in data) listening.resolve(data.addr);
      else if ("records" in data) {
        for (const record of data.records) logged(record);
        // Only now may it say more: a port between threads keeps any number of messages.
        worker.postMessage("logged" satisfies ToWorker);
      } else if ("failed" in data) end(errorOf(data.failed));
      else {
        reported.resolve(data.report);
        end();
      }
    };
    worker.onerror = (event) => {
      event.preventDefault(); // It would end the whole program.
      end(new Error(`A worker failed: ${event.message}`));
    };
    worker.postMessage({ program, options } satisfies ToWorker);
    finished.promise.catch(() => {}); // One that never listened is told of by `listening` alone.
    return {
      addr: await listening.promise,
      finished: finished.promise,
      shutdown() {
        worker.postMessage("shutdown" satisfies ToWorker);
        return reported.promise;
      },
      cut() {
        worker.postMessage("cut" satisfies ToWorker);
        const cancel = after(CUT_TIMEOUT, () => end());
        finished.promise.catch(() => {}).then(cancel);
      },
    };
  };
}

/** An error of the kind it was on the other side. */
function errorOf({ name, message }: { name: string; message: string }): Error {
  const kinds: Record<string, new (message: string) => Error> = { ...Deno.errors, RangeError };
  return new (kinds[name] ?? Error)(message);
}
