import { integer, type Option } from "../../lib/cli/mod.ts";

/** Not given by the tutorial. */
export const PORT = 3003;

/** How long a message is in bytes, unless it is said otherwise: the tutorial's. */
export const LENGTH = 5000;

/** The option that both sides must agree on; a message is held in memory, so it has an end. */
export const lengthOption: Option<number> = integer("N", "Length of every message in bytes", LENGTH, {
  least: 1,
  most: 1024 * 1024 * 1024,
});
