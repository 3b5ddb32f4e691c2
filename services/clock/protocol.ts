import { decimalHeader, type Framing, text } from "../../lib/framing/mod.ts";

/** The tutorial's is 1234, which chat has. */
export const PORT = 1235;

/** How often the server tells the time, in milliseconds: the tutorial's. */
export const INTERVAL = 3000;

/** What the server says first. */
export const WELCOME = "Welcome to the server!";

/** Text under the decimal header. */
export const framing: Framing<string> = text(decimalHeader());

/**
 * Tells the time as the tutorial does: seconds since the epoch, as Python prints a float, so always with a point.
 *
 * @param milliseconds The time since the epoch; microseconds are kept, as in Python's `time.time()`.
 */
export function tick(milliseconds: number): string {
  const seconds = Math.round(milliseconds * 1000) / 1e6;
  return `The time is ${Number.isInteger(seconds) ? `${seconds}.0` : seconds}`;
}

/** The time since the epoch in milliseconds, with microseconds for as long as the finer clock agrees with the wall's. */
export function now(): number {
  const wall = Date.now();
  const fine = performance.timeOrigin + performance.now();
  return Math.abs(fine - wall) < 2 ? fine : wall;
}
