import { type Option, optional, parseCommandLine, UsageError, type Values } from "../../../lib/cli/mod.ts";
import { FAULT_OPTIONS } from "../../../services/proxy/_options.ts";
import type { FaultOptions } from "../../../services/proxy/server.ts";

/** Options of a scene: those of the proxy's faults, with the framing as a checked name. */
export const SCENE_OPTIONS = {
  ...FAULT_OPTIONS,
  direction: optional(FAULT_OPTIONS.direction),
  framing: {
    ...FAULT_OPTIONS.framing,
    help: FAULT_OPTIONS.framing.help.replace(", for --reset-in", ""),
    parse(name: string) {
      FAULT_OPTIONS.framing.parse!(name);
      return name;
    },
  } as Option<string | undefined>,
};

/** Values of the options of a scene, each `undefined` unless it is given. */
export type SceneValues = Values<typeof SCENE_OPTIONS>;

/** Whether an operand is a scene: a query, or the address of a page. */
export function isScene(text: string): boolean {
  return text.includes("?");
}

/**
 * Parses a scene.
 *
 * @param text `?service=chat&cut=1-7&delay=0.002-0.02&seed=7`, or a whole address that ends in it.
 * @returns The service and the values. Nothing else of the address matters.
 * @throws {UsageError} If a fault is unknown or malformed.
 */
export function parseScene(text: string): { service: string | undefined; values: SceneValues } {
  const query = new URLSearchParams(text.slice(text.indexOf("?")).replace(/#.*$/, ""));
  const service = query.get("service") ?? undefined;
  query.delete("service");
  return { service, values: parseValues(query) };
}

/**
 * Parses faults by their names.
 *
 * @param given Names (`stop-after` or `stopAfter`), and values as on the command line or as options of the proxy.
 * @returns The values.
 * @throws {UsageError} If one is unknown or malformed.
 */
export function parseValues(given: Iterable<[name: string, value: unknown]>): SceneValues {
  const args = [...given].filter(([, value]) => value !== undefined && value !== null).map(([given, value]) => {
    const name = given.replace(/-[a-z]/g, (match) => match[1]!.toUpperCase());
    if (!Object.hasOwn(SCENE_OPTIONS, name)) throw new UsageError(`Unknown fault "${given}"`);
    return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}=${textOf(name, value)}`;
  });
  return parseCommandLine({ name: "see", summary: "", options: SCENE_OPTIONS }, args).values;
}

/** Formats the value of an option as on the command line. */
function textOf(name: string, value: unknown): string {
  const unit = name === "delay" || name === "join" ? 1000 : 1;
  if (typeof value === "number") return String(value / unit);
  if (Array.isArray(value)) return value.map((bound) => textOf(name, bound)).join("-");
  return String(value);
}

/**
 * Returns the faults among values, as options of the proxy and as plain data.
 *
 * @param values The values.
 * @param framing The framing of the messages, if none is among the values. The proxy needs it to let one message through.
 */
export function faultsOf({ seed: _, ...values }: Partial<SceneValues>, framing?: string | undefined): FaultOptions {
  return given({ ...values, framing: values.framing ?? framing });
}

/** Picks the values of a scene that are given among the values of a command. */
export function given(values: Partial<SceneValues>): Partial<SceneValues> {
  const entries = Object.entries(values).filter(([name, value]) =>
    value !== undefined && Object.hasOwn(SCENE_OPTIONS, name)
  );
  return Object.fromEntries(entries);
}
