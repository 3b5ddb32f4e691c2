// Runs nats-server, with its files in a folder of its own below the system's folder for temporary files.

import { type ClusterInfo, jetstreamManager } from "@nats-io/jetstream";
import { connectNats } from "../../services/chat/_nats_connection.ts";
import { ChildProcess } from "./child_process.ts";
import { freePort, untilListening } from "./ports.ts";

/** How to get nats-server, for a machine without it. */
export const NATS_ADVICE = "apt-get install nats-server, or see https://nats.io/download";

/** The beginning of the names of a cluster's nodes. */
const NODE = "node";

/** Whether this machine has nats-server. */
export function hasNatsServer(): boolean {
  try {
    return new Deno.Command("nats-server", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

/** A NATS server with JetStream. Disposing of it kills it and removes its files. */
export class NatsServer implements AsyncDisposable {
  /** The port that it listens at, also after a restart. */
  readonly port: number;
  readonly #folder: string;
  readonly #command: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string, command: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#command = command;
  }

  /**
   * Starts a server, and waits until it listens.
   *
   * @param args Its arguments.
   * @param wrapper A command to put before it.
   */
  static async start(args: readonly string[] = ["-js"], wrapper: readonly string[] = []): Promise<NatsServer> {
    const folder = await run("mktemp", "-d", "/tmp/wirebench-nats-XXXXXX");
    const server = new NatsServer(freePort(), folder, [...wrapper, "nats-server", ...args]);
    await server.restart();
    return server;
  }

  /** Its address. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Its process id, while it runs. */
  get pid(): number {
    return this.#process?.pid ?? NaN;
  }

  /** Sends it a signal. */
  signal(signal: Deno.Signal): void {
    this.#process?.signal(signal);
  }

  /** Kills it, and waits until it has ended. */
  async kill(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = undefined;
  }

  /** Starts it again after it has been killed. */
  async restart(): Promise<void> {
    const [program, ...args] = this.#command;
    const listen = ["-a", "127.0.0.1", "-p", String(this.port), "-sd", this.#folder];
    const quiet = { stdin: "null", stdout: "null", stderr: "null" } as const;
    this.#process = new ChildProcess(new Deno.Command(program!, { args: [...args, ...listen], ...quiet }).spawn());
    await untilListening(this.port);
  }

  /** Copies what it has stored, while it does not run. Returns how to put the copy in its place. */
  async save(): Promise<() => Promise<void>> {
    const copy = `${this.#folder}/saved`;
    await run("cp", "-r", `${this.#folder}/jetstream`, copy);
    return async () => {
      await run("rm", "-r", `${this.#folder}/jetstream`);
      await run("mv", copy, `${this.#folder}/jetstream`);
    };
  }

  /** Removes what it has stored, while it does not run. */
  async wipe(): Promise<void> {
    await run("rm", "-r", this.#folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.wipe();
  }
}

/** Three servers that keep each log on all of them. */
export class NatsCluster implements AsyncDisposable {
  /** The servers. */
  readonly nodes: readonly NatsServer[];

  private constructor(nodes: readonly NatsServer[]) {
    this.nodes = nodes;
  }

  /** Starts the servers, and waits until they listen. Electing a leader takes a second or two more. */
  static async start(wrapper: readonly string[] = []): Promise<NatsCluster> {
    const ports = Array.from({ length: 3 }, () => freePort());
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
    const starting = routes.map((route, index) => {
      const name = ["-js", "--server_name", `${NODE}${index + 1}`, "--cluster_name", "wirebench"];
      return NatsServer.start([...name, "--cluster", route, "--routes", routes.join(",")], wrapper);
    });
    return new NatsCluster(await Promise.all(starting));
  }

  /** The node that leads the log of a room. */
  async leaderOf(room: string): Promise<NatsServer> {
    const { leader } = await this.#clusterOf(room) ?? {};
    const node = this.nodes[Number(leader?.slice(NODE.length)) - 1];
    if (node === undefined) throw new Error(`No node leads the room ${room}`);
    return node;
  }

  /** Whether all nodes have all of the log of a room. */
  async isCurrent(room: string): Promise<boolean> {
    const { replicas = [] } = await this.#clusterOf(room) ?? {};
    return replicas.length === this.nodes.length - 1 && replicas.every(({ current, offline }) => current && !offline);
  }

  async #clusterOf(room: string): Promise<ClusterInfo | undefined> {
    for (const { port } of this.nodes) {
      try {
        const connection = await connectNats({ hostname: "127.0.0.1", port }, { servers: [] }, "wirebench");
        try {
          const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 1000 });
          return (await manager.streams.info(`chat_${room}`)).cluster;
        } finally {
          await connection.close();
        }
      } catch {
        // This node is away, or there is no leader.
      }
    }
    return undefined;
  }

  /** The address of all servers. */
  get url(): string {
    return this.nodes.map(({ url }) => url).join(",");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node[Symbol.asyncDispose]()));
  }
}

/** Runs a program, and returns its output. */
async function run(program: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).trim();
}
