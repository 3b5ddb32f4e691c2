import {
  choice,
  CommandError,
  explainError,
  integer,
  type Option,
  optional,
  percent,
  range,
  seconds,
  secondsRange,
  text,
} from "../../lib/cli/mod.ts";
import type { Log } from "../../lib/log/mod.ts";
import { recordToFile } from "../../lib/record/file.ts";
import type { Recorder } from "../../lib/record/recorder.ts";
import { type FieldFraming, FRAMING_NAMES, parseFraming } from "./_fields.ts";

/** The largest seed: 32 bits. */
export const MAX_SEED = 2 ** 32 - 1;

/** The seed of the random numbers of a proxy. */
export const seed = optional(
  integer("N", "Seed of all random numbers (default: a random one, which is logged)", 0, { most: MAX_SEED }),
);

/** The options of a command line that injects faults. */
export const faultOptions = {
  direction: choice("Direction of the faults; up is from client to server", ["both", "up", "down"], "both"),
  cut: range("BYTES", "Split writes into fragments of this length, as 1 or 1-7", 1),
  delay: secondsRange("Delay each write or datagram by this time, as 0.5 or 0.01-0.05"),
  join: optional(seconds("Join all bytes received within this time into one write", 0)),
  rate: optional(integer("BYTES", "Limit the throughput to this many bytes a second", 0, { least: 1 })),
  stopAfter: range("BYTES", "Stop reading from a side after this many bytes, and keep the connection open", 0),
  resetAt: range("BYTES", "Reset the connection after this many bytes in one direction", 0),
  framing: framing(`Framing of the messages, for --reset-in: ${FRAMING_NAMES}`),
  resetIn: optional(
    text("FIELD", "Reset the connection inside this field of a message: header, payload, line ...", ""),
  ),
  message: optional(integer("N", "Number of the message for --reset-in (default: the first)", 1, { least: 1 })),
  lose: optional(percent("Percentage of datagrams to drop", 0)),
  repeat: optional(percent("Percentage of datagrams to send twice", 0)),
  reorder: optional(percent("Percentage of datagrams to send after the next one", 0)),
};

function framing(help: string): Option<FieldFraming | undefined> {
  return { placeholder: "NAME", help, default: undefined, shown: "", parse: parseFraming };
}

/** Begins to write a recording. An error of the file system is the user's. */
export async function recordTo(path: string, recorder: Recorder, log: Log): Promise<AsyncDisposable> {
  try {
    return await recordToFile(recorder, path, { log });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new CommandError(`Cannot write the recording ${path}: ${explainError(error)}`);
  }
}
