/// <reference lib="deno.worker" />
import type { LogRecord } from "@logtape/logtape";
import { configureSink } from "../log/_configure.ts";
import { plural } from "../log/plural.ts";
import { note } from "../log/sink.ts";
import type { Level, RelayedRecord } from "../log/log.ts";
import type { FromThread, ToThread } from "./worker_threads.ts";
import type { ServeTcpOptions, TcpServer } from "./serve_tcp.ts";

/** The program of one thread: a server of its own, at a port that it shares. */
let server: TcpServer | undefined;
const cut = new AbortController();

function tell(message: FromThread): void {
  self.postMessage(message);
}

/** How many records may wait until the other thread has written those before. */
const MAX_RECORDS = 10_000;

/** Hands the log over to the thread that writes it, which says when it has: then come the next records. */
class RecordSender {
  #queued: RelayedRecord[] = [];
  #dropped = 0;
  #sending = false;
  #drained: PromiseWithResolvers<void> | undefined;

  readonly sink = Object.assign((record: LogRecord) => this.#add(record), {
    [Symbol.asyncDispose]: () => this.#sending ? (this.#drained = Promise.withResolvers()).promise : Promise.resolve(),
  });

  /** The other thread has taken what was sent. */
  taken(): void {
    this.#sending = false;
    if (this.#dropped > 0) this.#add(note(`${plural(this.#dropped, "log record")} dropped: they came too fast`));
    this.#dropped = 0;
    if (this.#queued.length > 0) this.#send();
    else this.#drained?.resolve();
  }

  #add({ level, message, rawMessage, timestamp, properties }: LogRecord): void {
    const record = { level: level as Level, message, rawMessage: String(rawMessage), timestamp, properties };
    if (this.#queued.length >= MAX_RECORDS) this.#dropped++;
    else this.#queued.push(record);
    if (!this.#sending) this.#send();
  }

  #send(): void {
    this.#sending = true;
    // Together, what is logged in one turn.
    queueMicrotask(() => tell({ records: this.#queued.splice(0) }));
  }
}

const records = new RecordSender();
let log: AsyncDisposable | undefined;

self.onmessage = async ({ data }: MessageEvent<ToThread>) => {
  if (data === "logged") return records.taken();
  if (data === "cut") cut.abort();
  if (data === "cut" || data === "shutdown") {
    const { finished, cut } = await server!.shutdown();
    await log![Symbol.asyncDispose]();
    // All workers have the memory of one process, which counts once.
    return tell({ report: { finished, cut, memory: 0, closed: [...server!.closed] } });
  }
  const { program, options: { level, ...options } } = data;
  try {
    log = await configureSink(records.sink, level);
    const module: Record<string, (options: ServeTcpOptions) => TcpServer | Promise<TcpServer>> = await import(
      program.module
    );
    server = await module[program.serve]!({ ...options, signal: cut.signal });
    tell({ addr: server.addr });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(Deno.inspect(error));
    tell({ failed: { name, message } });
  }
};
