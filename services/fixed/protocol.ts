import { integer, type Option } from "../../lib/cli/mod.ts";

/** The tutorial names no port. */
export const PORT = 3003;

/** The tutorial's message length in bytes, the default of `--length`. */
export const LENGTH = 5000;

/** `--length`, on which both sides must agree. Its maximum bounds the memory of one message. */
export const lengthOption: Option<number> = integer("N", "Length of every message in bytes", LENGTH, {
  least: 1,
  most: 1024 * 1024 * 1024,
});
