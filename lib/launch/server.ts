import { Log } from "../log/log.ts";
import { plural } from "../log/plural.ts";
import { formatAddress, isLoopback } from "../net/address.ts";
import { DEFAULT_BACKLOG, DEFAULT_DEADLINES, DEFAULT_MAX_CONNECTIONS } from "../net/limits.ts";
import type { DrainReport, ServeTcpOptions, TcpServer } from "../net/serve_tcp.ts";
import type { Certificate } from "../net/mod.ts";
import type { ServeUdpOptions, UdpServer } from "../net/serve_udp.ts";
import type { ServeOptions, Server } from "../net/server.ts";
import { serveWorkers } from "../net/serve_workers.ts";
import { sourcesOf, startThread, type WorkerProgram } from "../net/worker_threads.ts";
import { removeStaleSocket } from "../net/unix.ts";
import { DEFAULT_MAX_LENGTH } from "../framing/framing.ts";
import { requireAccess } from "../net/require_access.ts";
import { readText } from "./read_text.ts";
import type { Advice } from "./explain.ts";
import {
  host,
  integer,
  type Option,
  type Options,
  passedOn,
  port,
  seconds,
  text,
  type Values,
} from "../cli/options.ts";
import { type Program, runTask } from "./run.ts";
import type { StopRequests } from "../cli/signals.ts";
import { UsageError } from "../cli/errors.ts";
import { ranges } from "./options.ts";

/** Description of a service's server command. */
export interface ServerCommand<Table extends Options> extends Program {
  /** What it does, in one sentence. */
  summary: string;
  /** Default port. */
  port: number;
  /** Its own options. The serve function receives their values under the same names. */
  options?: Table | undefined;
}

/** Description of a TCP service's server command. */
export interface TcpServerCommand<Table extends Options> extends ServerCommand<Table> {
  /**
   * Whether there are messages, whose longest `--max-message` sets: `maxMessage` of the serve function.
   *
   * @default {true}
   */
  messages?: boolean | undefined;
  /**
   * The default of `--idle-timeout` in milliseconds; `false` where clients have nothing to say.
   *
   * @default {300000}
   */
  idleTimeout?: number | false | undefined;
  /** The program that worker threads run, for `--workers`. Only for services whose connections share no state. */
  workers?: WorkerProgram | undefined;
}

const WORKERS_HELP = "Number of threads that serve, to use several cores (Linux)";
const BACKLOG_HELP = "Most connections that may wait to be accepted";
const MESSAGE_HELP = "Longest message accepted";
const IDLE_HELP = "Close a connection after this time without a message, 0 for never";
const TIMEOUT_HELP = "Longest time for a message to arrive, and for the first to begin, 0 for no limit";
const MESSAGE_TIMEOUTS = `${DEFAULT_DEADLINES.messageTimeout / 1000} and ${
  DEFAULT_DEADLINES.firstMessageTimeout / 1000
}`;
/** Default of a limit that does not hold for loopback addresses, as the help shows it. */
const STRANGERS = "any number from this machine, 100 from elsewhere";

function listenOptions(defaultPort: number) {
  return {
    host: host("Address to listen at; other than loopback exposes the server, :: takes both families"),
    port: port("Port to listen at, 0 for a free one", defaultPort, 0),
    allow: ranges("Accept only clients from these addresses, such as 192.168.0.0/16 or ::1"),
  };
}

function tcpOptions(
  { port, messages = true, idleTimeout = DEFAULT_DEADLINES.idleTimeout, workers }: TcpServerCommand<Options>,
) {
  return {
    ...listenOptions(port),
    unix: text("PATH", "Listen at a Unix socket instead, for this user only", ""),
    tlsCert: text("FILE", "Encrypt with TLS: the server's certificate, in PEM", ""),
    tlsKey: text("FILE", "Its private key, in PEM", ""),
    backlog: passedOn(integer("N", BACKLOG_HELP, DEFAULT_BACKLOG, { least: 0, most: 65_535 })),
    maxConnections: passedOn(integer("N", "Most connections at once", DEFAULT_MAX_CONNECTIONS, { least: 1 })),
    maxPerAddress: passedOn(
      integer("N", "Most connections at once from one address", 0, { least: 1, shown: STRANGERS }),
    ),
    ...(idleTimeout === false ? {} : { idleTimeout: passedOn(seconds(IDLE_HELP, idleTimeout, { zero: Infinity })) }),
    messageTimeout: passedOn(
      seconds(TIMEOUT_HELP, DEFAULT_DEADLINES.messageTimeout, { zero: Infinity, shown: MESSAGE_TIMEOUTS }),
    ),
    ...(workers === undefined ? {} : { workers: integer("N", WORKERS_HELP, 1, { least: 1, most: 64 }) }),
    ...(messages ? { maxMessage: passedOn(integer("BYTES", MESSAGE_HELP, DEFAULT_MAX_LENGTH, { least: 1 })) } : {}),
  };
}

function udpOptions(defaultPort: number) {
  return {
    ...listenOptions(defaultPort),
    maxRate: passedOn(integer("N", "Most datagrams a second from one address", 0, { least: 1, shown: STRANGERS })),
  };
}

/**
 * Runs a TCP service as a command until it is told to stop. Returns at once and must not be awaited: while the main module
 * waits at its top level, the runtime polls sockets far less often when the event loop is busy. Measured over TLS: ten
 * greedy clients then raised the latency of others from 6 to 118 ms.
 *
 * @param command The description of the server.
 * @param serve Starts the server.
 */
export function runTcpServer<Table extends Options = Record<never, Option<never>>>(
  command: TcpServerCommand<Table>,
  serve: (
    options: ServeTcpOptions & { maxMessage?: number | undefined } & Values<Table>,
    requests: StopRequests,
  ) => Server | Promise<Server>,
): void {
  const shared = tcpOptions(command);
  runServer(command, shared, async (values, options, requests) => {
    const { unix, tlsCert, tlsKey, maxPerAddress, ...rest } = values;
    // dispatch has an option of the same name with another meaning.
    const workers = command.workers === undefined ? 1 : (values as { workers?: number }).workers ?? 1;
    const sources = workers === 1 ? { read: [], import: [] } : sourcesOf(command.workers!);
    const pem = [tlsCert, tlsKey].filter((path) => path !== "");
    await requireAccess({ ...sources, read: [...pem, ...sources.read] });
    const tls = await readCertificate(tlsCert, tlsKey, command.advice);
    // Refuse options that have no effect on a Unix socket.
    const others = {
      "--tls-cert": tls,
      "--allow": options.allow,
      "--max-per-address": maxPerAddress,
      "--backlog": rest.backlog,
      "--workers": workers === 1 ? undefined : workers,
    };
    const other = Object.entries(others).find(([, value]) => value !== undefined);
    if (unix !== "" && other !== undefined) throw new UsageError(`--unix and ${other[0]} do not go together`);
    if (unix !== "") await removeStaleSocket(unix);
    const all = given({
      ...rest as Values<Table>,
      ...options,
      path: unix || undefined,
      tls,
      maxConnectionsPerAddress: maxPerAddress,
      firstMessageTimeout: rest.messageTimeout,
    });
    if (workers === 1) return await serve(all, requests);
    return await serveWorkers({ ...all, workers, called: "workers", start: startThread(command.workers!) });
  });
}

/**
 * Runs a UDP service as a command until it is told to stop. Returns at once; see {@linkcode runTcpServer}.
 *
 * @param command The description of the server.
 * @param serve Starts the server.
 */
export function runUdpServer<Table extends Options = Record<never, Option<never>>>(
  command: ServerCommand<Table>,
  serve: (options: ServeUdpOptions & Values<Table>, requests: StopRequests) => UdpServer,
): void {
  runServer(
    command,
    udpOptions(command.port),
    (values, options, requests) => serve(given({ ...values, ...options }), requests),
  );
}

/** The options that are given. The defaults of the others are those of the serve function. */
function given<All extends object>(options: All): All {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as All;
}

async function readCertificate(
  cert: string,
  key: string,
  advice: Advice | undefined,
): Promise<Certificate | undefined> {
  if ((cert === "") !== (key === "")) throw new UsageError("--tls-cert and --tls-key go together");
  if (cert === "") return undefined;
  return { cert: await readText("--tls-cert", cert, advice), key: await readText("--tls-key", key, advice) };
}

async function runServer<Shared extends ReturnType<typeof listenOptions>, Table extends Options>(
  command: ServerCommand<Table>,
  shared: Shared,
  start: (
    values: Values<Shared> & Values<Table>,
    options: ServeOptions,
    requests: StopRequests,
  ) => Server | Promise<Server>,
): Promise<void> {
  const { name, usage, advice, summary } = command;
  const options = { ...shared, ...command.options } as Shared & Table;
  await runTask({ name, usage, advice, summary, options }, "info", async ({ values, requests, attempt }) => {
    const all = values as Values<Shared> & Values<Table>;
    const { host: hostname, port, allow, unix } = all as Values<ReturnType<typeof listenOptions>> & { unix?: string };
    attempt.listens = true;
    attempt.address = unix || formatAddress({ hostname, port });
    const log = new Log("Server");
    const listening = { hostname, port, log, signal: requests.stopNow, allow: allow.length === 0 ? undefined : allow };
    const server = await start(all, listening, requests);
    if (!isLoopback(hostname) && !unix) log.warn("Every host that can reach this machine can reach this server");
    await untilStopped(server, requests, log);
  });
}

/** Waits until the server ends. Drains it when a request to stop comes. */
async function untilStopped(server: Server, { stop }: StopRequests, log: Log): Promise<void> {
  const requested = Promise.withResolvers<void>();
  stop.addEventListener("abort", () => requested.resolve());
  // The request may have come before the server started.
  if (!stop.aborted) await Promise.race([server.finished, requested.promise]);
  if (!stop.aborted) return;
  const { connections = 0, closed, dropped } = server as Partial<TcpServer & UdpServer>;
  const stopping = server.shutdown();
  if (connections !== 0) {
    const open = Number.isNaN(connections) ? "connections" : plural(connections, "connection");
    log.info(`{signal}: letting ${open} finish; a second signal aborts`, { signal: stop.reason, connections });
  }
  const report = (await stopping ?? {}) as Partial<DrainReport & { memory: number }>;
  const { finished = 0, aborted = 0, memory: bytes } = report;
  const drained = finished + aborted === 0
    ? ""
    : "; connections open at {signal}: {finished} finished, {aborted} aborted";
  const memory = bytes === undefined ? "" : `; ${Math.round(bytes / 1e6)} MB of memory`;
  log.info(`Stopped${drained}${memory}`, { ...report, signal: stop.reason });
  sayCounts(log, "Connections closed since the start: {counts}", closed);
  sayCounts(log, "Datagrams dropped since the start: {counts}", dropped);
}

function sayCounts(log: Log, message: string, counts: ReadonlyMap<string, number> = new Map()): void {
  if (counts.size === 0) return;
  log.info(message, { counts: [...counts].map(([reason, count]) => `${count} ${reason}`).join(", ") });
}
