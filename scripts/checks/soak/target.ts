import type { Random } from "../../../services/proxy/random.ts";
import { grantsOf, ServerProcess } from "../../shared/processes.ts";
import { misbehave } from "./bad.ts";
import type { Certificates } from "./certificates.ts";
import { LostError, nameOf, noTally, pause, type Tally, type Trade } from "./correct.ts";
import { type Footprint, footprintOf } from "./measure.ts";
import type { Place } from "./place.ts";

/** How many clients of each kind are there at once. */
const CORRECT = 3;
const BAD = 6;
/** The servers' deadline for whatever clients owe, in seconds: more than a busy machine holds up a correct one. */
const DEADLINE = 3;
/** V8 lets tens of megabytes of garbage pile up before it looks at them, in which a leak would not show. */
const SMALL_NURSERY = "--v8-flags=--max-semi-space-size=1";
/** How long a server may take until nothing is left of its clients, in milliseconds: its deadlines, and some more. */
const QUIET_WITHIN = 15_000;
/** How often to look whether it is so, in milliseconds. */
const LOOK_EVERY = 250;

/** One server as a process, its clients, and what is known of it. */
export class Station implements AsyncDisposable {
  readonly name: string;
  /** Counts of the correct clients. */
  tally: Tally = noTally();
  /** What bad clients did, and how often. */
  readonly done = new Map<string, number>();
  /** The reasons for which connections ended, with counts, as the server logs at its end. */
  closed = "";
  readonly faults: string[] = [];
  /** How many bytes of answers did not come, or were others. */
  lost = 0;
  before: Footprint | undefined;
  after: Footprint | undefined;
  /** How many connections were open when the server was told to stop, as it logs at its end. */
  open: number | undefined;

  private constructor(
    readonly trade: Trade,
    readonly server: ServerProcess,
    readonly place: Place,
    readonly random: Random,
  ) {
    this.name = nameOf(trade);
  }

  /** Starts the server. */
  static async open(trade: Trade, random: Random, certificates: Certificates): Promise<Station> {
    const { service, transport, args = [] } = trade;
    const timed = transport === "TCP" && !["objects", "clock"].includes(service);
    const deadline = timed ? ["--idle-timeout", String(DEADLINE)] : [];
    const way = wayOf(trade, certificates);
    const server = await ServerProcess.start(service, {
      args: [...args, ...way.args, ...deadline],
      permissions: [...grantsOf(service, "server"), SMALL_NURSERY],
    });
    return new Station(trade, server, { port: server.port, ...way.place }, random);
  }

  /** How many bad clients there were. */
  get badClients(): number {
    return [...this.done.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Has so many correct clients and bad ones at once come and go while asked to. */
  async play(going: () => boolean, stop: AbortSignal, correct = CORRECT, bad = BAD): Promise<void> {
    const { trade, place, random } = this;
    const again = async (client: () => Promise<void>) => {
      while (going()) {
        try {
          await client();
        } catch (error) {
          // Ctrl-C reaches the servers as well, and they may be the first to act on it.
          await pause(300);
          if (stop.aborted) return;
          this.faults.push(`${this.name}: ${error instanceof Error ? error.message : error}`);
          if (error instanceof LostError) this.lost += error.bytes;
        }
        this.#readLog();
      }
    };
    await Promise.all([
      ...Array.from({ length: correct }, () => again(() => trade.play(place, random, this.tally))),
      ...Array.from({ length: bad }, () =>
        again(async () => {
          await misbehave(trade, place, random, this.done);
          await pause(random() * 100);
        })),
    ]);
  }

  /** Waits until nothing is left of the clients, and looks what the server takes up. */
  async measure(moment: "before" | "after"): Promise<Footprint> {
    const until = performance.now() + QUIET_WITHIN;
    const most = this.before?.descriptors ?? Infinity;
    for (let last = NaN;;) {
      const now = await footprintOf(this.server.process.pid);
      this.#readLog();
      const { descriptors = 0 } = now;
      const isQuiet = descriptors === last && descriptors <= most;
      if (isQuiet || performance.now() > until) return this[moment] = now;
      last = descriptors;
      await pause(LOOK_EVERY);
    }
  }

  /** Lists faults, once the server has ended; memory may have grown by `tolerance` MB. */
  verdict(tolerance: number, mostOpen = 0): string[] {
    const { name, lost, before, after, open = 0 } = this;
    const faults = [...this.faults, ...this.server.strays];
    const wrong = (words: string) => faults.push(`${name}: ${words}`);
    if (lost > 0) wrong(`${lost} bytes were lost`);
    if (before === undefined || after === undefined) return faults;
    if (open > mostOpen) wrong(`${open} connections were open when all clients had gone`);
    if ((after.descriptors ?? 0) > (before.descriptors ?? 0)) {
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
    for (const { level, message, finished, cut, counts } of this.server.log.splice(0)) {
      if (level === "error") this.faults.push(`${this.name}: ${message}`);
      else if (message.startsWith("Stopped")) this.open = Number(finished) + Number(cut);
      else if (message.startsWith("Connections closed since the start: ")) this.closed = String(counts);
    }
  }
}

/** The arguments for a server over TLS or at a Unix socket, and where its clients find it. */
function wayOf({ service, over }: Trade, { args, ca }: Certificates): { args: string[]; place: Omit<Place, "port"> } {
  if (over === "TLS") return { args, place: { ca } };
  if (over === undefined) return { args: [], place: {} };
  const path = `/tmp/wirebench-${service}.sock`;
  return { args: ["--unix", path], place: { path } };
}
