import process from "node:process";
import { sleep } from "../../../lib/net/timer.ts";
import { resolveUdp } from "../../../lib/net/udp_socket.ts";
import { tapesOf } from "./answers.ts";
import { openChat } from "./chat.ts";
import { type Flow, isChat, type Plan } from "./plan.ts";
import { kindOf, medianOf, Tally } from "./tally.ts";
import { ConnectingFlow, TcpFlow } from "./tcp.ts";
import { UdpFlow } from "./udp.ts";

/** Number of connections to open at once, less than the backlog of any server. */
const OPEN_AT_ONCE = 64;

/** The result of a load. */
export interface Result {
  /** Time from the first message to the last answer, in seconds. */
  seconds: number;
  sent: number;
  answered: number;
  /** Number of datagrams without an answer, and of answers that were late or duplicates. */
  lost: number;
  late: number;
  roundTripsPerSecond: number;
  /** Bytes a second in each direction, with framing. */
  bytesPerSecond: { sent: number; received: number };
  /** In milliseconds. */
  latency: { p50: number; p90: number; p99: number; p999: number; max: number };
  /** Round trips of one connection. */
  perConnection: { min: number; median: number; max: number };
  /** Number of errors of each kind. */
  errors: Record<string, number>;
  firstError?: string;
  /** The processor time of this program, as a share of one core. */
  cpu: number;
}

/**
 * Puts a load on a server.
 *
 * @param plan The load.
 * @param stop Ends it early.
 * @param onProgress Called once a second with the number of answers in that second.
 * @returns The result, which counts errors.
 */
export async function runLoad(
  plan: Plan,
  stop: AbortSignal,
  onProgress: (perSecond: number, tally: Tally) => unknown = () => {},
): Promise<Result> {
  const tally = new Tally();
  const flows = await open(plan, tally, stop);
  const cpu = process.cpuUsage();
  const began = performance.now();
  try {
    for (const flow of flows) flow.start();
    await wait(plan, stop, tally, onProgress);
    await Promise.all(flows.map((flow) => flow.finish()));
  } finally {
    for (const flow of flows) flow.close();
  }
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return resultOf(tally, flows, seconds, (user + system) / 1e6 / seconds);
}

/** Opens the connections, up to the first failure, which is counted. */
async function open(plan: Plan, tally: Tally, stop: AbortSignal): Promise<Flow[]> {
  if (isChat(plan)) return await openChat(plan, tally, stop);
  const tapes = tapesOf(plan);
  const indices = Array.from({ length: plan.connections }, (_, index) => index);
  if (plan.transport === "udp") {
    const server = await resolveUdp(plan);
    return indices.map(() => new UdpFlow(server, plan, tapes, tally));
  }
  if (plan.connectEach) return indices.map((index) => new ConnectingFlow(plan, tapes, tally, index));
  const flows: Flow[] = [];
  while (flows.length < plan.connections && tally.errors.size === 0 && !stop.aborted) {
    const batch = indices.slice(flows.length, flows.length + OPEN_AT_ONCE);
    const opened = await Promise.allSettled(batch.map((index) => TcpFlow.open(plan, tapes, tally, index)));
    for (const result of opened) {
      if (result.status === "fulfilled") flows.push(result.value);
      else if (result.reason instanceof Deno.errors.NotCapable) throw result.reason;
      else tally.fail(kindOf(result.reason));
    }
  }
  return flows;
}

/** Waits for the duration of the load, or for the first error. */
async function wait(
  { duration }: Plan,
  stop: AbortSignal,
  tally: Tally,
  onProgress: (perSecond: number, tally: Tally) => unknown,
): Promise<void> {
  const until = performance.now() + duration;
  for (let answered = 0; tally.errors.size === 0 && !stop.aborted;) {
    const left = until - performance.now();
    if (left <= 0) return;
    await sleep(Math.min(left, 1000), stop);
    if (left > 1000) await onProgress(tally.answered - answered, tally);
    answered = tally.answered;
  }
}

function resultOf(tally: Tally, flows: Flow[], seconds: number, cpu: number): Result {
  const { sent, answered, lost, late, latency, bytesSent, bytesReceived, firstError } = tally;
  const counts = flows.map((flow) => flow.answered);
  return {
    seconds,
    sent,
    answered,
    lost,
    late,
    roundTripsPerSecond: answered / seconds,
    bytesPerSecond: { sent: bytesSent / seconds, received: bytesReceived / seconds },
    latency: {
      p50: latency.quantile(0.5),
      p90: latency.quantile(0.9),
      p99: latency.quantile(0.99),
      p999: latency.quantile(0.999),
      max: latency.longest,
    },
    perConnection: counts.length === 0
      ? { min: 0, median: 0, max: 0 }
      : { min: Math.min(...counts), median: medianOf(counts), max: Math.max(...counts) },
    errors: Object.fromEntries(tally.errors),
    ...(firstError === undefined ? {} : { firstError }),
    cpu,
  };
}
