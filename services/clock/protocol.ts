import { decimalHeader } from "../../lib/framing/decimal_header.ts";
import type { Framing } from "../../lib/framing/framing.ts";
import { text } from "../../lib/framing/text.ts";

/** The tutorial's 1234 belongs to chat here. */
export const PORT = 1235;

/** The tutorial's time between ticks in milliseconds, the default of `--interval`. */
export const INTERVAL = 3000;

/** The server's first message. */
export const WELCOME = "Welcome to the server!";

/** Text under the decimal header. */
export const framing: Framing<string> = text(decimalHeader());

/**
 * Formats a tick as the tutorial does: seconds since the epoch as Python prints a float, always with a decimal point.
 *
 * @param milliseconds The time since the epoch, with microseconds as Python's `time.time()` has them.
 */
export function tick(milliseconds: number): string {
  const seconds = Math.round(milliseconds * 1000) / 1e6;
  return `The time is ${Number.isInteger(seconds) ? `${seconds}.0` : seconds}`;
}

/** The time since the epoch in milliseconds: with microseconds, unless the monotonic clock has drifted from the wall clock. */
export function now(): number {
  const wall = Date.now();
  const fine = performance.timeOrigin + performance.now();
  return Math.abs(fine - wall) < 2 ? fine : wall;
}
