/**
 * Proxy: passes everything on between clients and a server, and does to it, on demand, what networks do.
 *
 * @module
 */

import { normalize } from "node:path/posix";
import {
  choice,
  integer,
  type Option,
  optional,
  orUsage,
  percent,
  range,
  seconds,
  secondsRange,
  type StopRequests,
  text,
  UsageError,
  type Values,
} from "../../lib/cli/mod.ts";
import { type Attempt, endpoint, runTask } from "../../lib/launch/mod.ts";
import { Log, plural } from "../../lib/log/mod.ts";
import { normalHost } from "../../lib/net/address.ts";
import { type Endpoint, formatEndpoint, isLoopback, parseEndpoint } from "../../lib/net/mod.ts";
import { proxyDatagrams } from "./_datagrams.ts";
import { checkFaults, describeFaults, type FaultOptions, type Faults } from "./_faults.ts";
import { type FieldFraming, FRAMING_NAMES, parseFraming } from "./_fields.ts";
import { type ProxyReport, type Setting } from "./_proxy.ts";
import { proxyStreams } from "./_streams.ts";

export type { Direction, FaultOptions, Range } from "./_faults.ts";
export type { Field, FieldFraming, Layout } from "./_fields.ts";
export type { ProxyReport };

/** Options of {@linkcode serveProxy}. */
export interface ServeProxyOptions<Listen extends string | Endpoint = string | Endpoint> extends FaultOptions {
  /** Where clients connect to: `tcp://HOST:PORT`, `udp://HOST:PORT` or `unix:/PATH`, or the same parsed. Port 0 is a free one. */
  listen: Listen;
  /** Where they are passed on to. TCP may go to a Unix socket and back, UDP only to UDP. */
  to: string | Endpoint;
  /**
   * What every draw comes from: the same seed and the same order of connections give the same draws.
   *
   * @default {number} random, and told in the log
   */
  seed?: number | undefined;
  /**
   * How many connections may be open at once; one more is reset. Of UDP clients the longest silent is forgotten, if
   * nothing has passed for a second; else what the new one sends is lost.
   *
   * @default {1000}
   */
  maxConnections?: number | undefined;
  /** Cuts everything off when it is aborted, as `shutdown` does. */
  signal?: AbortSignal;
  /** Where it writes what it does; nothing comes of it unless a program configures the log. */
  log?: Log;
}

/** A running proxy. Disposing of it shuts it down. */
export interface ProxyServer<Address extends Deno.Addr = Deno.Addr> extends AsyncDisposable {
  /** Where it listens. */
  readonly addr: Address;
  /** What its draws come from. */
  readonly seed: number;
  /** How many connections are open, or UDP clients remembered. */
  readonly connections: number;
  /** What has passed so far, and what was done to it. */
  readonly report: Readonly<ProxyReport>;
  /** Fulfilled when the proxy has ended and everything it opened is closed. */
  readonly finished: Promise<void>;
  /**
   * Stops listening and cuts off what is open, with a reset: it is not at its end.
   *
   * @returns What has passed; the same for every call.
   */
  shutdown(): Promise<ProxyReport>;
}

/** The kind of address that a proxy has by its `listen`: a path only if that is one. */
export type AddressOf<Listen extends string | Endpoint> = string extends Listen ? Deno.NetAddr | Deno.UnixAddr
  : Endpoint extends Listen ? Deno.NetAddr | Deno.UnixAddr
  : Listen extends `unix:${string}` | { transport: "unix" } ? Deno.UnixAddr
  : Deno.NetAddr;

/**
 * Serves as a proxy: passes bytes, datagrams, half-closes and resets on, and adds the faults that it is asked for.
 *
 * @param options Where to listen, where to pass on to, and the faults; none unless asked for.
 * @returns The running proxy; a promise, because that is how node:net tells its port.
 * @throws {UsageError} If an address or the framing cannot be read.
 * @throws {RangeError} If a fault is out of range or not for this transport, or the proxy would pass on to itself.
 * @throws {Deno.errors.AddrInUse} If another program listens there.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow one of the addresses.
 *
 * @example A server's answer, a byte at a time
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
  const { listen, to, faults } = checkProxy(options);
  const { seed = crypto.getRandomValues(new Uint32Array(1))[0]!, maxConnections = 1000, signal } = options;
  const log = options.log ?? new Log("Proxy");
  signal?.throwIfAborted();
  await checkGrants([listen, to]);
  const report: ProxyReport = {
    connections: 0,
    reset: 0,
    cut: 0,
    up: 0,
    down: 0,
    faults: { reset: 0, stopped: 0, lost: 0, repeated: 0, reordered: 0 },
  };
  const setting: Setting = { listen, to, faults, seed, maxConnections, log, report };
  const proxying = await (listen.transport === "udp" ? proxyDatagrams(setting) : proxyStreams(setting));
  const stopped = Promise.withResolvers<void>();
  let stopping: Promise<ProxyReport> | undefined;
  function shutdown(): Promise<ProxyReport> {
    return stopping ??= proxying.stop().then(() => {
      signal?.removeEventListener("abort", shutdown);
      stopped.resolve();
      return report;
    });
  }
  signal?.addEventListener("abort", shutdown);
  if (signal?.aborted) await shutdown();
  log.info(`Listening at {address}, passing on to {to}; seed {seed}; ${describeFaults(faults)}`, {
    address: formatEndpoint(proxying.addr),
    to: formatEndpoint(to),
    seed,
  });
  return {
    addr: proxying.addr as AddressOf<Listen>,
    seed,
    get connections() {
      return proxying.connections;
    },
    report,
    finished: stopped.promise,
    shutdown,
    async [Symbol.asyncDispose]() {
      await shutdown();
    },
  };
}

/** Checks all options, and parses the endpoints and the framing. */
function checkProxy(options: ServeProxyOptions): { listen: Endpoint; to: Endpoint; faults: Faults } {
  const listen = endpointOf(options.listen);
  const to = endpointOf(options.to);
  if ((listen.transport === "udp") !== (to.transport === "udp")) {
    throw new RangeError(`Cannot pass ${listen.transport} on to ${to.transport}: only streams go to streams`);
  }
  if (to.transport !== "unix" && to.port === 0) {
    throw new RangeError("Cannot pass on to port 0: expected a port from 1");
  }
  if (isItself(listen, to)) {
    throw new RangeError(`Cannot pass on to ${formatEndpoint(to)}: the proxy itself listens there`);
  }
  const faults = checkFaults(options, listen.transport === "udp");
  const { seed = 0, maxConnections = 1 } = options;
  if (!Number.isSafeInteger(seed) || seed < 0 || seed > MOST_SEED) {
    throw new RangeError(`Cannot use seed ${seed}: expected an integer from 0 to ${MOST_SEED}`);
  }
  if (!Number.isSafeInteger(maxConnections) || maxConnections < 1) {
    throw new RangeError(`Cannot use maxConnections ${maxConnections}: expected an integer of 1 or more`);
  }
  return { listen, to, faults };
}

function endpointOf(given: string | Endpoint): Endpoint {
  return typeof given === "string" ? parseEndpoint(given) : given;
}

/** Whether a target is where the proxy listens, as far as addresses tell: a name may stand for any. */
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

/** The addresses that are connected to at a host: for one that stands for all of this machine's, loopback. */
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
 * Asks for all grants before anything is opened: node:net would throw for lack of one where nobody can catch it. If one
 * is missing all are named, since `--allow-net` on a command line takes the place of what the permission set allows.
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

/** Seeds have 32 bits. */
const MOST_SEED = 2 ** 32 - 1;

const options = {
  listen: endpoint("Where clients come to: tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH; port 0 is a free one"),
  to: endpoint("Where they are passed on to, in the same form"),
  direction: choice("Which way the faults apply: up is from client to server", ["both", "up", "down"], "both"),
  cut: range("BYTES", "Cut writes into pieces of so many bytes, as 1 or 1-7", 1),
  delay: secondsRange("Wait so long before each write or datagram, as 0.5 or 0.01-0.05"),
  join: optional(seconds("Pass on what comes within so long in one write", 0)),
  rate: optional(integer("BYTES", "Pass on so many bytes a second", 0, { least: 1 })),
  stopAfter: range("BYTES", "Read no more from a side after so many bytes, and keep the connection open", 0),
  resetAt: range("BYTES", "Reset the connection once so many bytes have passed one way", 0),
  framing: framing(`How messages are framed, for --reset-in: ${FRAMING_NAMES}`),
  resetIn: optional(
    text("FIELD", "Reset the connection inside this field of a message: header, payload, line ...", ""),
  ),
  message: optional(integer("N", "Which message --reset-in means (the first without it)", 1, { least: 1 })),
  lose: optional(percent("Lose so many of a hundred datagrams", 0)),
  repeat: optional(percent("Send so many of a hundred datagrams twice", 0)),
  reorder: optional(percent("Hold so many of a hundred datagrams back until the next has gone", 0)),
  seed: optional(integer("N", "Draw what is random from this; told in the log when it is not given", 0, {
    most: MOST_SEED,
  })),
  maxConnections: integer("N", "Most connections at once", 1000, { least: 1 }),
};

function framing(help: string): Option<FieldFraming | undefined> {
  return { placeholder: "NAME", help, default: undefined, shown: "", parse: parseFraming };
}

async function main(values: Values<typeof options>, requests: StopRequests, attempt: Attempt): Promise<void> {
  const { listen, to } = values;
  if (listen === undefined || to === undefined) {
    const name = listen === undefined ? "listen" : "to";
    throw new UsageError(`--${name} is needed: tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH`);
  }
  const given = { ...values, listen, to };
  orUsage(() => checkProxy(given));
  attempt.address = formatEndpoint(listen);
  attempt.option = "--listen";
  const log = new Log("Proxy");
  const proxy = await serveProxy({ ...given, log, signal: requests.stop });
  await proxy.finished;
  const { faults, ...report } = await proxy.shutdown();
  // Cuts and delays show in what is logged of each connection.
  const happened = Object.entries(faults).filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`);
  const passed = `${plural(report.up, "byte")} up, {down} down`;
  log.info(
    `Stopped; ${plural(report.connections, "connection")} since the start, {reset} reset, {cut} cut at {signal}; ` +
      passed + (happened.length === 0 ? "" : `; faults: ${happened.join(", ")}`),
    { ...report, faults, signal: requests.stop.reason },
  );
}

if (import.meta.main) {
  await runTask(
    {
      name: "proxy",
      summary: "Passes everything on between clients and a server, and does to it what networks do: faults on demand.",
      options,
      example: [
        "A chat whose messages arrive a few bytes at a time, the same way each run",
        "deno task proxy --listen tcp://127.0.0.1:9000 --to tcp://127.0.0.1:1234 --cut 1-7 --delay 0.01-0.05 --seed 7",
      ],
    },
    "info",
    ({ values, requests, attempt }) => main(values, requests, attempt),
  );
}
