/**
 * Dispatch: the same echo server with one event loop, several threads or several processes, for comparison.
 *
 * @module
 */

import { choice, flag, integer } from "../../lib/cli/mod.ts";
import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { Log } from "../../lib/log/mod.ts";
import { serveTcp, type ServeTcpOptions } from "../../lib/net/serve_tcp.ts";
import { serveWorkers, type WorkerReport, type WorkersServer } from "../../lib/net/serve_workers.ts";
import { startThread } from "../../lib/net/worker_threads.ts";
import { DEFAULT_MAX_CONNECTIONS } from "../../lib/net/limits.ts";
import { receiveOptions, startProcess } from "./_processes.ts";
import { echo, type Mode, MODES, PORT } from "./protocol.ts";

export type { Mode, WorkerReport };

/**
 * Options of {@linkcode serveDispatch}. Limits on connections hold for all threads together, and for each process by itself.
 */
export interface ServeDispatchOptions extends ServeTcpOptions {
  /**
   * One event loop, several threads or several processes.
   *
   * @default {"loop"}
   */
  mode?: Mode | undefined;
  /**
   * Number of threads or processes.
   *
   * @default {navigator.hardwareConcurrency}
   */
  workers?: number | undefined;
}

const DEFAULT_MODE: Mode = "loop";
const DEFAULT_WORKERS = navigator.hardwareConcurrency;

/**
 * Serves echo in one of three ways.
 *
 * - `loop`: one event loop. Uses the least memory and one core.
 * - `workers`: threads that share the port and the process, each with its own event loop and data. Uses all cores.
 * - `processes`: processes that share the port, each in its own sandbox. A failing process disconnects only its own clients.
 *
 * @param options The mode, where to listen, and limits; the default port is 3007.
 * @returns The running server.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow listening, or starting processes.
 *
 * @example One loop
 * ```ts
 * import { serveDispatch } from "@wirebench/wirebench/dispatch";
 *
 * await using server = await serveDispatch({ port: 0, mode: "loop" });
 * ```
 */
export async function serveDispatch(options: ServeDispatchOptions = {}): Promise<WorkersServer> {
  const { mode = DEFAULT_MODE, workers = DEFAULT_WORKERS, log = new Log("Server"), ...limits } = options;
  const all = { ...limits, port: limits.port ?? PORT, log };
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

const options = {
  mode: choice("How to serve many clients", MODES, DEFAULT_MODE),
  workers: integer("N", "Number of workers or processes", DEFAULT_WORKERS, { least: 1, most: 64 }),
  maxConnections: integer(
    "N",
    "Most connections at once; in mode processes, of each process",
    DEFAULT_MAX_CONNECTIONS,
    {
      least: 1,
    },
  ),
  worker: flag("Internal: one of several processes, whose options are the first line of standard input"),
};

if (import.meta.main) {
  runTcpServer({
    ...task("dispatch:server"),
    summary: "Serves echo with one event loop, several worker threads or several processes.",
    port: PORT,
    messages: false,
    options,
  }, async ({ worker, ...options }, requests) => {
    // A process that may start others can escape its sandbox, so the permission is revoked before the first client.
    if (options.mode !== "processes") await Deno.permissions.revoke({ name: "run" });
    const server = await serveDispatch({ ...options, ...(worker ? await receiveOptions(requests) : {}) });
    await Deno.permissions.revoke({ name: "run" });
    return server;
  });
}
