import type { Protocol } from "../protocol.ts";
import { chat } from "./chat.ts";
import { echo } from "./echo.ts";

/** The protocols of all programs, by name. */
const PROTOCOLS: Readonly<Record<string, (options: Readonly<Record<string, string>>) => Protocol>> = { echo, chat };

/** The names of all programs. */
export const PROTOCOL_NAMES: readonly string[] = Object.keys(PROTOCOLS);

/** The protocol of a program. */
export function protocolOf(name: string, options: Readonly<Record<string, string>> = {}): Protocol {
  const make = PROTOCOLS[name];
  if (make === undefined) throw new TypeError(`Expected one of ${PROTOCOL_NAMES.join(", ")}, got "${name}"`);
  return make(options);
}
