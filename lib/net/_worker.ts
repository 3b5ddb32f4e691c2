/// <reference lib="deno.worker" />
import { configureSink, type LogRecord } from "../log/configure.ts";
import { plural } from "../log/plural.ts";
import { note } from "../log/sink.ts";
import type { RelayedRecord } from "../log/log.ts";
import type { FromThread, ToThread } from "./worker_threads.ts";
import type { ServeTcpOptions, TcpServer } from "./serve_tcp.ts";

// The program of one thread: a server at a port that it shares with other threads. Started by worker_threads.ts.

let server: TcpServer | undefined;
const aborting = new AbortController();

function tell(message: FromThread): void {
  self.postMessage(message);
}

/** Maximum number of log records that wait for the main thread. */
const MAX_RECORDS = 10_000;

/** Sends log records to the main thread, the next ones only after it has acknowledged those before. */
class RecordSender {
  #queued: RelayedRecord[] = [];
  #dropped = 0;
  #sending = false;
  #drained: PromiseWithResolvers<void> | undefined;

  readonly sink = Object.assign((record: LogRecord) => this.#add(record), {
    [Symbol.asyncDispose]: () => this.#sending ? (this.#drained = Promise.withResolvers()).promise : Promise.resolve(),
  });

  /** Called when the main thread has taken the records that were sent. */
  acknowledged(): void {
    this.#sending = false;
    if (this.#dropped > 0) this.#add(note(`${plural(this.#dropped, "log record")} dropped: they came too fast`));
    this.#dropped = 0;
    if (this.#queued.length > 0) this.#send();
    else this.#drained?.resolve();
  }

  #add({ level, message, rawMessage, timestamp, properties }: LogRecord): void {
    const record = { level, message, rawMessage, timestamp, properties };
    if (this.#queued.length >= MAX_RECORDS) this.#dropped++;
    else this.#queued.push(record);
    if (!this.#sending) this.#send();
  }

  #send(): void {
    this.#sending = true;
    // Sends everything that is logged in one turn together.
    queueMicrotask(() => tell({ records: this.#queued.splice(0) }));
  }
}

const records = new RecordSender();
let log: AsyncDisposable | undefined;

/** Functions of a program that take options and return a server. */
type Program = Record<string, (options: ServeTcpOptions) => TcpServer | Promise<TcpServer>>;

/** Serves as the main thread says. */
export function serveProgram(program: Program): void {
  self.onmessage = async ({ data }: MessageEvent<ToThread>) => {
    if (data === "logged") return records.acknowledged();
    if (data === "abort") aborting.abort();
    if (data === "abort" || data === "shutdown") {
      const { finished, aborted } = await server!.shutdown();
      await log![Symbol.asyncDispose]();
      // Threads share the memory of their process, which is counted once.
      return tell({ report: { finished, aborted, memory: 0, closed: [...server!.closed] } });
    }
    const { serve, options: { level, ...options } } = data;
    try {
      log = configureSink(records.sink, level);
      server = await program[serve]!({ ...options, signal: aborting.signal });
      tell({ addr: server.addr });
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(Deno.inspect(error));
      tell({ failed: { name, message } });
    }
  };
}
