import type { Level } from "../../../lib/log/mod.ts";
import { ChildProcess } from "../../shared/child_process.ts";
import { NatsCluster, NatsServer } from "../../shared/nats.ts";
import { freePort, untilListening } from "../../shared/ports.ts";
import { command } from "../../shared/processes.ts";
import { within } from "../../shared/within.ts";
import { errorLine, PEERS } from "./compile.ts";
import type { Service } from "./workloads.ts";

/** A running server. Disposing of it kills it. */
export interface Server extends AsyncDisposable {
  port: number;
  pid: number;
  /** The ports of all servers that share the load, and all processes that take part. */
  ports?: readonly number[];
  pids?: readonly number[];
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
 * Starts chat servers that share a room over NATS.
 *
 * @param count Number of chat servers.
 * @param replicas Number of NATS servers, all of which keep the room: 1 or 3.
 * @param wrapper A command to put before each server.
 */
export async function startCluster(count: number, replicas: 1 | 3, wrapper: string[]): Promise<Server> {
  await using stack = new AsyncDisposableStack();
  const nats = stack.use(await (replicas === 1 ? NatsServer.start(["-js"], wrapper) : NatsCluster.start(wrapper)));
  const nodes = "nodes" in nats ? nats.nodes : [nats];
  const args = ["--nats", nats.url, "--nats-replicas", String(replicas)];
  const servers: Server[] = [];
  for (let index = 0; index < count; index++) servers.push(stack.use(await startOwn("chat", wrapper, "warning", args)));
  const started = stack.move();
  return {
    port: servers[0]!.port,
    pid: servers[0]!.pid,
    ports: servers.map(({ port }) => port),
    pids: [...servers, ...nodes].map(({ pid }) => pid),
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

/** Starts nats-server. */
export async function startNats(wrapper: string[]): Promise<Server> {
  return await NatsServer.start(["-js"], wrapper);
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
    return Object.assign(server, { port: await untilReady() });
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
