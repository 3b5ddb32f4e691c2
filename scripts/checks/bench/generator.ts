import { ChildProcess } from "../../shared/child_process.ts";
import { compileC, PEERS } from "./compile.ts";
import type { Pinning } from "./machine.ts";
import type { Load } from "./workloads.ts";

/** The generator's result of a round, as it prints it. */
export interface Round {
  operations: number;
  seconds: number;
  /** The generator's processor time, as a share of one core. */
  cpu: number;
  lost: number;
  /** Operations of one connection. */
  min: number;
  median: number;
  max: number;
  /** The round-trip time of the polite connection, in milliseconds. */
  polite?: { median: number; worst: number };
}

/** The load generator, a separate program: in C if it can be compiled, as one in Deno would limit the rate. */
export class Generator {
  /** What it is written in, for the report. */
  readonly title: string;
  readonly #command: string[];
  readonly #stop: AbortSignal;

  private constructor(title: string, command: string[], stop: AbortSignal) {
    this.title = title;
    this.#command = command;
    this.#stop = stop;
  }

  /** Compiles it if possible. Aborting `stop` ends a running round. */
  static async make(folder: string, pinning: Pinning | undefined, stop: AbortSignal): Promise<Generator> {
    const before = pinning?.generator ?? [];
    const error = await compileC("load.c", `${folder}/load`);
    if (error === undefined) return new Generator("in C", [...before, `${folder}/load`], stop);
    const deno = [Deno.execPath(), "run", "-q", "--no-prompt", "-P=load", "scripts/checks/bench/load.ts"];
    return new Generator(`in Deno, which is slower than a server in C (${error})`, [...before, ...deno], stop);
  }

  #start(
    { kind, connections, size, inFlight, talkers = 0, polite = false }: Load,
    ports: readonly number[],
    seconds: number,
  ): ChildProcess {
    const numbers = [connections, size, inFlight, seconds, talkers, Number(polite)];
    const [program, ...args] = [...this.#command, kind, ports.join(","), ...numbers.map(String)];
    const cwd = new URL("../../../..", PEERS);
    const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    return new ChildProcess(new Deno.Command(program!, { args, cwd, signal: this.#stop, ...piped }).spawn());
  }

  /**
   * Puts a load on a server, or on all servers of a chat, for some seconds.
   *
   * @throws {Error} If an answer was wrong or missing.
   */
  async run(load: Load, ports: readonly number[], seconds: number): Promise<Round> {
    const { process } = this.#start(load, ports, seconds);
    await process.stdin.close();
    const { success, stdout, stderr } = await process.output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(errorIn(decoder.decode(stderr)));
    return JSON.parse(decoder.decode(stdout));
  }

  /** Opens connections, has each answered once, and holds them open while `run` runs. */
  async hold<Value>(load: Load, ports: readonly number[], run: () => Promise<Value>): Promise<Value> {
    await using generator = this.#start({ ...load, kind: "idle" }, ports, 0);
    const stderr = new Response(generator.process.stderr).text();
    try {
      if (await generator.line() !== "ready") throw new Error(errorIn(await stderr));
      return await run();
    } finally {
      await generator.process.stdin.close().catch(() => {});
    }
  }
}

function errorIn(stderr: string): string {
  return stderr.trim() || "the generator was ended";
}
