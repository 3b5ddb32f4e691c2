import type { LogRecord, Sink, TextFormatter } from "@logtape/logtape";
import { plural } from "./plural.ts";
import { type LogWriter, writeAll } from "./writer.ts";

/** What a log may hold back while nobody reads it. */
const MAX_QUEUED = 16 * 1024 * 1024;
/** How long the end of a program waits for a reader of its log, in milliseconds. */
const DISPOSE_TIMEOUT = 2000;

/**
 * A LogTape sink that keeps the order, joins what is logged at once into few writes, and never makes the program
 * wait: a pipe that nobody reads holds up its writer, and with it every client of a server. Once 16 MiB wait to be
 * written, further records are counted instead of kept, and the count is written when the log flows again.
 *
 * @param writer Where the lines go.
 * @param format Makes lines of a record, the last newline included.
 * @returns The sink; disposing of it writes what is still queued, for two seconds at most.
 */
export function writerSink(writer: LogWriter, format: TextFormatter): Sink & AsyncDisposable {
  const encoder = new TextEncoder();
  let queued: string[] = [];
  let size = 0;
  let dropped = 0;
  let writing: Promise<void> | undefined;

  async function flush(): Promise<void> {
    try {
      while (queued.length > 0) {
        if (dropped > 0) queued.push(format(note(`${plural(dropped, "log record")} dropped: nobody read them`)));
        const lines = queued;
        queued = [];
        size = dropped = 0;
        await writeAll(writer, encoder.encode(lines.join("")));
      }
    } catch {
      // A log whose reader is gone is no reason to stop: what it would have said is lost, the program is not.
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
    const lines = format(record);
    queued.push(lines);
    size += lines.length;
    writing ??= Promise.resolve().then(flush);
  }

  async function dispose(): Promise<void> {
    let timer;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, DISPOSE_TIMEOUT));
    while (writing !== undefined && await Promise.race([writing.then(() => true), late])) { /* written */ }
    clearTimeout(timer);
  }

  return Object.assign(sink, { [Symbol.asyncDispose]: dispose });
}

/** A record of the log's own. */
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
