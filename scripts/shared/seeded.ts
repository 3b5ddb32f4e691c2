// What the long runs with a seed have in common.

import { integer, type Option, UsageError } from "../../lib/cli/mod.ts";

/** Seeds are signed 32-bit integers; half of them will do. */
export const SEEDS = 2 ** 31;
/** No seed was given. */
export const RANDOM = -1;

/** How long a run goes on. */
export const minutes: Option<number> = {
  placeholder: "MINUTES",
  help: "How long to go on, fractions allowed",
  default: 2,
  parse(given) {
    const number = /^(\d+\.?\d*|\.\d+)$/.test(given) ? Number(given) : 0;
    if (number > 0) return number;
    throw new UsageError(`expected minutes above 0, got "${given}"`);
  },
};

/** Which seed a run draws from. */
export function seed(help: string): Option<number> {
  return integer("N", help, RANDOM, { most: SEEDS - 1, shown: "a random one" });
}

/** The seed that was given, or a random one. */
export function drawnSeed(given: number): number {
  return given === RANDOM ? crypto.getRandomValues(new Uint32Array(1))[0]! % SEEDS : given;
}
