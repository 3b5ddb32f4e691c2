import { TextLineStream } from "@std/streams/text-line-stream";
import { compileC, PEERS } from "./competitors.ts";
import type { Pinning } from "./system.ts";
import type { Load } from "./workloads.ts";

/** What the generator says of a round. */
export interface Round {
  operations: number;
  seconds: number;
  /** Its own use of the processor, as a share of one core. */
  cpu: number;
  lost: number;
  /** Operations of one connection. */
  min: number;
  median: number;
  max: number;
  /** How long the polite connection's round trips took, in milliseconds. */
  polite?: { median: number; worst: number };
}

/** The generator as a program of its own: in C where it can be compiled, or it would be what is measured. */
export class Generator {
  /** What it is, for people. */
  readonly title: string;
  readonly #command: string[];
  readonly #stop: AbortSignal;

  private constructor(title: string, command: string[], stop: AbortSignal) {
    this.title = title;
    this.#command = command;
    this.#stop = stop;
  }

  /** Compiles it, if that is possible; `stop` ends whatever it is doing. */
  static async make(folder: string, pinning: Pinning | undefined, stop: AbortSignal): Promise<Generator> {
    const before = pinning?.generator ?? [];
    const fault = await compileC("load.c", `${folder}/load`);
    if (fault === undefined) return new Generator("in C", [...before, `${folder}/load`], stop);
    const deno = [Deno.execPath(), "run", "-q", "--no-prompt", "-P=load", "scripts/checks/bench/load.ts"];
    return new Generator(`in Deno, which is slower than a server in C (${fault})`, [...before, ...deno], stop);
  }

  #spawn(
    { kind, connections, size, inFlight, talkers = 0, polite = false }: Load,
    port: number,
    seconds: number,
  ): Deno.ChildProcess {
    const numbers = [port, connections, size, inFlight, seconds, talkers, Number(polite)];
    const [program, ...args] = [...this.#command, kind, ...numbers.map(String)];
    const cwd = new URL("../../../..", PEERS);
    const piped = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    return new Deno.Command(program!, { args, cwd, signal: this.#stop, ...piped }).spawn();
  }

  /**
   * Puts a load on a server for some seconds.
   *
   * @throws {Error} If an answer was wrong, or did not come.
   */
  async run(load: Load, port: number, seconds: number): Promise<Round> {
    const process = this.#spawn(load, port, seconds);
    await process.stdin.close();
    const { success, stdout, stderr } = await process.output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(decoder.decode(stderr).trim() || "the generator was ended");
    return JSON.parse(decoder.decode(stdout));
  }

  /** Holds connections that have had one answer each, while something else is done. */
  async hold<Value>(load: Load, port: number, run: () => Promise<Value>): Promise<Value> {
    const process = this.#spawn({ ...load, kind: "idle" }, port, 0);
    const stderr = new Response(process.stderr).text();
    const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    try {
      const { value } = await lines.read();
      if (value !== "ready") throw new Error((await stderr).trim() || "the generator was ended");
      return await run();
    } finally {
      await lines.cancel();
      await process.stdin.close().catch(() => {});
      await stderr;
      await process.status;
    }
  }
}
