import { medianOf } from "../../tools/load/tally.ts";
import { within } from "../../shared/processes.ts";
import type { Competitor, Server } from "./competitors.ts";
import type { Generator, Round } from "./generator.ts";
import { busyTime, cpuTimeOf, memoryOf } from "./system.ts";
import type { Workload } from "./workloads.ts";

/** How often a server is started in one round. */
const STARTS = 5;
/** How many connections warm a server up whose memory is then looked at. */
const WARMING = 100;

/** One round of one competitor. */
export interface Sample {
  /** Operations a second, milliseconds or kilobytes. */
  value: number;
  /** The server's time on the processor for one operation, in microseconds. */
  cpuPerOperation?: number;
  /** What share of a core the server, and the generator, had. */
  serverCpu?: number;
  generatorCpu?: number;
  /** What share of the two cores other programs had, where the system tells it. */
  othersCpu?: number;
  lost?: number;
  perConnection?: { min: number; median: number; max: number };
  /** The polite connection's longest round trip, in milliseconds, and the operations a second of the greedy ones. */
  worst?: number;
  greedy?: number;
}

/** What came of a workload for one competitor. */
export interface Figure {
  competitor: Competitor["name"];
  title: string;
  rounds: Sample[];
  /** The best round's value; of round trips the median round's, for a client that mostly starves has a lucky round. */
  best: number;
  median: number;
  /** Between the best round and the worst, as a share of the median. */
  spread: number;
  /** The longest round trip of a polite connection in any round, in milliseconds. */
  worst?: number;
  /** What went wrong, if it could not be measured. */
  fault?: string;
}

/** What a measurement needs besides the competitor. */
export interface Setting {
  generator: Generator;
  rounds: number;
  seconds: number;
  stop: AbortSignal;
  onProgress(words: string): Promise<void>;
}

/** Measures a workload: warms all up, then goes round and round, so that what disturbs one disturbs all. */
export async function measure(workload: Workload, competitors: Competitor[], setting: Setting): Promise<Figure[]> {
  const { rounds, stop, onProgress } = setting;
  await using servers = new AsyncDisposableStack();
  const contests = competitors.filter((competitor) => competitor.serves(workload)).map((competitor) => ({
    competitor,
    samples: [] as Sample[],
    fault: undefined as string | undefined,
    server: undefined as Server | undefined,
  }));
  for (let round = 0; round <= rounds; round++) {
    for (const contest of contests) {
      if (stop.aborted) break;
      if (contest.fault !== undefined) continue;
      const which = round === 0 ? "warming up" : `round ${round} of ${rounds}`;
      await onProgress(`${workload.title}: ${which}, ${contest.competitor.title}`);
      try {
        if (workload.measure === "rate" || workload.measure === "latency") {
          contest.server ??= servers.use(await contest.competitor.start(workload.service));
        }
        const sample = await sampleOf(workload, contest.competitor, contest.server, setting, round === 0);
        if (sample !== undefined) contest.samples.push(sample);
      } catch (error) {
        contest.fault = error instanceof Error ? error.message : String(error);
      }
    }
  }
  return contests.map(({ competitor, samples, fault }) => figureOf(workload, competitor, samples, fault));
}

async function sampleOf(
  workload: Workload,
  competitor: Competitor,
  server: Server | undefined,
  { generator, seconds }: Setting,
  warming: boolean,
): Promise<Sample | undefined> {
  switch (workload.measure) {
    case "rate":
    case "latency": {
      const [before, busy] = [await cpuTimeOf(server!.pid), await busyTime()];
      const began = performance.now();
      const round = await generator.run(workload.load, server!.port, warming ? seconds / 2 : seconds);
      if (warming) return undefined;
      const elapsed = (performance.now() - began) / 1000;
      const serverTime = await cpuTimeOf(server!.pid) - before;
      const others = await busyTime() - busy - serverTime - round.cpu * round.seconds;
      return { ...sampleFrom(round, serverTime), othersCpu: others / elapsed / 2 };
    }
    case "memory":
      return warming ? undefined : { value: await memoryOfEach(workload, competitor, generator) };
    case "start": {
      // What is read from disk the first time is in memory afterwards.
      const times = [];
      for (let start = 0; start < (warming ? 1 : STARTS); start++) times.push(await timeToFirstAnswer(competitor));
      return warming ? undefined : { value: Math.min(...times) };
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

/** How much more memory a server has with all the connections open than without, for each, in kilobytes. */
async function memoryOfEach({ service, load }: Workload, competitor: Competitor, generator: Generator) {
  await using server = await competitor.start(service);
  await generator.run({ ...load, kind: "echo", connections: WARMING }, server.port, 0.3);
  const before = await memoryOf(server.pid);
  const held = await generator.hold(load, server.port, () => memoryOf(server.pid));
  return (held - before) / load.connections / 1000;
}

/** How long it takes from nothing to the first answer, in milliseconds. */
async function timeToFirstAnswer(competitor: Competitor): Promise<number> {
  const began = performance.now();
  await using server = await competitor.start("echo");
  using socket = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
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
