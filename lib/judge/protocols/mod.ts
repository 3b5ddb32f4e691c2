import type { Protocol, ProtocolOption } from "../protocol.ts";
import { chat } from "./chat.ts";
import { clock } from "./clock.ts";
import { delimited } from "./delimited.ts";
import { echo } from "./echo.ts";
import { exchange } from "./exchange.ts";
import { fixed } from "./fixed.ts";
import { lines } from "./lines.ts";
import { OBJECT_FORMATS, objects } from "./objects.ts";
import { sixteen } from "./sixteen.ts";
import { tagged } from "./tagged.ts";
import { udpChat } from "./udp_chat.ts";
import { uppercase } from "./uppercase.ts";

/** The protocol of a program, and the options on which judge and program must agree. */
interface Entry {
  options?: Readonly<Record<string, ProtocolOption>>;
  make(values: Readonly<Record<string, string>>): Protocol;
}

const ENTRIES: Readonly<Record<string, Entry>> = {
  echo: { make: echo },
  uppercase: { make: uppercase },
  "udp-chat": {
    options: { reply: { help: "The program's answer to every turn; any if it is not given", default: "" } },
    make: ({ reply }) => udpChat({ reply: reply! }),
  },
  sixteen: { make: sixteen },
  fixed: {
    options: { length: { help: "Length of every message in bytes", default: "5000" } },
    make: ({ length }) =>
      fixed({ length: numberOf("length", length!, /^[1-9]\d{0,6}$/, "an integer from 1 to 9999999") }),
  },
  delimited: { make: delimited },
  tagged: {
    options: { table: { help: "The length of each type's body", default: "A=4,B=16,C=300" } },
    make: ({ table }) => tagged({ lengths: lengthsOf(table!) }),
  },
  exchange: { make: exchange },
  lines: { make: lines },
  clock: {
    options: { interval: { help: "Seconds between ticks", default: "3" } },
    make: ({ interval }) => clock({ interval: numberOf("interval", interval!, /^\d*\.?\d+$/, "seconds") }),
  },
  objects: {
    options: { format: { help: OBJECT_FORMATS.join(" or "), default: OBJECT_FORMATS[0]! } },
    make({ format }) {
      if (OBJECT_FORMATS.includes(format!)) return objects({ format: format! });
      throw expected("format", OBJECT_FORMATS.join(" or "), format!);
    },
  },
  chat: { make: chat },
};

/** The names of all programs. */
export const PROTOCOL_NAMES: readonly string[] = Object.keys(ENTRIES);

/** The options of a program's protocol. */
export function protocolOptions(name: string): Readonly<Record<string, ProtocolOption>> {
  return entryOf(name).options ?? {};
}

/**
 * The protocol of a program.
 *
 * @param name The program's name, such as `udp-chat`.
 * @param given Options that differ from the default.
 * @returns The description.
 * @throws {TypeError} If there is no such program or option, or an option's value is malformed.
 */
export function protocolOf(name: string, given: Readonly<Record<string, string>> = {}): Protocol {
  const { options = {}, make } = entryOf(name);
  const unknown = Object.keys(given).find((key) => !(key in options));
  if (unknown !== undefined) {
    throw new TypeError(`Unknown option "${unknown}": expected ${Object.keys(options).join(", ") || "none"}`);
  }
  const defaults = Object.fromEntries(Object.entries(options).map(([key, option]) => [key, option.default]));
  return make({ ...defaults, ...given });
}

function entryOf(name: string): Entry {
  if (Object.hasOwn(ENTRIES, name)) return ENTRIES[name]!;
  throw new TypeError(`Expected one of ${PROTOCOL_NAMES.join(", ")}, got "${name}"`);
}

function numberOf(key: string, value: string, form: RegExp, words: string): number {
  if (form.test(value) && Number(value) > 0) return Number(value);
  throw expected(key, words, value);
}

function lengthsOf(table: string): Record<string, number> {
  const entries = table.split(",").map((entry) => /^([!-~])=([1-9]\d{0,5})$/.exec(entry));
  if (entries.includes(null)) throw expected("table", "TYPE=LENGTH,...", table);
  return Object.fromEntries(entries.map((entry) => [entry![1]!, Number(entry![2])]));
}

function expected(key: string, words: string, value: string): TypeError {
  return new TypeError(`Option ${key}: expected ${words}, got "${value}"`);
}
