import { Log } from "../log/log.ts";
import { formatAddress, type HostPort, isLoopback } from "../net/address.ts";
import { DEFAULT_DEADLINES } from "../net/limits.ts";
import type { DrainReport, ServeTcpOptions, TcpServer } from "../net/serve_tcp.ts";
import type { UdpServer } from "../net/serve_udp.ts";
import type { ServeOptions, Server } from "../net/server.ts";
import { DEFAULT_MAX_LENGTH } from "../framing/framing.ts";
import { host, integer, type Option, type Options, port, seconds, type Values } from "./options.ts";
import { run } from "./run.ts";
import type { StopRequests } from "./signals.ts";

/** What a service's server command says of itself. */
export interface ServerCommand<Table extends Options> {
  /** The service's name with hyphens: the task is `NAME:server`. */
  name: string;
  /** What it does, one sentence. */
  summary: string;
  /** Its default port. */
  port: number;
  /** Options of its own; their values are given to the serve function under the same names. */
  options?: Table;
}

/** What a TCP service's server command says of itself. */
export interface TcpServerCommand<Table extends Options> extends ServerCommand<Table> {
  /**
   * Whether there are messages, whose longest `--max-message` sets: `maxMessage` of the serve function.
   *
   * @default {true}
   */
  messages?: boolean;
  /**
   * The default of `--idle-timeout` in milliseconds; `false` where clients have nothing to say.
   *
   * @default {300000}
   */
  idleTimeout?: number | false;
}

const IDLE_HELP = "Close a connection after so long without a message, 0 for never";

function listenOptions(defaultPort: number) {
  return {
    host: host("Address to listen at; other than loopback exposes the server"),
    port: port("Port to listen at, 0 for a free one", defaultPort, 0),
  };
}

/**
 * Runs a TCP service as a command, until it is told to stop.
 *
 * @param command What it is called and takes.
 * @param serve Starts it.
 */
export async function runTcpServer<Table extends Options = Record<never, Option<never>>>(
  command: TcpServerCommand<Table>,
  serve: (
    options: ServeTcpOptions & { maxMessage?: number } & Values<Table>,
    requests: StopRequests,
  ) => Server | Promise<Server>,
): Promise<void> {
  const { messages = true, idleTimeout = DEFAULT_DEADLINES.idleTimeout } = command;
  const shared = {
    ...listenOptions(command.port),
    maxConnections: integer("N", "Most connections at once", 1000, { least: 1 }),
    ...(idleTimeout === false ? {} : { idleTimeout: seconds(IDLE_HELP, idleTimeout, { zero: Infinity }) }),
    ...(messages ? { maxMessage: integer("BYTES", "Longest message accepted", DEFAULT_MAX_LENGTH, { least: 1 }) } : {}),
  };
  await runServer(command, shared, (values, options, requests) => serve({ ...values, ...options }, requests));
}

/**
 * Runs a UDP service as a command, until it is told to stop.
 *
 * @param command What it is called and takes.
 * @param serve Starts it.
 */
export async function runUdpServer<Table extends Options = Record<never, Option<never>>>(
  command: ServerCommand<Table>,
  serve: (options: ServeOptions & Values<Table>, requests: StopRequests) => UdpServer,
): Promise<void> {
  const shared = listenOptions(command.port);
  await runServer(command, shared, (values, options, requests) => serve({ ...values, ...options }, requests));
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
  const { name, summary } = command;
  const options = { ...shared, ...command.options } as Shared & Table;
  await run({ name: `${name}:server`, summary, options }, "info", async ({ values, requests, attempt }) => {
    const all = values as Values<Shared> & Values<Table>;
    const { host: hostname, port } = all as HostPort & { host: string };
    attempt.address = formatAddress({ hostname, port });
    const log = new Log("Server");
    const server = await start(all, { hostname, port, log, signal: requests.stopNow }, requests);
    if (!isLoopback(hostname)) log.warn("Whoever can reach this machine can reach this server");
    await untilStopped(server, requests, log);
  });
}

/** Waits for the server's end, or for a request to stop, which it then drains for. */
async function untilStopped(server: Server, { stop }: StopRequests, log: Log): Promise<void> {
  const requested = Promise.withResolvers<void>();
  stop.addEventListener("abort", () => requested.resolve());
  // It may have been told to stop before it had begun.
  if (!stop.aborted) await Promise.race([server.finished, requested.promise]);
  if (!stop.aborted) return;
  const connections = (server as Partial<TcpServer>).connections ?? 0;
  const stopping = server.shutdown();
  if (connections !== 0) {
    const open = Number.isNaN(connections) ? "" : "{connections} ";
    log.info(`{signal}: letting ${open}connections finish; once more closes them`, {
      signal: stop.reason,
      connections,
    });
  }
  const report = await stopping as (DrainReport & { memory?: number }) | undefined;
  const drained = report === undefined ? "" : ": {finished} connections finished, {cut} were cut";
  const memory = report?.memory === undefined ? "" : `; ${Math.round(report.memory / 1e6)} MB of memory`;
  log.info(`Stopped${drained}${memory}`, { ...report });
}
