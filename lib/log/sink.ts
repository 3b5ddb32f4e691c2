import type { LogRecord, Sink } from "./configure.ts";
import type { TextFormatter } from "./_format.ts";
import { plural } from "./plural.ts";
import { type LogWriter, writeAll } from "./writer.ts";

/** Maximum size of the queue while nobody reads the log, in UTF-16 units. */
const MAX_QUEUED = 16 * 1024 * 1024;
/** Time for which the log may be stalled at the end of a program, in milliseconds. */
const DISPOSE_TIMEOUT = 2000;

/**
 * Creates a sink that keeps the order of records, joins them into few writes, and never blocks the program. A pipe
 * that nobody reads blocks its writer, and would block every client of a server with it. Once 16 MiB are queued, further
 * records are dropped and counted. The count is written when the pipe is read again.
 *
 * @param writer Where the lines are written.
 * @param format Formats a record.
 * @returns The sink. Disposing of it writes what is queued, unless nobody has read it for two seconds.
 */
export function writerSink(writer: LogWriter, format: TextFormatter): Sink & AsyncDisposable {
  const encoder = new TextEncoder();
  let queued: string[] = [];
  let size = 0;
  let dropped = 0;
  let writing: Promise<void> | undefined;
  /** When the reader last took something, on the clock of `performance.now()`. */
  let readAt = performance.now();

  const watched: LogWriter = {
    async write(bytes) {
      const count = await writer.write(bytes);
      readAt = performance.now();
      return count;
    },
  };

  async function flush(): Promise<void> {
    try {
      while (queued.length > 0) {
        if (dropped > 0) queued.push(format(note(`${plural(dropped, "log record")} dropped: nobody read them`)));
        const lines = queued;
        queued = [];
        size = dropped = 0;
        readAt = performance.now();
        await writeAll(watched, encoder.encode(lines.join("")));
      }
    } catch {
      // The reader of the log has gone. The program goes on without it.
      queued = [];
      size = 0;
    } finally {
      writing = undefined;
    }
  }

  function sink(record: LogRecord): void {
    if (size > MAX_QUEUED) {
      dropped++;
      return;
    }
    const lines = formatAny(record);
    queued.push(lines);
    size += lines.length;
    writing ??= Promise.resolve().then(flush);
  }

  /** Formats a record, or says why that failed: a log must not fail its program. */
  function formatAny(record: LogRecord): string {
    try {
      return format(record);
    } catch (error) {
      return format(note(`a log record could not be written: ${error instanceof Error ? error.message : error}`));
    }
  }

  async function dispose(): Promise<void> {
    let timer;
    // A reader that has been stalled for that long will not read on now.
    const patience = Math.max(0, readAt + DISPOSE_TIMEOUT - performance.now());
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, patience));
    while (writing !== undefined && await Promise.race([writing.then(() => true), late])) { /* written */ }
    clearTimeout(timer);
  }

  return Object.assign(sink, { [Symbol.asyncDispose]: dispose });
}

/** Creates a warning of the log itself. */
export function note(message: string): LogRecord {
  const properties = {};
  return {
    category: ["Log"],
    level: "warning",
    message: [message],
    rawMessage: message,
    timestamp: Date.now(),
    properties,
  };
}
