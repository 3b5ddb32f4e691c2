// Options of the checks that run for minutes on random input.

import { integer, type Option, UsageError } from "../../lib/cli/mod.ts";

/** Number of seeds. A seed is an integer from 0 to 2^31 - 1. */
export const SEEDS = 2 ** 31;
/** The value of the option when no seed is given. */
export const RANDOM = -1;

/** The option for the duration of a run. */
export const minutes: Option<number> = {
  placeholder: "MINUTES",
  help: "How long to run; fractions are allowed",
  default: 2,
  parse(given) {
    const number = /^(\d+\.?\d*|\.\d+)$/.test(given) ? Number(given) : 0;
    if (number > 0) return number;
    throw new UsageError(`expected minutes above 0, got "${given}"`);
  },
};

/** The option for the seed of a run. */
export function seed(help: string): Option<number> {
  return integer("N", help, RANDOM, { most: SEEDS - 1, shown: "a random one" });
}

/** The given seed, or a random one. */
export function drawnSeed(given: number): number {
  return given === RANDOM ? crypto.getRandomValues(new Uint32Array(1))[0]! % SEEDS : given;
}
