/**
 * Writes the permission sets of all services into deno.json. The other sets there are written by hand.
 *
 * @module
 */

import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";

/** The part of deno.json that matters here. */
interface Config {
  exports: Record<string, string>;
  permissions: Record<string, PermissionSet>;
}

/** A permission set: the grants of each kind. */
export type PermissionSet = Record<string, string[] | true>;

/** Imports from no host: nothing listens at port 0. Without a list, `import()` may load from hosts that Deno trusts. */
export const NO_IMPORTS = ["127.0.0.1:0"];

const LOOPBACK = ["127.0.0.0/8", "[::1]", "localhost"];

/** Services over UDP. They use neither certificates nor a Unix socket. */
const NETWORK_ONLY = ["uppercase", "udp-chat"];
/** Services whose server has no workers, and so does not read its own source. */
const WITHOUT_WORKERS = ["chat"];
/** Services without a client. Their set has the name of the service. */
const SERVER_ONLY = ["proxy"];

/** The permission set of one side of a service. */
function setOf(service: string, side: "server" | "client"): PermissionSet {
  if (NETWORK_ONLY.includes(service)) return { import: NO_IMPORTS, net: LOOPBACK };
  // Recordings are all that a proxy writes. Its Unix sockets need grants, as they have no path of their own.
  if (service === "proxy") return { import: NO_IMPORTS, net: LOOPBACK, write: ["recordings"] };
  const socket = `/tmp/wirebench-${service}.sock`;
  const isServer = side === "server";
  const source = isServer && !WITHOUT_WORKERS.includes(service)
    ? ["lib", `services/${service.replaceAll("-", "_")}`]
    : [];
  return {
    import: NO_IMPORTS,
    net: [...LOOPBACK, `unix:${socket}`],
    read: [...source, isServer ? "certs" : "certs/ca.pem", socket],
    write: [socket],
  };
}

/** The permission sets of all services that deno.json exports, by name. */
export function permissionSets({ exports }: Pick<Config, "exports">): Record<string, PermissionSet> {
  const sets: Record<string, PermissionSet> = {};
  for (const [name, path] of Object.entries(exports)) {
    if (!path.startsWith("./services/")) continue;
    const service = name.slice("./".length);
    if (SERVER_ONLY.includes(service)) sets[service] = setOf(service, "server");
    else for (const side of ["server", "client"] as const) sets[`${service}-${side}`] = setOf(service, side);
  }
  return sets;
}

/** Formats a value as JSON with each array on one line, which `deno fmt` keeps if it fits. */
function format(value: unknown, indent = ""): string {
  if (Array.isArray(value)) return `[${value.map((item) => format(item)).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const entries = Object.entries(value).map(([key, value]) => `${inner}"${key}": ${format(value, inner)}`);
  return `{\n${entries.join(",\n")}\n${indent}}`;
}

if (import.meta.main) {
  await runTask(
    { ...task("permissions"), summary: "Writes the permission sets of all services into deno.json.", options: {} },
    "warning",
    async () => {
      const config: Config = JSON.parse(await Deno.readTextFile("deno.json"));
      Object.assign(config.permissions, permissionSets(config));
      await Deno.writeTextFile("deno.json", `${format(config)}\n`);
    },
  );
}
