import type { State } from "../protocol.ts";

/** Options whose values are times: milliseconds here, seconds on the command line and in addresses. */
const TIMES = new Set(["delay", "join"]);

/**
 * Writes the service, the faults and the seed as the query of an address.
 *
 * @returns `?service=chat&cut=1-7&delay=0.002-0.02&seed=7`.
 */
export function sceneOf({ service, faults, seed }: Pick<State, "service" | "faults" | "seed">): string {
  const entries = Object.entries(faults).filter(([, value]) => value !== undefined && value !== null).map((
    [name, value],
  ) => {
    const scale = TIMES.has(name) ? 1000 : 1;
    const bounds = [value].flat().map((bound) => typeof bound === "number" ? String(bound / scale) : String(bound));
    return [name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), [...new Set(bounds)].join("-")];
  });
  const query = new URLSearchParams([...service === undefined ? [] : [["service", service]], ...entries, [
    "seed",
    String(seed),
  ]]);
  return `?${query}`;
}

/** The faults and the seed in the query of an address, as the command line's texts; `undefined` without any. */
export function faultsIn(query: string): Record<string, string> | undefined {
  const faults = Object.fromEntries(new URLSearchParams(query));
  delete faults.service;
  return query.length > 1 ? faults : undefined;
}
