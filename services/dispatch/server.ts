/**
 * Dispatch: three ways to serve many clients, to be compared.
 *
 * @module
 */

import { choice, flag, integer, runTcpServer, Stdin, type StopRequests } from "../../lib/cli/mod.ts";
import { Log } from "../../lib/log/mod.ts";
import { formatAddress, type Server, serveTcp, type ServeTcpOptions } from "../../lib/net/mod.ts";
import { parsePartOptions, type PartOptions, type PartReport, serveParts, startProcess, startWorker } from "./parts.ts";
import { echo, type Mode, MODES, PORT } from "./protocol.ts";

export type { Mode, PartReport };

/**
 * Options of {@linkcode serveDispatch}. Limits hold for each thread or process: how the kernel shares connections out
 * is not even.
 */
export interface ServeDispatchOptions extends ServeTcpOptions {
  /**
   * Who serves: one event loop, several threads, several processes.
   *
   * @default {"loop"}
   */
  mode?: Mode;
  /**
   * How many threads or processes.
   *
   * @default {navigator.hardwareConcurrency}
   */
  parts?: number;
}

/** A running server; what it reports when it is shut down says how much memory it had, in bytes. */
export interface DispatchServer extends Server {
  /** How many connections are open, or NaN where only the threads or processes know. */
  readonly connections: number;
  /** Stops accepting, lets connections finish for a while, cuts what is left. */
  shutdown(): Promise<PartReport>;
}

/**
 * Serves echo in one of three ways.
 *
 * - `loop`: one event loop. The least memory, and no data to share; one core.
 * - `workers`: threads that share the port and the process, each with its own loop and its own data. All cores.
 * - `processes`: the same with processes, each in its own sandbox. One that fails takes only its own clients along.
 *
 * @param options Where to listen, limits, and how; the port is 3007 unless given.
 * @returns The running server.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow to listen, or to start processes.
 *
 * @example One loop
 * ```ts
 * import { serveDispatch } from "@wirebench/wirebench/dispatch";
 *
 * await using server = await serveDispatch({ port: 0, mode: "loop" });
 * ```
 */
export async function serveDispatch(options: ServeDispatchOptions = {}): Promise<DispatchServer> {
  const { mode = "loop", parts = navigator.hardwareConcurrency, log = new Log("Server") } = options;
  const all = { port: PORT, ...options, log };
  if (mode === "loop") {
    const server = serveTcp(all, echo);
    const shutdown = async () => {
      const memory = Deno.memoryUsage().rss;
      return { ...await server.shutdown(), memory };
    };
    return {
      addr: server.addr,
      get connections() {
        return server.connections;
      },
      finished: server.finished,
      shutdown,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }
  if (Deno.build.os !== "linux") throw new RangeError(`Cannot serve with ${mode}: only Linux shares a port among them`);
  if (!Number.isSafeInteger(parts) || parts < 1) {
    throw new RangeError(`Cannot use ${parts} parts: expected an integer of 1 or more`);
  }
  if (all.path !== undefined) throw new RangeError(`Cannot serve a Unix socket with ${mode}: it cannot be shared`);
  const { log: _, signal, onListen, mode: __, parts: ___, ...limits } = all;
  const each = { ...limits, level: log.showsMessages ? "info" as const : "warning" as const };
  const server = await serveParts(parts, each, mode === "workers" ? startWorker : startProcess, log, signal);
  log.info("Listening at {address} with {parts} {mode}", { address: formatAddress(server.addr), parts, mode });
  try {
    onListen?.(server.addr);
  } catch (error) {
    await server.shutdown();
    throw error;
  }
  return server;
}

/**
 * What the process that started this one wants of it: the first line of standard input. It stops when standard input
 * ends, since the other is gone then, however it went.
 */
async function partOptions(requests: StopRequests): Promise<Partial<PartOptions>> {
  const stdin = new Stdin();
  requests.stop.addEventListener("abort", () => stdin.close());
  const lines = stdin.lines();
  const { value } = await lines.next();
  (async () => {
    while (!(await lines.next()).done) { /* nothing more is said there */ }
    requests.request("end of standard input");
  })();
  return value === undefined ? {} : parsePartOptions(value);
}

const options = {
  mode: choice("How to serve many clients", MODES, "loop"),
  parts: integer("N", "How many workers or processes", navigator.hardwareConcurrency, { least: 1, most: 64 }),
  maxConnections: integer("N", "Most connections at once, of each worker or process", 1000, { least: 1 }),
  part: flag("Be one of several processes: options come from the first line of standard input, its end stops"),
};

if (import.meta.main) {
  await runTcpServer({
    name: "dispatch",
    summary: "Serves echo with one loop, several workers or several processes.",
    port: PORT,
    messages: false,
    options,
  }, async ({ part, ...options }, requests) => {
    // To start processes is a way out of the sandbox. It is given up before the first client can come.
    if (options.mode !== "processes") await Deno.permissions.revoke({ name: "run" });
    const server = await serveDispatch({ ...options, ...(part ? await partOptions(requests) : {}) });
    await Deno.permissions.revoke({ name: "run" });
    return server;
  });
}
