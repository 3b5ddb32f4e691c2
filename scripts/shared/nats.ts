// Runs nats-server, with its files in a folder of its own below the system's folder for temporary files.

import { ChildProcess } from "./child_process.ts";
import { freePort, untilListening } from "./ports.ts";

/** How to get nats-server, for a machine without it. */
export const NATS_ADVICE = "apt-get install nats-server, or see https://nats.io/download";

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
  readonly #args: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(port: number, folder: string, args: readonly string[]) {
    this.port = port;
    this.#folder = folder;
    this.#args = args;
  }

  /** Starts a server, and waits until it listens. */
  static async start(args: readonly string[] = ["-js"]): Promise<NatsServer> {
    const server = new NatsServer(freePort(), await run("mktemp", "-d", "/tmp/wirebench-nats-XXXXXX"), args);
    await server.restart();
    return server;
  }

  /** Its process id, while it runs. */
  get pid(): number {
    return this.#process!.pid;
  }

  /** Its address. */
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
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
    const listen = ["-a", "127.0.0.1", "-p", String(this.port), "-sd", this.#folder];
    this.#process = new ChildProcess(
      new Deno.Command("nats-server", {
        args: [...listen, ...this.#args],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      })
        .spawn(),
    );
    await untilListening(this.port);
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
  static async start(): Promise<NatsCluster> {
    const ports = Array.from({ length: 3 }, () => freePort());
    const routes = ports.map((port) => `nats://127.0.0.1:${port}`);
    const starting = routes.map((route, index) => {
      const name = ["-js", "--server_name", `node${index + 1}`, "--cluster_name", "wirebench"];
      return NatsServer.start([...name, "--cluster", route, "--routes", routes.join(",")]);
    });
    return new NatsCluster(await Promise.all(starting));
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
