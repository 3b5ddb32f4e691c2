import { hasNatsServer } from "../../shared/nats.ts";
import { outputOf, tryProgram } from "../../shared/system.ts";
import { compileC, errorLine, PEERS } from "./compile.ts";
import type { Pinning } from "./machine.ts";
import { type CompetitorName, COMPETITORS, OWN } from "./names.ts";
import { type Server, startOwn, startPeer, startProxy, tryPeer } from "./servers.ts";
import { startBatches, startOverNats } from "./over_nats.ts";
import type { OverNats, Service, Workload } from "./workloads.ts";

/** A family of servers to measure. */
export interface Competitor {
  name: CompetitorName | typeof OWN;
  title: string;
  /** The name and version of its compiler or runtime. */
  version: string;
  serves(workload: Workload): boolean;
  start(service: Service, nats?: OverNats): Promise<Server>;
}

/** A competitor that cannot run on this machine. */
export interface Missing {
  name: string;
  reason: string;
}

const TITLES: Record<CompetitorName, string> = {
  logged: "Wirebench, log",
  recorded: "Wirebench, --record",
  c: "C, epoll",
  bare: "Deno, bare",
  library: "Wirebench, plain loop",
  go: "Go",
  node: "Node",
  bun: "Bun",
  asyncio: "asyncio",
  uvloop: "uvloop",
  streams: "asyncio readline",
  loop: "Python, plain",
  embedded: "Wirebench, without NATS",
  batches: "NATS, 64 KiB batches",
  publisher: "NATS, nobody follows",
};

/** The services of this project, started as their tasks start them. */
export function own(pinning: Pinning | undefined): Competitor {
  return {
    name: OWN,
    title: "Wirebench",
    version: `Deno ${Deno.version.deno}`,
    serves: ({ nats }) => nats === undefined || hasNatsServer(),
    start: (service, nats) => {
      const { server = [], generator = [] } = pinning ?? {};
      if (nats !== undefined) return startOverNats(nats);
      return service === "proxy" ? startProxy(server, generator) : startOwn(service, server);
    },
  };
}

/** The same services with their default log, a line for each message, written to a file. */
function logged(folder: string, pinning: Pinning | undefined): Competitor {
  const toFile = ["sh", "-c", 'exec "$@" 2>"$0"', `${folder}/log`, ...(pinning?.server ?? [])];
  return {
    ...own(pinning),
    name: "logged",
    title: TITLES.logged,
    serves: ({ service, measure, nats }) =>
      nats === undefined && measure === "rate" && (service === "chat" || service === "delimited"),
    start: (service) => startOwn(service, toFile, "info"),
  };
}

/** What a chat over NATS is compared with: the chat of one server, and programs that append batches to a log of NATS. */
const BESIDE_NATS = ["embedded", "batches", "publisher"] as const;

/** Servers of one of these. */
async function besideNats(name: typeof BESIDE_NATS[number]): Promise<Competitor> {
  return {
    name,
    title: TITLES[name],
    version: name === "embedded" ? `Deno ${Deno.version.deno}` : await outputOf("nats-server", "--version"),
    serves: ({ nats }) => nats !== undefined && hasNatsServer(),
    start: (service, nats) => name === "embedded" ? startOwn(service, []) : startBatches(nats!, name === "batches"),
  };
}

function isBesideNats(name: CompetitorName): name is typeof BESIDE_NATS[number] {
  return (BESIDE_NATS as readonly string[]).includes(name);
}

/** The proxy, which also writes a recording. */
function recorded(folder: string, pinning: Pinning | undefined): Competitor {
  const { server = [], generator = [] } = pinning ?? {};
  return {
    ...own(pinning),
    name: "recorded",
    title: TITLES.recorded,
    serves: ({ service }) => service === "proxy",
    start: () => startProxy(server, generator, `${folder}/recording.jsonl`),
  };
}

/**
 * Finds the competitors that can run on this machine, and compiles those in C and Go.
 *
 * @param wanted The competitors to look for.
 * @param folder The folder for compiled programs.
 * @param pinning How to pin a server to a core.
 */
export async function findCompetitors(
  wanted: readonly CompetitorName[],
  folder: string,
  pinning: Pinning | undefined,
): Promise<{ present: Competitor[]; missing: Missing[] }> {
  const present: Competitor[] = [];
  const missing: Missing[] = [];
  for (const name of COMPETITORS.filter((name) => wanted.includes(name))) {
    if (name === "logged" || name === "recorded") {
      present.push({ logged, recorded }[name](folder, pinning));
      continue;
    }
    if (isBesideNats(name)) {
      if (hasNatsServer()) present.push(await besideNats(name));
      continue;
    }
    const found = await findRunning(name, folder);
    if (typeof found === "string") {
      missing.push({ name, reason: found });
      continue;
    }
    const { version, command } = found;
    present.push({
      name,
      title: TITLES[name],
      version,
      serves: ({ service, measure, nats }) => {
        if (service === "proxy" || nats !== undefined) return false;
        if (name === "library") return service === "lines" && measure === "rate";
        if (name === "bare") return service === "echo" || service === "uppercase" || service === "lines";
        if (name === "streams") return service === "delimited";
        if (name === "loop") return service === "uppercase" || measure === "start";
        return service !== "lines";
      },
      start: (service) => startPeer([...(pinning?.server ?? []), ...command, service]),
    });
  }
  return { present, missing };
}

/** A competitor that is another program. */
type Peer = Exclude<CompetitorName, "logged" | "recorded" | typeof BESIDE_NATS[number]>;

interface Found {
  version: string;
  command: string[];
}

/** The command of a competitor's server, tried with one of its services, or why it does not run. */
async function findRunning(name: Peer, folder: string): Promise<Found | string> {
  const found = await find(name, folder);
  if (typeof found === "string") return found;
  const service: Service = name === "streams" ? "delimited" : "uppercase";
  return await tryPeer([...found.command, service]) ?? found;
}

/** The command of a competitor's server, or why there is none. */
async function find(name: Peer, folder: string): Promise<Found | string> {
  switch (name) {
    case "c": {
      const error = await compileC("server.c", `${folder}/server-c`);
      if (error !== undefined) return error;
      const { stdout } = (await tryProgram("gcc", ["-dumpfullversion"]))!;
      return { version: `gcc ${stdout.trim()} -O2`, command: [`${folder}/server-c`] };
    }
    case "bare":
    case "library": {
      const command = [Deno.execPath(), "run", "-q", "--unstable-net", "--allow-net=127.0.0.1", `${name}.ts`];
      return { version: `Deno ${Deno.version.deno}`, command };
    }
    case "go": {
      const version = await tryProgram("go", ["env", "GOVERSION"]);
      if (!version?.success) return "no go";
      const built = await tryProgram("go", ["build", "-o", `${folder}/server-go`, "server.go"], PEERS);
      if (!built!.success) return `server.go does not compile: ${errorLine(built!.stderr)}`;
      return { version: version.stdout.trim(), command: [`${folder}/server-go`] };
    }
    case "node":
    case "bun": {
      // Where Node is not installed, Deno answers to its name.
      const asked = name === "node" ? ["-p", "process.versions.deno ? '' : process.version"] : ["--version"];
      const version = await tryProgram(name, asked);
      if (!version?.stdout.trim()) return `no ${name}`;
      return { version: `${TITLES[name]} ${version.stdout.trim().replace(/^v/, "")}`, command: [name, "server.mjs"] };
    }
    default: {
      // The executable itself: the one on the path may be a version manager's script, which starts slowly.
      const print = "import sys; print(sys.executable); print(sys.version.split()[0])";
      const python = await tryProgram("python3", ["-c", print]);
      if (!python?.success) return "no python3";
      const [executable = "", version] = python.stdout.trim().split("\n");
      const command = [executable, "server.py", name];
      if (name !== "uvloop") return { version: `Python ${version}`, command };
      const uvloop = await tryProgram(executable, ["-c", "import uvloop; print(uvloop.__version__)"]);
      if (!uvloop?.success) return "this python3 has no uvloop";
      return { version: `Python ${version}, uvloop ${uvloop.stdout.trim()}`, command };
    }
  }
}
