import { TextLineStream } from "@std/streams/text-line-stream";
import { command, within } from "../../shared/processes.ts";
import { type Pinning, tryProgram } from "./system.ts";
import type { Service, Workload } from "./workloads.ts";

/** Whom the services are measured against. */
export const COMPETITORS = ["c", "bare", "go", "node", "bun", "asyncio", "uvloop", "streams", "loop"] as const;

/** A competitor's name on the command line. */
export type CompetitorName = typeof COMPETITORS[number];

/** This project's own place among them. */
export const OWN = "wirebench";

/** Someone who serves. */
export interface Competitor {
  name: CompetitorName | typeof OWN;
  title: string;
  /** The program it runs in, and its version. */
  version: string;
  serves(workload: Workload): boolean;
  start(service: Service): Promise<Server>;
}

/** A running server. Disposing of it ends it. */
export interface Server extends AsyncDisposable {
  port: number;
  pid: number;
}

/** Who cannot take part, and why. */
export interface Missing {
  name: CompetitorName;
  reason: string;
}

/** Where the peers' sources are. */
export const PEERS = new URL("./peers/", import.meta.url);

const TITLES: Record<CompetitorName, string> = {
  c: "C, epoll",
  bare: "Deno, bare",
  go: "Go",
  node: "Node",
  bun: "Bun",
  asyncio: "asyncio",
  uvloop: "uvloop",
  streams: "asyncio readline",
  loop: "Python, plain",
};

/** The services of this project, as their tasks run them. */
export function own(pinning: Pinning | undefined): Competitor {
  return {
    name: OWN,
    title: "Wirebench",
    version: `Deno ${Deno.version.deno}`,
    serves: () => true,
    start: (service) => OwnProcess.start(service, pinning?.server ?? []),
  };
}

/**
 * Finds who can take part, and compiles what has to be.
 *
 * @param wanted Whom to look for.
 * @param folder Where to put what is compiled.
 * @param pinning What keeps a server on its core.
 */
export async function findCompetitors(
  wanted: readonly CompetitorName[],
  folder: string,
  pinning: Pinning | undefined,
): Promise<{ present: Competitor[]; missing: Missing[] }> {
  const present: Competitor[] = [];
  const missing: Missing[] = [];
  for (const name of COMPETITORS.filter((name) => wanted.includes(name))) {
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
      serves: ({ service, measure }) => {
        if (name === "bare") return service === "echo" || service === "uppercase" || service === "lines";
        if (name === "streams") return service === "delimited";
        if (name === "loop") return service === "uppercase" || measure === "start";
        return service !== "lines";
      },
      start: (service) => PeerProcess.start([...(pinning?.server ?? []), ...command, service]),
    });
  }
  return { present, missing };
}

interface Found {
  version: string;
  command: string[];
}

/** What runs a competitor's server, tried with one service that it has, or why nothing does. */
async function findRunning(name: CompetitorName, folder: string): Promise<Found | string> {
  const found = await find(name, folder);
  if (typeof found === "string") return found;
  const service: Service = name === "streams" ? "delimited" : "uppercase";
  return await PeerProcess.faultOf([...found.command, service]) ?? found;
}

/** What should run a competitor's server, or why nothing does. */
async function find(name: CompetitorName, folder: string): Promise<Found | string> {
  switch (name) {
    case "c": {
      const fault = await compileC("server.c", `${folder}/server-c`);
      if (fault !== undefined) return fault;
      const { stdout } = (await tryProgram("gcc", ["-dumpfullversion"]))!;
      return { version: `gcc ${stdout.trim()} -O2`, command: [`${folder}/server-c`] };
    }
    case "bare": {
      const command = [Deno.execPath(), "run", "-q", "--unstable-net", "--allow-net=127.0.0.1", "bare.ts"];
      return { version: `Deno ${Deno.version.deno}`, command };
    }
    case "go": {
      const version = await tryProgram("go", ["env", "GOVERSION"]);
      if (!version?.success) return "no go";
      const built = await tryProgram("go", ["build", "-o", `${folder}/server-go`, "server.go"], PEERS);
      if (!built!.success) return `server.go does not compile: ${faultIn(built!.stderr)}`;
      return { version: version.stdout.trim(), command: [`${folder}/server-go`] };
    }
    case "node":
    case "bun": {
      // Where there is no node, the runtime runs itself in its place.
      const asked = name === "node" ? ["-p", "process.versions.deno ? '' : process.version"] : ["--version"];
      const version = await tryProgram(name, asked);
      if (!version?.stdout.trim()) return `no ${name}`;
      return { version: `${TITLES[name]} ${version.stdout.trim().replace(/^v/, "")}`, command: [name, "server.mjs"] };
    }
    default: {
      // The executable itself: what a version manager puts into the path may be a script that starts slowly.
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

/** Compiles one of the peers' sources; says why if it cannot. */
export async function compileC(source: string, target: string): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "it uses epoll, which is Linux's";
  const compiled = await tryProgram("gcc", ["-O2", "-o", target, source], PEERS);
  if (compiled === undefined) return "no gcc";
  return compiled.success ? undefined : `${source} does not compile: ${faultIn(compiled.stderr)}`;
}

/** The line of what a compiler or a runtime says that tells what is wrong. */
function faultIn(stderr: string): string {
  return /^.*(?:error|:\d+:\d+:).*$/im.exec(stderr)?.[0] ?? stderr.trim().split("\n").at(-1)!;
}

/** A server that is ended when it is disposed of. */
abstract class ServingProcess implements Server {
  abstract readonly port: number;
  readonly pid: number;
  readonly #process: Deno.ChildProcess;

  constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.pid = process.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.#process.status;
  }
}

/**
 * A service of this project, which says nothing of what goes well: the peers write no log, and a line for each message
 * would be what is measured. So it cannot say its port either, and gets one that was free a moment before.
 */
class OwnProcess extends ServingProcess {
  private constructor(process: Deno.ChildProcess, readonly port: number) {
    super(process);
  }

  static async start(service: Service, wrapper: string[]): Promise<OwnProcess> {
    const udp = service === "uppercase";
    const port = freePort(udp);
    const limits = udp ? [] : ["--max-connections", "10000"];
    const args = ["--port", String(port), "--log-level", "warning", ...limits];
    const streams = { stdin: "null", stdout: "null", stderr: "inherit" } as const;
    const server = new OwnProcess(command(service, "server", { args, wrapper, streams }, []).spawn(), port);
    try {
      await within(udp ? untilAnswered(port) : untilListening(port), `${service} to listen at ${port}`);
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }
}

function freePort(udp: boolean): number {
  const hostname = "127.0.0.1";
  using socket = udp ? undefined : Deno.listen({ hostname, port: 0 });
  if (socket !== undefined) return socket.addr.port;
  const datagrams = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  datagrams.close();
  return (datagrams.addr as Deno.NetAddr).port;
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    try {
      return (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

async function untilAnswered(port: number): Promise<void> {
  const hostname = "127.0.0.1";
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  const asking = setInterval(() => void socket.send(new Uint8Array(1), { transport: "udp", hostname, port }), 5);
  try {
    await socket.receive();
  } finally {
    clearInterval(asking);
    socket.close();
  }
}

/** A peer's server, which prints its port when it listens. */
class PeerProcess extends ServingProcess {
  private constructor(process: Deno.ChildProcess, readonly port: number) {
    super(process);
  }

  /** Why a server does not start; `undefined` if it does. */
  static async faultOf([program, ...args]: string[]): Promise<string | undefined> {
    const options = { args, cwd: PEERS, stdin: "null", stdout: "piped", stderr: "piped" } as const;
    await using process = new Deno.Command(program!, options).spawn();
    const stderr = new Response(process.stderr).text();
    const stdout = process.stdout.getReader();
    const { done } = await within(stdout.read(), `the port of ${program} ${args.join(" ")}`);
    await stdout.cancel();
    if (!done) process.kill("SIGKILL");
    const said = await stderr;
    return done ? `it does not start: ${faultIn(said)}` : undefined;
  }

  static async start([program, ...args]: string[]): Promise<PeerProcess> {
    const options = { args, cwd: PEERS, stdin: "null", stdout: "piped", stderr: "inherit" } as const;
    const process = new Deno.Command(program!, options).spawn();
    const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    const { value } = await within(lines.read(), `the port of ${program} ${args.join(" ")}`);
    const server = new PeerProcess(process, Number(value));
    await lines.cancel();
    if (value !== undefined) return server;
    await server[Symbol.asyncDispose]();
    throw new Error(`${program} ${args.join(" ")} ended without a port`);
  }
}
