import type { Random } from "../../services/proxy/random.ts";
import { type LogRecord, ServerProcess } from "../processes.ts";
import { misbehave } from "./bad.ts";
import { LostError, pause, type Tally, type Trade } from "./correct.ts";
import { type Footprint, footprintOf } from "./measure.ts";

/** How many clients of each kind are there at once. */
const CORRECT = 3;
const BAD = 6;
/** The servers' deadline for whatever clients owe, in seconds: more than a busy machine holds up a correct one. */
const DEADLINE = 3;
/** V8 lets tens of megabytes of garbage pile up before it looks at them, in which a leak would not show. */
const SMALL_NURSERY = "--v8-flags=--max-semi-space-size=1";
/** How long a server may take until nothing is left of its clients, in milliseconds: its deadlines, and some more. */
const QUIET_WITHIN = 15_000;

/** One server as a process, its clients, and what is known of it. */
export class Station implements AsyncDisposable {
  readonly tally: Tally = { connections: 0, answers: 0, bytes: 0, repeated: 0 };
  /** What bad clients did, and how often. */
  readonly done = new Map<string, number>();
  /** How connections ended, and how often. */
  readonly closed = new Map<string, number>();
  readonly faults: string[] = [];
  /** How many bytes of answers did not come, or were others. */
  lost = 0;
  before: Footprint | undefined;
  after: Footprint | undefined;
  #connected = 0;
  #left = 0;
  #joined = 0;

  /** Use {@linkcode Station.open}. */
  constructor(readonly trade: Trade, readonly server: ServerProcess, readonly random: Random) {}

  /** Starts the server. */
  static async open(trade: Trade, random: Random): Promise<Station> {
    const timed = trade.transport === "TCP" && trade.service !== "objects";
    const deadline = timed ? ["--idle-timeout", String(DEADLINE)] : [];
    const args = [...trade.args ?? [], ...deadline];
    const permissions = [`-P=${trade.service}-server`, SMALL_NURSERY];
    return new Station(trade, await ServerProcess.start(trade.service, { args, permissions }), random);
  }

  /** How many bad clients there were. */
  get badClients(): number {
    return [...this.done.values()].reduce((sum, count) => sum + count, 0);
  }

  /** How many connections are open, by the server's log. */
  get open(): number {
    return this.#connected - [...this.closed.values()].reduce((sum, count) => sum + count, 0);
  }

  /** How many members the room has, by the server's log. */
  get members(): number {
    return this.#joined - this.#left;
  }

  /** Has clients of both kinds come and go for as long as asked. */
  async play(going: () => boolean, stop: AbortSignal): Promise<void> {
    const { trade, server: { port }, random } = this;
    const again = async (client: () => Promise<void>) => {
      while (going()) {
        try {
          await client();
        } catch (error) {
          // Ctrl-C reaches the servers as well, and they may be the first to act on it.
          await pause(300);
          if (stop.aborted) return;
          this.faults.push(`${trade.service}: ${error instanceof Error ? error.message : error}`);
          if (error instanceof LostError) this.lost += error.bytes;
        }
        this.#readLog();
      }
    };
    await Promise.all([
      ...Array.from({ length: CORRECT }, () => again(() => trade.play(port, random, this.tally))),
      ...Array.from({ length: BAD }, () =>
        again(async () => {
          await misbehave(trade, port, random, this.done);
          await pause(random() * 100);
        })),
    ]);
  }

  /** Waits until nothing is left of the clients, and looks what the server takes up. */
  async measure(moment: "before" | "after"): Promise<void> {
    const until = performance.now() + QUIET_WITHIN;
    let last: Footprint | undefined;
    for (;;) {
      const now = await footprintOf(this.server.process.pid);
      this.#readLog();
      const quiet = this.open === 0 && this.members === 0 && now.descriptors === last?.descriptors;
      const back = moment === "before" || now.descriptors === this.before?.descriptors;
      if (quiet && back || performance.now() > until) {
        this[moment] = now;
        return;
      }
      last = now;
      await pause(500);
    }
  }

  /** What is wrong, after all. */
  verdict(tolerance: number): string[] {
    const { trade: { service }, lost, before, after, open, members } = this;
    const faults = [...this.faults, ...this.server.strays];
    const wrong = (words: string) => faults.push(`${service}: ${words}`);
    if (lost > 0) wrong(`${lost} bytes were lost`);
    if (before === undefined || after === undefined) return faults;
    if (open !== 0 || members !== 0) wrong(`${open} connections are open and ${members} members there`);
    if (before.descriptors !== after.descriptors) {
      wrong(`${before.descriptors} descriptors became ${after.descriptors}`);
    }
    const growth = (after.memory ?? 0) - (before.memory ?? 0);
    if (growth > tolerance) wrong(`memory grew by ${Math.round(growth)} MB`);
    return faults;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.#readLog();
  }

  #readLog(): void {
    for (const record of this.server.log.splice(0)) this.#readRecord(record);
  }

  #readRecord({ level, message, peer, reason }: LogRecord): void {
    if (level === "error") this.faults.push(`${this.trade.service}: ${message}`);
    // What is said between peers is logged as well, without this field.
    if (peer === undefined) return;
    if (message === `${peer} connected`) this.#connected++;
    else if (message.startsWith(`${peer} closed: `)) this.#close(String(reason));
    else if (message.endsWith(` joined from ${peer}`)) this.#joined++;
    else if (message.endsWith(` left from ${peer}`)) this.#left++;
  }

  #close(reason: string): void {
    this.closed.set(reason, (this.closed.get(reason) ?? 0) + 1);
    if (reason === "refused") this.#connected++;
  }
}
