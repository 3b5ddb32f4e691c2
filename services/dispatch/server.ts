/**
 * Dispatch: three ways to serve many clients, to be compared.
 *
 * @module
 */

import { choice, flag, integer, Stdin, type StopRequests } from "../../lib/cli/mod.ts";
import { runTcpServer } from "../../lib/launch/mod.ts";
import { Log } from "../../lib/log/mod.ts";
import {
  serveTcp,
  type ServeTcpOptions,
  serveWorkers,
  startThread,
  type WorkerOptions,
  type WorkerReport,
  type WorkersServer,
} from "../../lib/net/mod.ts";
import { parseWorkerOptions, startProcess } from "./_processes.ts";
import { echo, type Mode, MODES, PORT } from "./protocol.ts";

export type { Mode, WorkerReport };

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
  workers?: number;
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
export async function serveDispatch(options: ServeDispatchOptions = {}): Promise<WorkersServer> {
  const { mode = "loop", workers = navigator.hardwareConcurrency, log = new Log("Server") } = options;
  const { mode: _, workers: __, ...limits } = options;
  const all = { port: PORT, ...limits, log };
  if (mode === "loop") {
    const server = serveTcp(all, echo);
    const shutdown = async () => {
      const memory = Deno.memoryUsage().rss;
      return { ...await server.shutdown(), memory, closed: [...server.closed] };
    };
    return {
      addr: server.addr,
      closed: server.closed,
      get connections() {
        return server.connections;
      },
      finished: server.finished,
      shutdown,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  }
  const start = mode === "workers" ? startThread({ module: import.meta.url, serve: "serveDispatch" }) : startProcess;
  return await serveWorkers({ ...all, workers, called: mode, start });
}

/**
 * What the process that started this one wants of it: the first line of standard input. It stops when standard input
 * ends, since the other is gone then, however it went.
 */
async function workerOptions(requests: StopRequests): Promise<Partial<WorkerOptions>> {
  const stdin = new Stdin();
  requests.stop.addEventListener("abort", () => stdin.close());
  const lines = stdin.lines();
  const { value } = await lines.next();
  (async () => {
    while (!(await lines.next()).done) { /* nothing more is said there */ }
    requests.request("end of standard input");
  })();
  return value === undefined ? {} : parseWorkerOptions(value);
}

const options = {
  mode: choice("How to serve many clients", MODES, "loop"),
  workers: integer("N", "How many workers or processes", navigator.hardwareConcurrency, { least: 1, most: 64 }),
  maxConnections: integer("N", "Most connections at once, of each worker or process", 1000, { least: 1 }),
  worker: flag("Be one of several processes: options come from the first line of standard input, its end stops"),
};

if (import.meta.main) {
  await runTcpServer({
    name: "dispatch",
    summary: "Serves echo with one loop, several workers or several processes.",
    port: PORT,
    messages: false,
    options,
  }, async ({ worker, ...options }, requests) => {
    // To start processes is a way out of the sandbox. It is given up before the first client can come.
    if (options.mode !== "processes") await Deno.permissions.revoke({ name: "run" });
    const server = await serveDispatch({ ...options, ...(worker ? await workerOptions(requests) : {}) });
    await Deno.permissions.revoke({ name: "run" });
    return server;
  });
}
