import { PickleFloat, PickleTuple } from "../../../lib/framing/mod.ts";

/**
 * Formats a value as a TypeScript expression that evaluates to it. Comparing the expressions compares values: 0 and -0
 * differ, NaN equals itself, and the order of a Map's keys matters.
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
    // Without brackets, `__proto__` would set the prototype.
    return `{ ${Object.entries(value).map(([key, field]) => `[${code(key)}]: ${code(field)}`).join(", ")} }`;
  }
  return String(value);
}
