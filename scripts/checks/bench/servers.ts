import type { Level } from "../../../lib/log/mod.ts";
import { ChildProcess } from "../../shared/child_process.ts";
import { freePort, untilListening } from "../../shared/ports.ts";
import { command } from "../../shared/processes.ts";
import { within } from "../../shared/within.ts";
import { errorLine, PEERS } from "./compile.ts";
import type { Round } from "./generator.ts";
import type { Service } from "./workloads.ts";

/** A running server, or several that serve together. Disposing of it kills them. */
export interface Server extends AsyncDisposable {
  ports: readonly number[];
  pids: readonly number[];
  /** Measures itself for some seconds, without the generator. */
  run?(seconds: number): Promise<Round>;
}

/**
 * Starts a service of this project. It usually logs warnings only, as the peers write no log. So it cannot log its port
 * either, and gets one that was free just before.
 *
 * @param wrapper A command to put before Deno, to pin the server to a core.
 * @param level The least important level that it logs.
 * @param more More arguments.
 */
export async function startOwn(
  service: Service,
  wrapper: string[],
  level: Level = "warning",
  more: string[] = [],
): Promise<Server> {
  const transport = service === "uppercase" ? "udp" : "tcp";
  const port = freePort(transport);
  const limits = transport === "tcp" ? ["--max-connections", "10000"] : [];
  const args = ["--port", String(port), "--log-level", level, ...limits, ...more];
  const streams = { stdin: "null", stdout: "null", stderr: "inherit" } as const;
  const server = new ChildProcess(command(service, "server", { args, wrapper, streams }, []).spawn());
  return await ready(server, async () => {
    await untilListening(port, transport);
    return port;
  });
}

/**
 * Starts the proxy in front of an echo server.
 *
 * @param wrapper A command to put before the proxy.
 * @param behind A command to put before the echo server.
 * @param recording The file for a recording.
 */
export async function startProxy(wrapper: string[], behind: string[], recording?: string): Promise<Server> {
  await using started = new AsyncDisposableStack();
  const target = started.use(await startOwn("echo", behind));
  const port = freePort();
  const [listen, to] = [port, target.ports[0]!].map((port) => `tcp://127.0.0.1:${port}`);
  const args = ["--listen", listen!, "--to", to!, "--log-level", "warning"];
  const record = recording === undefined ? [] : ["--record", recording];
  const permissions = ["-P=proxy", ...(recording === undefined ? [] : [`--allow-write=${recording}`])];
  const streams = { stdin: "null", stdout: "null", stderr: "inherit" } as const;
  const options = { args: [...args, ...record], wrapper, permissions, streams };
  const proxy = started.use(new ChildProcess(command("proxy", "server", options, []).spawn()));
  await untilListening(port);
  const running = started.move();
  return { ports: [port], pids: [proxy.pid], [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** Starts a peer's server, which prints its port once it listens. */
export async function startPeer(peer: string[]): Promise<Server> {
  const server = new ChildProcess(spawnPeer(peer, "inherit"));
  return await ready(server, async () => {
    const port = await within(server.line(), `the port of ${peer.join(" ")}`);
    if (port === undefined) throw new Error(`${peer.join(" ")} ended without printing a port`);
    return Number(port);
  });
}

/** Tries to start a peer's server. Returns why that failed; `undefined` on success. */
export async function tryPeer(peer: string[]): Promise<string | undefined> {
  await using server = new ChildProcess(spawnPeer(peer, "piped"));
  const stderr = new Response(server.process.stderr).text();
  const port = await within(server.line(), `the port of ${peer.join(" ")}`);
  if (port !== undefined) server.signal("SIGKILL");
  const output = await stderr;
  return port === undefined ? `it does not start: ${errorLine(output)}` : undefined;
}

function spawnPeer([program, ...args]: string[], stderr: "inherit" | "piped"): Deno.ChildProcess {
  return new Deno.Command(program!, { args, cwd: PEERS, stdin: "null", stdout: "piped", stderr }).spawn();
}

async function ready(server: ChildProcess, untilReady: () => Promise<number>): Promise<Server> {
  try {
    const ports = [await untilReady()];
    return { ports, pids: [server.pid], [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
