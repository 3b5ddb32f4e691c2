// The hidden import of this module: a thread runs ./_worker.ts, which is named by its URL and imports the types below.

import { requireRead } from "./_require_read.ts";
import type { RelayedRecord } from "../log/log.ts";
import type { ListenAddress } from "./address.ts";
import type { StartWorker, WorkerOptions, WorkerReport } from "./serve_workers.ts";
import { after } from "./timer.ts";

/** How long a cut thread has to report its connections before it is terminated, in milliseconds. */
const CUT_TIMEOUT = 1500;

/** A module, and which function of it serves: what a thread runs. */
export interface WorkerProgram {
  /** The module's URL: `import.meta.url`. */
  module: string;
  /** The name of its function that takes {@linkcode ServeTcpOptions} and returns a server. */
  serve: string;
}

/** The folders that a worker reads: this library's, and the program's own. */
export function sourcesOf({ module }: WorkerProgram): string[] {
  return [new URL("../", import.meta.url), new URL(".", module)].map(({ pathname }) => pathname);
}

/** What is said to a worker. */
export type ToThread = { program: WorkerProgram; options: WorkerOptions } | "shutdown" | "cut" | "logged";
/** What a worker says. */
export type FromThread =
  | { addr: ListenAddress }
  | { report: WorkerReport }
  | { failed: { name: string; message: string } }
  | { records: RelayedRecord[] };

/**
 * Starts threads that serve: they share the process, not the data.
 *
 * @param program What each of them runs.
 * @returns Starts one.
 */
export function startThread(program: WorkerProgram): StartWorker {
  return async (options, logged) => {
    // A worker reads its own program; of what it may not read, the runtime tells in many lines.
    await requireRead(sourcesOf(program));
    const worker = new Worker(new URL("./_worker.ts", import.meta.url), { type: "module" });
    const listening = Promise.withResolvers<ListenAddress>();
    const finished = Promise.withResolvers<void>();
    const reported = Promise.withResolvers<WorkerReport>();
    function end(error?: Error): void {
      worker.terminate();
      reported.resolve({ finished: 0, cut: 0, memory: 0 });
      if (error === undefined) return finished.resolve();
      listening.reject(error);
      finished.reject(error);
    }
    worker.onmessage = ({ data }: MessageEvent<FromThread>) => {
      if ("addr" in data) listening.resolve(data.addr);
      else if ("records" in data) {
        for (const record of data.records) logged(record);
        // Only now may it say more: a port between threads keeps any number of messages.
        worker.postMessage("logged" satisfies ToThread);
      } else if ("failed" in data) end(errorOf(data.failed));
      else {
        reported.resolve(data.report);
        end();
      }
    };
    worker.onerror = (event) => {
      event.preventDefault(); // It would end the whole program.
      end(new Error(`A worker failed: ${event.message}`));
    };
    worker.postMessage({ program, options } satisfies ToThread);
    finished.promise.catch(() => {}); // One that never listened is told of by `listening` alone.
    return {
      addr: await listening.promise,
      finished: finished.promise,
      shutdown() {
        worker.postMessage("shutdown" satisfies ToThread);
        return reported.promise;
      },
      cut() {
        worker.postMessage("cut" satisfies ToThread);
        const cancel = after(CUT_TIMEOUT, () => end());
        finished.promise.catch(() => {}).then(cancel);
      },
    };
  };
}

/** An error of the kind it was on the other side. */
function errorOf({ name, message }: { name: string; message: string }): Error {
  const kinds: Record<string, new (message: string) => Error> = { ...Deno.errors, RangeError };
  return new (kinds[name] ?? Error)(message);
}
