/** The servers to compare with, by their names on the command line. */
export const COMPETITORS = [
  "logged",
  "recorded",
  "c",
  "bare",
  "library",
  "go",
  "node",
  "bun",
  "asyncio",
  "uvloop",
  "streams",
  "loop",
  "embedded",
  "batches",
  "publisher",
] as const;

/** A competitor's name on the command line. */
export type CompetitorName = typeof COMPETITORS[number];

/** The name of this project's own services in results. */
export const OWN = "wirebench";
