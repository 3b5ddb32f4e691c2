import { TextLineStream } from "@std/streams/text-line-stream";
import type { Random } from "../../services/proxy/random.ts";
import { within } from "../processes.ts";
import { noTally, type Tally, TRADES } from "./correct.ts";

const BARE = new URL("../bench/peers/bare.ts", import.meta.url).href;
const echo = TRADES.find(({ service }) => service === "echo")!;

/**
 * A server of a few lines that nobody attacks, beside the one that is attacked: how long its client waits is what the
 * machine costs everybody, with attackers and server on its processors.
 */
export class Neighbour implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #port: number;

  private constructor(process: Deno.ChildProcess, port: number) {
    this.#process = process;
    this.#port = port;
  }

  /** Starts it. */
  static async start(): Promise<Neighbour> {
    const args = ["run", "-q", "--no-prompt", "--allow-net=127.0.0.1", BARE, "echo"];
    const process = new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn();
    const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    const { value } = await within(lines[Symbol.asyncIterator]().next(), "the bare server's port");
    return new Neighbour(process, Number(value));
  }

  /** Has one client at a time come and go for as long as asked; gives what they came to. */
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
