// A circle that the imports do not show: a thread started here runs ./_worker.ts, which imports the message types below.

import { requireAccess, type Sources } from "./require_access.ts";
import type { RelayedRecord } from "../log/log.ts";
import type { ListenAddress } from "./address.ts";
import type { StartWorker, WorkerOptions, WorkerReport } from "./serve_workers.ts";
import { after } from "./timer.ts";

/** Time that an aborted thread has to report its connections before it is terminated, in milliseconds. */
const ABORT_TIMEOUT = 1500;

/** The module that a thread runs, and its function that serves. */
export interface WorkerProgram {
  /** URL of the module: `import.meta.url`. */
  module: string;
  /** Name of its function that takes {@linkcode ServeTcpOptions} and returns a server. */
  serve: string;
}

/** Where a thread loads this library and the program from: folders, or hosts of a registry. */
export function sourcesOf({ module }: WorkerProgram): Sources {
  const urls = [new URL("../", import.meta.url), new URL(".", module)];
  const isFile = ({ protocol }: URL) => protocol === "file:";
  const hosts = urls.filter((url) => !isFile(url)).map(({ protocol, hostname, port }) =>
    `${hostname}:${port || (protocol === "https:" ? 443 : 80)}`
  );
  return {
    read: urls.filter(isFile).map(({ pathname }) => decodeURIComponent(pathname)),
    import: [...new Set(hosts)],
  };
}

/** Messages to a thread. */
export type ToThread = { serve: string; options: WorkerOptions } | "shutdown" | "abort" | "logged";
/** Messages from a thread. */
export type FromThread =
  | { addr: ListenAddress }
  | { report: WorkerReport }
  | { failed: { name: string; message: string } }
  | { records: RelayedRecord[] };

/**
 * Creates a function that starts a thread as a worker of {@linkcode serveWorkers}.
 *
 * @param program The program that the thread runs.
 * @returns The function.
 */
export function startThread(program: WorkerProgram): StartWorker {
  return async (options, logged) => {
    // Asked here, since the runtime reports a missing grant of the thread in many lines.
    await requireAccess(sourcesOf(program));
    const worker = new Worker(entryOf(program), { type: "module" });
    const listening = Promise.withResolvers<ListenAddress>();
    const finished = Promise.withResolvers<void>();
    const reported = Promise.withResolvers<WorkerReport>();
    function end(error?: Error): void {
      worker.terminate();
      reported.resolve({ finished: 0, aborted: 0, memory: 0 });
      if (error === undefined) return finished.resolve();
      listening.reject(error);
      finished.reject(error);
    }
    worker.onmessage = ({ data }: MessageEvent<FromThread>) => {
      if ("addr" in data) listening.resolve(data.addr);
      else if ("records" in data) {
        for (const record of data.records) logged(record);
        // The thread sends more records only after this, since message ports have no backpressure.
        worker.postMessage("logged" satisfies ToThread);
      } else if ("failed" in data) end(errorOf(data.failed));
      else {
        reported.resolve(data.report);
        end();
      }
    };
    worker.onerror = (event) => {
      event.preventDefault(); // Otherwise the error ends the whole program.
      end(new Error(`A worker failed: ${event.message}`));
    };
    worker.postMessage({ serve: program.serve, options } satisfies ToThread);
    finished.promise.catch(() => {}); // A thread that fails to start rejects `listening`.
    return {
      addr: await listening.promise,
      finished: finished.promise,
      shutdown() {
        worker.postMessage("shutdown" satisfies ToThread);
        return reported.promise;
      },
      abort() {
        worker.postMessage("abort" satisfies ToThread);
        const cancel = after(ABORT_TIMEOUT, () => end());
        finished.promise.catch(() => {}).then(cancel);
      },
    };
  };
}

/** The main module of a thread: it imports the program statically, since a registry cannot analyse a dynamic import. */
function entryOf({ module }: WorkerProgram): string {
  const [worker, program] = [new URL("./_worker.ts", import.meta.url).href, module].map((url) => JSON.stringify(url));
  const code = `import { serveProgram } from ${worker}; import * as program from ${program}; serveProgram(program);`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** Recreates an error of another thread, with its class. */
function errorOf({ name, message }: { name: string; message: string }): Error {
  const kinds: Record<string, new (message: string) => Error> = { ...Deno.errors, RangeError };
  return new (kinds[name] ?? Error)(message);
}
