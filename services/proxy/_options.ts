import {
  choice,
  integer,
  type Option,
  optional,
  percent,
  range,
  seconds,
  secondsRange,
  text,
} from "../../lib/cli/mod.ts";
import { FRAMING_NAMES, type NamedFraming, parseFraming } from "../../lib/framing/named.ts";

/** The largest seed: 32 bits. */
export const MAX_SEED = 2 ** 32 - 1;

/** Options for the faults of a proxy, and for the seed of its random numbers. */
export const FAULT_OPTIONS = {
  direction: choice("Direction of the faults; up is from client to server", ["both", "up", "down"], "both"),
  cut: range("BYTES", "Split writes into fragments of this length, as 1 or 1-7", 1),
  delay: secondsRange("Delay each write or datagram by this time, as 0.5 or 0.01-0.05"),
  join: optional(seconds("Join all bytes received within this time into one write", 0)),
  rate: optional(integer("BYTES", "Limit the throughput to this many bytes a second", 0, { least: 1 })),
  stopAfter: range("BYTES", "Stop reading from a side after this many bytes, and keep the connection open", 0),
  resetAt: range("BYTES", "Reset the connection after this many bytes in one direction", 0),
  framing: framing(`Framing of the messages, for --reset-in: ${FRAMING_NAMES.join(", ")}`),
  resetIn: optional(
    text("PART", "Reset the connection inside this part of a message: header, payload, line, delimiter ...", ""),
  ),
  message: optional(integer("N", "Number of the message for --reset-in (default: the first)", 1, { least: 1 })),
  lose: optional(percent("Percentage of datagrams to drop", 0)),
  repeat: optional(percent("Percentage of datagrams to send twice", 0)),
  reorder: optional(percent("Percentage of datagrams to send after the next one", 0)),
  seed: optional(integer("N", "Seed of all random numbers (default: a random one, which is logged)", 0, {
    most: MAX_SEED,
  })),
};

function framing(help: string): Option<NamedFraming | undefined> {
  return { placeholder: "NAME", help, default: undefined, shown: "", parse: (name) => parseFraming(name) };
}
