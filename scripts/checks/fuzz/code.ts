import { PickleFloat, PickleTuple } from "../../../lib/framing/mod.ts";

/**
 * Writes a value as the TypeScript that makes it. Two values are the same if they are written the same, which tells
 * -0 from 0, holds NaN equal to itself, and takes the order of a Map's keys for part of it.
 */
export function code(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (Object.is(value, -0)) return "-0";
  if (value instanceof Uint8Array) return `Uint8Array.of(${value.join(", ")})`;
  if (value instanceof PickleFloat) return `new PickleFloat(${code(value.value)})`;
  if (value instanceof PickleTuple) return `new PickleTuple(${code(value.items)})`;
  if (value instanceof Map) return `new Map<PickleValue, PickleValue>(${code([...value])})`;
  if (value instanceof Array) return `[${value.map(code).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    // In brackets, or __proto__ would be no key.
    return `{ ${Object.entries(value).map(([key, part]) => `[${code(key)}]: ${code(part)}`).join(", ")} }`;
  }
  return String(value);
}
