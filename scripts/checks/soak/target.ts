import type { Footprint } from "../../../lib/judge/mod.ts";
import type { Random } from "../../../services/proxy/random.ts";
import { grantsOf, ServerProcess } from "../../shared/processes.ts";
import type { Certificates } from "./certificates.ts";
import { LostError, noTally, pause, type Tally } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import { footprintOf } from "../../shared/footprint.ts";
import { misbehave } from "./misbehave.ts";
import { nameOf, type Scenario } from "./scenarios.ts";

/** Number of clients of each kind at once. */
const CORRECT = 3;
const BAD = 6;
/** The idle timeout of servers, in seconds: longer than a busy machine delays a correct client. */
const IDLE_TIMEOUT = 5;
/**
 * Makes V8 collect garbage early. By default it accumulates tens of megabytes, which would hide a leak. Not for measuring
 * latency: a few batches of tiny messages fill this nursery, and V8 then collects all of its memory again and again.
 */
export const SMALL_NURSERY = "--v8-flags=--max-semi-space-size=1";
/** How long a server may take to close all connections, in milliseconds: more than its deadlines. */
const QUIET_WITHIN = 15_000;
/** How often to check for that, in milliseconds. */
const CHECK_EVERY = 250;

/** A server process, its clients, and the results. */
export class Target implements AsyncDisposable {
  readonly name: string;
  /** Counters of the correct clients. */
  tally: Tally = noTally();
  /** Number of bad clients of each behaviour. */
  readonly badClients = new Map<string, number>();
  /** The reasons for which connections ended, with counts, from the server's log. */
  closed = "";
  readonly faults: string[] = [];
  /** Number of bytes of answers that were missing or wrong. */
  lost = 0;
  before: Footprint | undefined;
  after: Footprint | undefined;
  /** Number of connections that were open at the stop, from the server's log. */
  open: number | undefined;

  private constructor(
    readonly scenario: Scenario,
    readonly server: ServerProcess,
    readonly endpoint: Endpoint,
    readonly random: Random,
  ) {
    this.name = nameOf(scenario);
  }

  /** Starts the server with additional flags of Deno. */
  static async start(
    scenario: Scenario,
    random: Random,
    certificates: Certificates,
    flags: string[] = [],
  ): Promise<Target> {
    const { protocol: { name: service, transport }, args = [] } = scenario;
    const timed = transport === "tcp" && !["objects", "clock"].includes(service);
    const timeout = timed ? ["--idle-timeout", String(IDLE_TIMEOUT)] : [];
    const { args: transportArgs, endpoint } = transportOf(scenario, certificates);
    const server = await ServerProcess.start(service, {
      args: [...args, ...transportArgs, ...timeout],
      permissions: [...grantsOf(service, "server"), ...flags],
    });
    return new Target(scenario, server, { port: server.port, ...endpoint }, random);
  }

  /** Number of bad clients. */
  get badCount(): number {
    return [...this.badClients.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Runs some correct and some bad clients at once, each followed by another one while `going` returns true. */
  async play(going: () => boolean, stop: AbortSignal, correct = CORRECT, bad = BAD): Promise<void> {
    const { scenario, endpoint, random } = this;
    const repeat = async (client: () => Promise<void>) => {
      while (going()) {
        try {
          await client();
        } catch (error) {
          // Ctrl-C reaches the servers as well, and they may react first.
          await pause(300);
          if (stop.aborted) return;
          this.faults.push(`${this.name}: ${error instanceof Error ? error.message : error}`);
          if (error instanceof LostError) this.lost += error.bytes;
        }
        this.#readLog();
      }
    };
    await Promise.all([
      ...Array.from({ length: correct }, () => repeat(() => scenario.play(endpoint, random, this.tally))),
      ...Array.from({ length: bad }, () =>
        repeat(async () => {
          await misbehave(scenario, endpoint, random, this.badClients);
          await pause(random() * 100);
        })),
    ]);
  }

  /** Waits until the server has closed its connections, and measures its resources. */
  async measure(moment: "before" | "after"): Promise<Footprint> {
    const until = performance.now() + QUIET_WITHIN;
    const most = this.before?.descriptors ?? Infinity;
    for (let last = NaN;;) {
      const now = await footprintOf(this.server.pid);
      this.#readLog();
      const { descriptors = 0 } = now;
      const isQuiet = descriptors === last && descriptors <= most;
      if (isQuiet || performance.now() > until) return this[moment] = now;
      last = descriptors;
      await pause(CHECK_EVERY);
    }
  }

  /**
   * Lists the faults, after the server has ended.
   *
   * @param tolerance By how many bytes its memory may have grown.
   * @param mostOpen How many connections may have been open at the stop.
   */
  verdict(tolerance: number, mostOpen = 0): string[] {
    const { name, lost, before, after, open = 0 } = this;
    const faults = [...this.faults, ...this.server.strays];
    const add = (fault: string) => faults.push(`${name}: ${fault}`);
    if (lost > 0) add(`${lost} bytes were lost`);
    if (before === undefined || after === undefined) return faults;
    if (open > mostOpen) add(`${open} connections were open after all clients had left`);
    if ((after.descriptors ?? 0) > (before.descriptors ?? 0)) {
      add(`the number of descriptors grew from ${before.descriptors} to ${after.descriptors}`);
    }
    const growth = (after.memory ?? 0) - (before.memory ?? 0);
    if (growth > tolerance) add(`memory grew by ${Math.round(growth / 1e6)} MB`);
    return faults;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.#readLog();
  }

  #readLog(): void {
    for (const { level, message, finished = 0, aborted = 0, counts } of this.server.log.splice(0)) {
      if (level === "error") this.faults.push(`${this.name}: ${message}`);
      else if (message.startsWith("Stopped")) this.open = Number(finished) + Number(aborted);
      else if (message.startsWith("Connections closed since the start: ")) this.closed = String(counts);
    }
  }
}

/** The arguments of a server over TLS or at a Unix socket, and its address. */
function transportOf(
  { protocol, over }: Scenario,
  { args, ca }: Certificates,
): { args: string[]; endpoint: Omit<Endpoint, "port"> } {
  if (over === "TLS") return { args, endpoint: { ca } };
  if (over === undefined) return { args: [], endpoint: {} };
  const path = `/tmp/wirebench-${protocol.name}.sock`;
  return { args: ["--unix", path], endpoint: { path } };
}
