/**
 * Proxy: forwards everything between clients and a server, and injects network faults on demand.
 *
 * @module
 */

import { normalize } from "node:path/posix";
import { integer, orUsage, type StopRequests, UsageError, type Values } from "../../lib/cli/mod.ts";
import { type Attempt, endpoint, runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { Log, plural } from "../../lib/log/mod.ts";
import { normalHost } from "../../lib/net/address.ts";
import type { Endpoint } from "../../lib/net/endpoint.ts";
import { DEFAULT_MAX_CONNECTIONS } from "../../lib/net/limits.ts";
import { formatEndpoint, parseEndpoint } from "../../lib/net/endpoint.ts";
import { isLoopback } from "../../lib/net/address.ts";
import type { Direction } from "../../lib/record/event.ts";
import { Recorder } from "../../lib/record/recorder.ts";
import type { ProxyTap, StepUnit } from "../../lib/record/tap.ts";
import { proxyDatagrams } from "./_datagrams.ts";
import { checkFaults, describeFaults, type FaultOptions, type Faults, framingName, plainFaults } from "./_faults.ts";
import { FAULT_OPTIONS, MAX_SEED } from "./_options.ts";
import type { Controls, ProxyConfig, ProxyReport } from "./_proxy.ts";
import { outputFile, recordTo } from "./record.ts";
import { proxyStreams } from "./_streams.ts";

export type { Direction, FaultOptions, Range } from "./_faults.ts";
export type { ProxyReport, ProxyTap, StepUnit };

/** Options of {@linkcode serveProxy}. */
export interface ServeProxyOptions<Listen extends string | Endpoint = string | Endpoint> extends FaultOptions {
  /** Where to listen: `tcp://HOST:PORT`, `udp://HOST:PORT`, `unix:/PATH` or a parsed endpoint. Port 0 takes a free one. */
  listen: Listen;
  /** The target, in the same form. TCP and Unix sockets may be mixed; UDP goes to UDP only. */
  to: string | Endpoint;
  /**
   * The seed of all random numbers. The same seed and the same order of connections give the same faults.
   *
   * @default {number} random, and logged
   */
  seed?: number | undefined;
  /**
   * The most connections open at once; one more is reset. With UDP, a new client replaces the longest idle one if that has
   * been idle for a second; otherwise the new client's datagrams are dropped.
   *
   * @default {1000}
   */
  maxConnections?: number | undefined;
  /** Observes what passes: a `Recorder`, or any object with some of the methods of a tap. */
  tap?: ProxyTap | undefined;
  /** Shuts the proxy down when aborted, as `shutdown` does. */
  signal?: AbortSignal | undefined;
  /** The log; silent unless the program configures logging. */
  log?: Log | undefined;
}

/** A running proxy. Disposing it shuts it down. */
export interface ProxyServer<Address extends Deno.Addr = Deno.Addr> extends AsyncDisposable {
  /** The address it listens at. */
  readonly addr: Address;
  /** The seed of its random numbers; `setFaults` may replace it. */
  readonly seed: number;
  /** Number of open connections or of UDP clients. */
  readonly connections: number;
  /** The counts so far. */
  readonly report: Readonly<ProxyReport>;
  /**
   * Replaces the faults, for all connections and from the next byte or datagram on. Offsets and messages count from there;
   * a direction that `stopAfter` has stopped goes on. Datagrams that wait already are sent as planned. Without a `framing`,
   * the present one stays.
   *
   * @param faults The faults to inject; none with an empty object.
   * @param seed The seed from now on, from 0 to 4,294,967,295; by default the present one. Random numbers begin again.
   * @throws {TypeError} If the framing is malformed.
   * @throws {RangeError} If a fault or the seed is out of range, or a fault is not for this transport.
   */
  setFaults(faults: FaultOptions, seed?: number): void;
  /** Whether forwarding is paused. */
  readonly isPaused: boolean;
  /** Forwards nothing from now on, in any direction. Senders block once what the proxy reads ahead is full. */
  pause(): void;
  /** Forwards again. */
  resume(): void;
  /**
   * Lets the next byte, piece or message of a paused proxy pass, once it has arrived, without its delay. A piece is what
   * one write forwards; datagrams pass whole.
   *
   * @param connection The number of the connection, as in the log, or of the client that sends datagrams.
   * @param way The direction.
   * @param unit What may pass. A message needs `framing`.
   * @throws {RangeError} If there is no such open connection, or the proxy is not paused or has no framing for a message.
   */
  step(connection: number, way: Direction, unit: StepUnit): void;
  /**
   * Ends one direction, as if its sender had ended it: the receiver reads the end of the stream, and the proxy drops what
   * the sender still sends. Streams only.
   *
   * @param connection The number of the connection, as in the log.
   * @param way The direction.
   * @throws {RangeError} If there is no such open connection, or it has no end.
   */
  endSide(connection: number, way: Direction): void;
  /**
   * Resets both sides of a connection. Streams only.
   *
   * @param connection The number of the connection, as in the log.
   * @throws {RangeError} If there is no such open connection, or it cannot be reset.
   */
  reset(connection: number): void;
  /** Fulfilled when the proxy has stopped and all its sockets are closed. */
  readonly finished: Promise<void>;
  /**
   * Stops listening, and aborts open connections with a reset.
   *
   * @returns The final counts, the same for every call.
   */
  shutdown(): Promise<ProxyReport>;
}

/** The type of a proxy's address, from the type of `listen`. */
export type AddressOf<Listen extends string | Endpoint> = string extends Listen ? Deno.NetAddr | Deno.UnixAddr
  : Endpoint extends Listen ? Deno.NetAddr | Deno.UnixAddr
  : Listen extends `unix:${string}` | { transport: "unix" } ? Deno.UnixAddr
  : Deno.NetAddr;

/**
 * Runs a proxy: forwards bytes, datagrams, half-closes and resets, and injects the given faults.
 *
 * @param options Where to listen, where to forward to, and the faults; by default none.
 * @returns The running proxy, once it listens.
 * @throws {TypeError} If an address or the framing is malformed.
 * @throws {RangeError} If a fault is out of range or not for this transport, or the target is the proxy itself.
 * @throws {Deno.errors.AddrInUse} If another program listens there.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow one of the addresses.
 *
 * @example A server's answer, one byte at a time
 * ```ts
 * import { serveEcho } from "@wirebench/wirebench/echo";
 * import { serveProxy } from "@wirebench/wirebench/proxy";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveEcho({ port: 0 });
 * await using proxy = await serveProxy({
 *   listen: "tcp://127.0.0.1:0",
 *   to: `tcp://127.0.0.1:${server.addr.port}`,
 *   cut: 1,
 *   delay: 20,
 *   direction: "down",
 * });
 * using socket = await Deno.connect({ hostname: "127.0.0.1", port: proxy.addr.port });
 * await socket.write(new TextEncoder().encode("Hey"));
 * assertEquals(await socket.read(new Uint8Array(16)), 1);
 * ```
 */
export async function serveProxy<const Listen extends string | Endpoint>(
  options: ServeProxyOptions<Listen>,
): Promise<ProxyServer<AddressOf<Listen>>> {
  const { listen, to, faults, maxConnections } = checkProxy(options);
  const { seed = crypto.getRandomValues(new Uint32Array(1))[0]!, signal } = options;
  const log = options.log ?? new Log("Proxy");
  signal?.throwIfAborted();
  await checkGrants([listen, to]);
  const report: ProxyReport = {
    connections: 0,
    reset: 0,
    aborted: 0,
    up: 0,
    down: 0,
    faults: { reset: 0, stopped: 0, lost: 0, repeated: 0, reordered: 0 },
  };
  const { tap } = options;
  const config: ProxyConfig = { listen, to, faults, isPaused: false, seed, maxConnections, log, tap, report };
  const proxy = await (listen.transport === "udp" ? proxyDatagrams(config) : proxyStreams(config));
  const stopped = Promise.withResolvers<void>();
  let stopping: Promise<ProxyReport> | undefined;
  function shutdown(): Promise<ProxyReport> {
    return stopping ??= proxy.stop().then(() => {
      signal?.removeEventListener("abort", shutdown);
      tap?.stopped?.();
      stopped.resolve();
      return report;
    });
  }
  signal?.addEventListener("abort", shutdown);
  if (signal?.aborted) await shutdown();
  tap?.started?.({
    listen: formatEndpoint(proxy.addr),
    to: formatEndpoint(to),
    seed,
    framing: framingName(faults.framing),
    faults: plainFaults(faults),
  });
  log.info(`Listening at {address}, forwarding to {to}; seed {seed}; ${describeFaults(faults)}`, {
    address: formatEndpoint(proxy.addr),
    to: formatEndpoint(to),
    seed,
  });
  function wake(): void {
    for (const connection of proxy.open.values()) connection.wake();
  }
  function setPaused(paused: boolean): void {
    if (config.isPaused === paused) return;
    config.isPaused = paused;
    tap?.paused?.(paused);
    if (!paused) wake();
    log.info(paused ? "Paused" : "Resumed");
  }
  function controlsOf(connection: number): Controls {
    const controls = proxy.open.get(connection);
    if (controls === undefined) throw new RangeError(`There is no open connection ${connection}`);
    return controls;
  }
  return {
    addr: proxy.addr as AddressOf<Listen>,
    get seed() {
      return config.seed;
    },
    get connections() {
      return proxy.open.size;
    },
    report,
    get isPaused() {
      return config.isPaused;
    },
    setFaults(faults, seed) {
      checkSeed(seed ?? config.seed);
      const present = config.faults.framing;
      // The same framing stays the same object, so that each direction keeps its place in a message.
      const isPresent = faults.framing === undefined || faults.framing === framingName(present);
      const framing = isPresent ? present : faults.framing;
      config.faults = checkFaults({ ...faults, framing }, listen.transport === "udp");
      config.seed = seed ?? config.seed;
      tap?.switched?.(plainFaults(config.faults), seed);
      wake();
      log.info(`Faults from now on: ${describeFaults(config.faults)}${seed === undefined ? "" : `; seed ${seed}`}`);
    },
    pause: () => setPaused(true),
    resume: () => setPaused(false),
    step(connection, way, unit) {
      if (!config.isPaused) throw new RangeError("Cannot step: the proxy is not paused");
      controlsOf(connection).step(way, unit);
    },
    endSide: (connection, way) => controlsOf(connection).endSide(way),
    reset: (connection) => controlsOf(connection).reset(),
    finished: stopped.promise,
    shutdown,
    async [Symbol.asyncDispose]() {
      await shutdown();
    },
  };
}

/** Checks all options, and parses the endpoints and the framing. */
function checkProxy(
  options: ServeProxyOptions,
): { listen: Endpoint; to: Endpoint; faults: Faults; maxConnections: number } {
  const listen = endpointOf(options.listen);
  const to = endpointOf(options.to);
  if ((listen.transport === "udp") !== (to.transport === "udp")) {
    throw new RangeError(
      `Cannot forward ${listen.transport} to ${to.transport}: expected streams on both sides, or UDP on both`,
    );
  }
  if (to.transport !== "unix" && to.port === 0) {
    throw new RangeError("Cannot forward to port 0: expected a port from 1");
  }
  if (isItself(listen, to)) {
    throw new RangeError(`Cannot forward to ${formatEndpoint(to)}: the proxy itself listens there`);
  }
  const faults = checkFaults(options, listen.transport === "udp");
  const { seed = 0, maxConnections = DEFAULT_MAX_CONNECTIONS } = options;
  checkSeed(seed);
  if (!Number.isSafeInteger(maxConnections) || maxConnections < 1) {
    throw new RangeError(`Cannot use maxConnections ${maxConnections}: expected an integer of 1 or more`);
  }
  return { listen, to, faults, maxConnections };
}

function checkSeed(seed: number): void {
  if (!Number.isSafeInteger(seed) || seed < 0 || seed > MAX_SEED) {
    throw new RangeError(`Cannot use seed ${seed}: expected an integer from 0 to ${MAX_SEED}`);
  }
}

function endpointOf(given: string | Endpoint): Endpoint {
  return typeof given === "string" ? parseEndpoint(given) : given;
}

/** Whether the target is the proxy's own address. Host names other than localhost are not resolved. */
function isItself(listen: Endpoint, to: Endpoint): boolean {
  if (listen.transport === "unix" || to.transport === "unix") {
    return "path" in listen && "path" in to && normalize(listen.path) === normalize(to.path);
  }
  if (listen.port !== to.port) return false;
  const here = normalHost(listen.hostname);
  const isHere = (address: string) => here === "::" || (here === "0.0.0.0" && !address.includes(":"));
  return connectedTo(to.hostname).some((address) =>
    connectedTo(listen.hostname).includes(address) || (isLoopback(address) && isHere(address))
  );
}

/** The addresses to which a connection to a host goes: for a wildcard address, loopback. */
function connectedTo(hostname: string): string[] {
  const host = normalHost(hostname).toLowerCase();
  const addresses: Record<string, string[]> = {
    "localhost": ["127.0.0.1", "::1"],
    "0.0.0.0": ["127.0.0.1"],
    "::": ["::1"],
  };
  return addresses[host] ?? [host];
}

/**
 * Checks all permissions before any socket is opened: node:net throws for a missing one where no caller can catch it. The
 * error names all hosts, since `--allow-net` on the command line replaces the list of the permission set.
 */
async function checkGrants(endpoints: Endpoint[]): Promise<void> {
  const hosts = endpoints.map((endpoint) => formatEndpoint(endpoint).replace(/^\w+:\/\//, ""));
  const wanted: Deno.PermissionDescriptor[] = hosts.map((host) => ({ name: "net", host }));
  for (const endpoint of endpoints) {
    if (endpoint.transport !== "unix") continue;
    const { path } = endpoint;
    wanted.push({ name: "read", path }, { name: "write", path });
  }
  const states = await Promise.all(wanted.map((grant) => Deno.permissions.query(grant)));
  if (states.some(({ state }) => state !== "granted")) {
    throw new Deno.errors.NotCapable(`Requires net access to "${hosts}"`);
  }
}

const options = {
  listen: endpoint("Where to listen: tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH; port 0 takes a free one"),
  to: endpoint("Where to forward to, in the same form"),
  ...FAULT_OPTIONS,
  record: outputFile("Record what passes in a file, such as recordings/a.jsonl"),
  maxConnections: integer("N", "Most connections at once", DEFAULT_MAX_CONNECTIONS, { least: 1 }),
};

async function main(values: Values<typeof options>, requests: StopRequests, attempt: Attempt): Promise<void> {
  const { listen, to } = values;
  if (listen === undefined || to === undefined) {
    const name = listen === undefined ? "listen" : "to";
    throw new UsageError(`--${name} is needed: tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH`);
  }
  const given = { ...values, listen, to };
  orUsage(() => checkProxy(given));
  const log = new Log("Proxy");
  const recorder = values.record === undefined ? undefined : new Recorder();
  await using _file = recorder && await recordTo(values.record!, recorder, log);
  attempt.listens = true;
  attempt.address = formatEndpoint(listen);
  attempt.option = "--listen";
  const proxy = await serveProxy({ ...given, log, tap: recorder, signal: requests.stop });
  await proxy.finished;
  const { faults, ...report } = await proxy.shutdown();
  // Fragments and delays are not counted: they affect every write.
  const counts = Object.entries(faults).filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`);
  const forwarded = `${plural(report.up, "byte")} up, {down} down`;
  log.info(
    `Stopped; ${
      plural(report.connections, "connection")
    } since the start, {reset} reset, {aborted} aborted at {signal}; ` +
      forwarded + (counts.length === 0 ? "" : `; faults: ${counts.join(", ")}`),
    { ...report, faults, signal: requests.stop.reason },
  );
}

if (import.meta.main) {
  // Not awaited; see runTcpServer().
  const program = task("proxy");
  runTask(
    {
      ...program,
      advice: { ...program.advice, kept: { write: ["recordings"] } },
      summary: "Forwards everything between clients and a server, and injects network faults on demand.",
      options,
      example: [
        "A chat whose messages arrive a few bytes at a time, with the same faults in each run",
        "deno task proxy --listen tcp://127.0.0.1:9000 --to tcp://127.0.0.1:1234 --cut 1-7 --delay 0.01-0.05 --seed 7",
      ],
    },
    "info",
    ({ values, requests, attempt }) => main(values, requests, attempt),
  );
}
