import { Log } from "../log/log.ts";
import type { Level, RelayedRecord } from "../log/log.ts";
import { clearCounts, makeSharedCounts, openConnections } from "./_admission.ts";
import { formatAddress, type ListenAddress } from "./address.ts";
import type { CloseReason } from "./errors.ts";
import type { DrainReport, ServeTcpOptions } from "./serve_tcp.ts";
import type { Server } from "./server.ts";
import { after } from "./timer.ts";

/** How much longer than it has to drain a worker may take, in milliseconds, before it is taken to hang. */
const DRAIN_GRACE = 3000;

/** What a worker of a server says at its end. */
export interface WorkerReport extends DrainReport {
  /** How much memory it has, in bytes; 0 for a worker that shares it with another. */
  memory: number;
  /** How many of its connections ended for each reason, where it says so. */
  closed?: [reason: CloseReason, count: number][];
}

/** One of several that serve the same port. */
export interface ServerWorker {
  /** Where it listens. */
  readonly addr: ListenAddress;
  /** Fulfilled when it has ended, rejected if it ended by itself. */
  readonly finished: Promise<void>;
  /** Ends it gently. */
  shutdown(): Promise<WorkerReport>;
  /** Ends it without letting anything finish. */
  cut(): void;
}

/** What a worker is given: what can be handed over to a thread or a process. */
export interface WorkerOptions extends Omit<ServeTcpOptions, "log" | "signal" | "onListen" | "path"> {
  /** The port; 0 for the first worker alone. */
  port: number;
  /** The least important level of its log that is wanted. */
  level: Level;
}

/** Starts a worker; what it logs is passed on. */
export type StartWorker = (options: WorkerOptions, logged: (record: RelayedRecord) => void) => Promise<ServerWorker>;

/** A server of several workers. */
export interface WorkersServer extends Server {
  /** How many connections are open, or NaN where only the processes know. */
  readonly connections: number;
  /** How many connections have ended, for each reason: known once the server has been shut down. */
  readonly closed: ReadonlyMap<CloseReason, number>;
  /** Ends all workers gently, and gives their reports as one. */
  shutdown(): Promise<WorkerReport>;
}

/** What several workers are. */
export interface ServeWorkersOptions extends ServeTcpOptions {
  /** How many there are, 1 or more. */
  workers: number;
  /** What they are: threads of this process, or processes. */
  called: "workers" | "processes";
  /** Starts one of them. */
  start: StartWorker;
}

/**
 * Serves one port with several workers, threads or processes, between which Linux shares the connections out. One that
 * ends by itself is logged, and the others go on without it. Limits on connections hold for all threads together, since
 * they share the counts; for each process by itself.
 *
 * It is for more cores than one loop can fill: on one core, each worker more costs some of the rate.
 *
 * @param options Where to listen, limits, and the workers. Port 0 is a free one, the same for all of them.
 * @returns The server, all workers of which listen.
 * @throws {RangeError} If an option is out of range, or the system shares no port.
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
  const cut = () => workers.forEach((worker) => worker.cut());
  for (const worker of workers) worker.finished.catch((error) => log.error("{error}", { error: error.message }));
  signal?.addEventListener("abort", cut);
  const closed = new Map<CloseReason, number>();
  let report: Promise<WorkerReport> | undefined;
  const server: WorkersServer = {
    addr,
    closed,
    get connections() {
      return called === "workers" ? openConnections(memory) : NaN;
    },
    finished: allEnded(workers).finally(() => signal?.removeEventListener("abort", cut)),
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

/** Starts the worker of a row at a port. */
type StartRow = (row: number, port: number) => Promise<ServerWorker>;

/** Starts the first, which finds a port, then the others; none is left behind if one cannot start. */
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
  for (const worker of workers) worker.cut();
  throw errors[0] ?? signal?.reason;
}

/** Waits for the last of them; it is an error if every one ended by itself. */
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
  const sum: WorkerReport = { finished: 0, cut: 0, memory: Deno.memoryUsage().rss };
  const cancel = after(patience, () => workers.forEach((worker) => worker.cut()));
  for (const report of await Promise.all(workers.map((worker) => worker.shutdown()))) {
    sum.finished += report.finished;
    sum.cut += report.cut;
    sum.memory += report.memory;
    for (const [reason, count] of report.closed ?? []) closed.set(reason, (closed.get(reason) ?? 0) + count);
  }
  cancel();
  return sum;
}

/** Passes on what a worker logs of its connections, and what goes wrong; of beginning and end, the whole server speaks. */
function passOn(record: RelayedRecord, log: Log): void {
  const { level, properties } = record;
  const isOfAConnection = "peer" in properties || "text" in properties || "omitted" in properties;
  if (level !== "info" || isOfAConnection) log.relay(record);
}
