import { medianOf } from "../../tools/load/tally.ts";
import { memoryOf } from "../../shared/system.ts";
import { within } from "../../shared/within.ts";
import type { Competitor } from "./competitors.ts";
import type { Generator, Round } from "./generator.ts";
import { busyTime, cpuTimeOf } from "./machine.ts";
import type { Server } from "./servers.ts";
import type { Workload } from "./workloads.ts";

/** Number of starts of a server in one round. */
const STARTS = 5;
/** Number of connections that warm a server up before its memory is measured. */
const WARM_UP_CONNECTIONS = 100;

/** The result of one round of one competitor. */
export interface Sample {
  /** Operations a second, milliseconds or kilobytes. */
  value: number;
  /** The server's processor time for one operation, in microseconds. */
  cpuPerOperation?: number;
  /** The processor time of the server and of the generator, each as a share of one core. */
  serverCpu?: number;
  generatorCpu?: number;
  /** The processor time of other programs as a share of both cores, where the system reports it. */
  othersCpu?: number;
  lost?: number;
  perConnection?: { min: number; median: number; max: number };
  /** The longest round trip of the polite connection in milliseconds, and the operations a second of the greedy ones. */
  worst?: number;
  greedy?: number;
}

/** The result of a workload for one competitor. */
export interface Figure {
  competitor: Competitor["name"];
  title: string;
  rounds: Sample[];
  /** The best round's value; for latency the median round's, as a starved client has lucky rounds. */
  best: number;
  median: number;
  /** The difference of the best and the worst round, as a share of the median. */
  spread: number;
  /** The longest round trip of a polite connection in any round, in milliseconds. */
  worst?: number;
  /** Why it could not be measured. */
  fault?: string;
}

/** What all measurements share. */
export interface MeasureOptions {
  generator: Generator;
  rounds: number;
  seconds: number;
  stop: AbortSignal;
  onProgress(text: string): Promise<void>;
}

/** Measures a workload after a warm-up round. Rounds are interleaved, so that a disturbance affects all competitors. */
export async function measure(
  workload: Workload,
  competitors: Competitor[],
  options: MeasureOptions,
): Promise<Figure[]> {
  const { rounds, stop, onProgress } = options;
  await using servers = new AsyncDisposableStack();
  const entries = competitors.filter((competitor) => competitor.serves(workload)).map((competitor) => ({
    competitor,
    samples: [] as Sample[],
    fault: undefined as string | undefined,
    server: undefined as Server | undefined,
  }));
  for (let round = 0; round <= rounds; round++) {
    for (const entry of entries) {
      if (stop.aborted) break;
      if (entry.fault !== undefined) continue;
      const which = round === 0 ? "warming up" : `round ${round} of ${rounds}`;
      await onProgress(`${workload.title}: ${which}, ${entry.competitor.title}`);
      try {
        if (workload.measure === "rate" || workload.measure === "latency") {
          entry.server ??= servers.use(await entry.competitor.start(workload.service, workload.nats));
        }
        const sample = await sampleOf(workload, entry.competitor, entry.server, options, round === 0);
        if (sample !== undefined) entry.samples.push(sample);
      } catch (error) {
        entry.fault = error instanceof Error ? error.message : String(error);
      }
    }
  }
  return entries.map(({ competitor, samples, fault }) => figureOf(workload, competitor, samples, fault));
}

async function sampleOf(
  workload: Workload,
  competitor: Competitor,
  server: Server | undefined,
  { generator, seconds }: MeasureOptions,
  warmUp: boolean,
): Promise<Sample | undefined> {
  switch (workload.measure) {
    case "rate":
    case "latency": {
      const { ports, pids } = server!;
      const [before, busy] = [await cpuTimeOf(pids), await busyTime()];
      const began = performance.now();
      const time = warmUp ? seconds / 2 : seconds;
      const round = await (server!.run?.(time) ?? generator.run(workload.load, ports, time));
      if (warmUp) return undefined;
      const elapsed = (performance.now() - began) / 1000;
      const serverTime = await cpuTimeOf(pids) - before;
      const others = await busyTime() - busy - serverTime - round.cpu * round.seconds;
      // A chat over NATS is measured by what members say, since the log carries each message once.
      const listeners = workload.nats === undefined || server!.run !== undefined ? 1 : workload.load.connections - 1;
      const operations = round.operations / listeners;
      return { ...sampleFrom({ ...round, operations }, serverTime), othersCpu: others / elapsed / 2 };
    }
    case "memory":
      return warmUp ? undefined : { value: await memoryOfEach(workload, competitor, generator) };
    case "start": {
      // The first start reads from disk what later ones find in memory.
      const times = [];
      for (let start = 0; start < (warmUp ? 1 : STARTS); start++) times.push(await timeToFirstAnswer(competitor));
      return warmUp ? undefined : { value: Math.min(...times) };
    }
  }
}

function sampleFrom({ operations, seconds, cpu, lost, min, median, max, polite }: Round, serverTime: number): Sample {
  const rate = operations / seconds;
  return {
    ...(polite === undefined ? { value: rate } : { value: polite.median, worst: polite.worst, greedy: rate }),
    cpuPerOperation: serverTime / operations * 1e6,
    serverCpu: serverTime / seconds,
    generatorCpu: cpu,
    lost,
    perConnection: { min, median, max },
  };
}

/** The memory that each open connection adds to a server, in kilobytes. */
async function memoryOfEach({ service, load }: Workload, competitor: Competitor, generator: Generator) {
  await using server = await competitor.start(service);
  await generator.run({ ...load, kind: "echo", connections: WARM_UP_CONNECTIONS }, server.ports, 0.3);
  const before = await memoryOf(server.pids[0]!) ?? NaN;
  const held = await generator.hold(load, server.ports, () => memoryOf(server.pids[0]!)) ?? NaN;
  return (held - before) / load.connections / 1000;
}

/** The time from a server's start to its first answer, in milliseconds. */
async function timeToFirstAnswer(competitor: Competitor): Promise<number> {
  const began = performance.now();
  await using server = await competitor.start("echo");
  using socket = await Deno.connect({ hostname: "127.0.0.1", port: server.ports[0]! });
  await socket.write(Uint8Array.of(7));
  const answer = new Uint8Array(2);
  const length = await within(socket.read(answer), "the first answer");
  const time = performance.now() - began;
  if (length !== 1 || answer[0] !== 7) throw new Error("the first answer was wrong");
  return time;
}

function figureOf(workload: Workload, { name, title }: Competitor, rounds: Sample[], fault?: string): Figure {
  const values = rounds.map(({ value }) => value);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const median = medianOf(values);
  const worst = rounds.flatMap(({ worst = [] }) => worst);
  return {
    competitor: name,
    title,
    rounds,
    best: { rate: most, latency: median, memory: least, start: least }[workload.measure],
    median,
    spread: (most - least) / median,
    ...(worst.length === 0 ? {} : { worst: Math.max(...worst) }),
    ...(fault === undefined ? {} : { fault }),
  };
}
