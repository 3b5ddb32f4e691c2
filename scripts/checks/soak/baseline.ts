import type { Random } from "../../../services/proxy/random.ts";
import { type Server, startPeer } from "../bench/servers.ts";
import { noTally, type Tally } from "./client.ts";
import { SCENARIOS } from "./scenarios.ts";

const BARE = [Deno.execPath(), "run", "-q", "--no-prompt", "--allow-net=127.0.0.1", "bare.ts", "echo"];
const echo = SCENARIOS.find(({ protocol }) => protocol.name === "echo")!;

/**
 * A bare echo server that is not attacked, running beside one that is. Its client's latency is due to the load on the
 * machine alone.
 */
export class Baseline implements AsyncDisposable {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Starts the server. */
  static async start(): Promise<Baseline> {
    return new Baseline(await startPeer(BARE));
  }

  /** Runs one client after another while `going` returns true, and returns their counters. */
  async play(going: () => boolean, random: Random): Promise<Tally> {
    const tally = noTally();
    while (going()) await echo.play({ port: this.#server.ports[0]! }, random, tally);
    return tally;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}
