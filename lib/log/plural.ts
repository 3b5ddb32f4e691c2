/**
 * Formats a number with its noun.
 *
 * @param count The number, 0 or more.
 * @param noun The noun in the singular. Its plural ends in `s`.
 * @returns The number and the noun, in the plural unless the number is 1.
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
