import { Log } from "../log/log.ts";
import type { Level, RelayedRecord } from "../log/log.ts";
import { clearCounts, makeSharedCounts, openConnections } from "./_admission.ts";
import { formatAddress, type ListenAddress } from "./address.ts";
import type { CloseReason } from "./errors.ts";
import type { DrainReport, ServeTcpOptions } from "./serve_tcp.ts";
import type { Server } from "./server.ts";
import { after } from "./timer.ts";

/** Time after its drain deadline at which a worker is considered blocked, in milliseconds. */
const DRAIN_GRACE = 3000;

/** Report of a worker that has ended. */
export interface WorkerReport extends DrainReport {
  /** Resident memory in bytes; 0 for a thread, which shares the memory of its process. */
  memory: number;
  /** Number of its connections that ended, by reason. */
  closed?: [reason: CloseReason, count: number][];
}

/** A thread or process that serves a port together with others. */
export interface ServerWorker {
  /** Where it listens. */
  readonly addr: ListenAddress;
  /** Resolves when the worker was asked to end and has ended. Rejects if it ended by itself. */
  readonly finished: Promise<void>;
  /** Drains it. */
  shutdown(): Promise<WorkerReport>;
  /** Aborts all of its connections and ends it. */
  abort(): void;
}

/** Options of a worker: those that can be sent to a thread or a process. */
export interface WorkerOptions extends Omit<ServeTcpOptions, "log" | "signal" | "onListen" | "onError" | "path"> {
  /** The port. Only the first worker may get 0. */
  port: number;
  /** The least important level that it logs. */
  level: Level;
}

/** Starts a worker. It calls `logged` with each record of the worker's log. */
export type StartWorker = (options: WorkerOptions, logged: (record: RelayedRecord) => void) => Promise<ServerWorker>;

/** A server that runs in several workers. */
export interface WorkersServer extends Server {
  /** Number of open connections; NaN for processes. */
  readonly connections: number;
  /** Number of connections that have ended, by reason. Known after the shutdown. */
  readonly closed: ReadonlyMap<CloseReason, number>;
  /** Drains all workers and returns the sum of their reports. */
  shutdown(): Promise<WorkerReport>;
}

/** Options of {@linkcode serveWorkers}. */
export interface ServeWorkersOptions extends Omit<ServeTcpOptions, "onError"> {
  /** Number of workers, 1 or more. */
  workers: number;
  /** Whether the workers are threads of this process or processes. */
  called: "workers" | "processes";
  /** Starts one worker. */
  start: StartWorker;
}

/**
 * Serves one port with several workers: threads or processes, among which Linux distributes the connections. If a worker
 * ends by itself, that is logged and the others go on. Limits on connections hold for all threads together, since they
 * share their counters, and for each process separately.
 *
 * Use it for more cores than one event loop can fill. On one core each additional worker costs some throughput.
 *
 * @param options Where to listen, limits, and the workers. Port 0 chooses a free port for all of them.
 * @returns The server. All of its workers listen.
 * @throws {RangeError} If an option is out of range, or the operating system cannot share a port.
 * @throws {Deno.errors.AddrInUse} If another program listens there.
 */
export async function serveWorkers(options: ServeWorkersOptions): Promise<WorkersServer> {
  const { workers: count, called, start, log = new Log("Server"), signal, onListen, path, ...limits } = options;
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
  const each: WorkerOptions = { ...limits, port: limits.port ?? 0, level };
  signal?.throwIfAborted();
  const startOne: StartRow = async (row, port) => {
    const sharedCounts = { memory, row, seed };
    const worker = await start(
      { ...each, port, reusePort: row === 0 ? "first" : true, sharedCounts },
      (record) => passOn(record, log),
    );
    worker.finished.catch(() => clearCounts(sharedCounts));
    return worker;
  };
  const workers = await startAll(count, each.port, startOne, signal);
  const { addr } = workers[0]!;
  const abort = () => workers.forEach((worker) => worker.abort());
  for (const worker of workers) worker.finished.catch((error) => log.error("{error}", { error: error.message }));
  signal?.addEventListener("abort", abort);
  const closed = new Map<CloseReason, number>();
  let report: Promise<WorkerReport> | undefined;
  const server: WorkersServer = {
    addr,
    closed,
    get connections() {
      return called === "workers" ? openConnections(memory) : NaN;
    },
    finished: allEnded(workers).finally(() => signal?.removeEventListener("abort", abort)),
    shutdown: () => report ??= shutDown(workers, closed, (limits.drainTimeout ?? 5000) + DRAIN_GRACE),
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
  log.info("Listening at {address} ({called}: {workers})", { address: formatAddress(addr), workers: count, called });
  try {
    onListen?.(addr);
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  return server;
}

/** Starts the worker that counts in a row of the shared counters. */
type StartRow = (row: number, port: number) => Promise<ServerWorker>;

/** Starts the first worker, which chooses the port, then the others. If one fails to start, all are aborted. */
async function startAll(
  count: number,
  port: number,
  start: StartRow,
  signal: AbortSignal | undefined,
): Promise<ServerWorker[]> {
  const workers = [await start(0, port)];
  const found = workers[0]!.addr.port;
  const others = Array.from({ length: count - 1 }, (_, at) => start(at + 1, found));
  const errors: unknown[] = [];
  for (const started of await Promise.allSettled(others)) {
    if (started.status === "fulfilled") workers.push(started.value);
    else errors.push(started.reason);
  }
  if (errors.length === 0 && !signal?.aborted) return workers;
  for (const worker of workers) worker.abort();
  throw errors[0] ?? signal?.reason;
}

/** Waits for all workers. Rejects if every one of them ended by itself. */
async function allEnded(workers: ServerWorker[]): Promise<void> {
  const ends = await Promise.allSettled(workers.map((worker) => worker.finished));
  const errors = ends.filter((end) => end.status === "rejected").map(({ reason }) => reason);
  if (errors.length === workers.length) throw errors[0];
}

async function shutDown(
  workers: ServerWorker[],
  closed: Map<CloseReason, number>,
  patience: number,
): Promise<WorkerReport> {
  const sum: WorkerReport = { finished: 0, aborted: 0, memory: Deno.memoryUsage().rss };
  const cancel = after(patience, () => workers.forEach((worker) => worker.abort()));
  for (const report of await Promise.all(workers.map((worker) => worker.shutdown()))) {
    sum.finished += report.finished;
    sum.aborted += report.aborted;
    sum.memory += report.memory;
    for (const [reason, count] of report.closed ?? []) closed.set(reason, (closed.get(reason) ?? 0) + count);
  }
  cancel();
  return sum;
}

/** Logs what workers log about connections and errors. The server itself logs its start and end. */
function passOn(record: RelayedRecord, log: Log): void {
  const { level, properties } = record;
  const isAboutConnections = "peer" in properties || "text" in properties || "omitted" in properties;
  if (level !== "info" || isAboutConnections) log.relay(record);
}
