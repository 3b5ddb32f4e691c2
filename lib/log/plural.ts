/**
 * Writes a number with its noun.
 *
 * @param count How many, 0 or more.
 * @param noun The noun in the singular; an `s` makes it plural.
 * @returns Both, the noun in the form that goes with the number.
 *
 * @example
 * ```ts
 * import { plural } from "@wirebench/wirebench/log";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals([plural(1, "byte"), plural(2, "byte")], ["1 byte", "2 bytes"]);
 * ```
 */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
