import { concat } from "@std/bytes/concat";
import { configureLog, Log, type LogOptions } from "@wirebench/wirebench/log";
import { textOf } from "../harness.ts";

/** Runs a function with a log, and returns everything that the log writes. */
export async function logged(write: (log: Log) => unknown, options: LogOptions = {}): Promise<string> {
  const written: Uint8Array[] = [];
  const writer = {
    write(data: Uint8Array) {
      // A partial write, as on a pipe.
      const part = data.subarray(0, 1000);
      written.push(part.slice());
      return Promise.resolve(part.length);
    },
  };
  {
    await using _log = configureLog({ ...options, writer });
    await write(new Log("Server"));
  }
  return textOf(concat(written));
}

/** A record of another thread, for which the log has no budget. */
export function record(message: string): Parameters<Log["relay"]>[0] {
  return { level: "info", message: [message], rawMessage: message, timestamp: Date.now(), properties: {} };
}

/** The beginning of a line, as a pattern. */
export const TIME = "\\[\\d\\d:\\d\\d:\\d\\d – ";
