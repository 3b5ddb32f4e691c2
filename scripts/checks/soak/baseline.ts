import { TextLineStream } from "@std/streams/text-line-stream";
import type { Random } from "../../../services/proxy/random.ts";
import { within } from "../../shared/processes.ts";
import { noTally, type Tally, TRADES } from "./correct.ts";

const BARE = new URL("../bench/peers/bare.ts", import.meta.url).href;
const echo = TRADES.find(({ service }) => service === "echo")!;

/**
 * A bare echo server that is not attacked, beside the one that is. The latency of its client is the part that is due to
 * the machine, whose processors the attack keeps busy.
 */
export class Baseline implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #port: number;

  private constructor(process: Deno.ChildProcess, port: number) {
    this.#process = process;
    this.#port = port;
  }

  /** Starts it. */
  static async start(): Promise<Baseline> {
    const args = ["run", "-q", "--no-prompt", "--allow-net=127.0.0.1", BARE, "echo"];
    const process = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
    const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    const { value } = await within(lines[Symbol.asyncIterator]().next(), "the port of the bare server");
    return new Baseline(process, Number(value));
  }

  /** Has one client at a time come and go while asked to; returns what they counted. */
  async play(going: () => boolean, random: Random): Promise<Tally> {
    const tally = noTally();
    while (going()) await echo.play({ port: this.#port }, random, tally);
    return tally;
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
