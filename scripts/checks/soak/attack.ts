// One server under one attack: the latency of its other clients, the time it takes to stop, and its memory and
// descriptors once the attackers are gone.

import type { Random } from "../../../services/proxy/random.ts";
import { AttackProcess } from "./attack_process.ts";
import { type Attack, ATTACKS, payloadOf, type Traffic } from "./attackers.ts";
import type { Certificates } from "./certificates.ts";
import { nameOf, noTally, pause, type Tally, type Trade } from "./correct.ts";
import { type Footprint, memoryOf, type ProcessorTime, processorTimeOf } from "./measure.ts";
import type { Baseline } from "./baseline.ts";
import { Station } from "./station.ts";

/** How long correct clients warm a server up, and how long it is attacked, in milliseconds. */
const WARM_UP = 300;
const ATTACKED = 2000;
/** How long a second attack goes on before the server is told to stop, in milliseconds. */
const BEFORE_STOP = 300;
/** The longest time that the second attack goes on, in milliseconds: more than anybody waits for the server's end. */
const LONGEST_STOP = 20_000;
/** How often memory is measured, in milliseconds. */
const LOOK_EVERY = 250;

/** The most by which the latency of others may exceed the baseline, in milliseconds, on an idle processor. */
export const MOST = { median: 20, worst: 250 };
/** The longest time that a server may take to stop, in milliseconds: 5 s for its connections, and a tolerance. */
export const STOPS_WITHIN = 7000;
/** By how much its memory may have grown once the attackers are gone, in MB. */
export const MEMORY_TOLERANCE = 128;

/** The latency of clients, in milliseconds. */
export interface Latency {
  answers: number;
  /** Datagrams without an answer. */
  lost: number;
  median: number;
  worst: number;
}

/** The result of an attack. */
export interface AttackResult {
  /** The server that was attacked. */
  name: string;
  attack: string;
  traffic?: Traffic;
  others?: Latency;
  baseline?: Latency;
  /** Which part of the processor time that it was ready to use the server got. */
  share?: number;
  /** How long the server took to stop under attack, in milliseconds. */
  stoppedIn?: number;
  before?: Footprint;
  /** The most memory during the attack, in MB. */
  peak?: number | undefined;
  after?: Footprint;
  faults: string[];
}

/** What all attacks share. */
export interface AttackContext {
  baseline: Baseline;
  certificates: Certificates;
  random: Random;
  stop: AbortSignal;
}

/** Every pair of a trade and an attack that makes sense for it; only attacks of the given names, if there are any. */
export function attacksOn(trades: readonly Trade[], names: readonly string[]): [Trade, Attack][] {
  const wanted = ATTACKS.filter(({ name }) => names.length === 0 || names.includes(name));
  return trades.flatMap((trade) =>
    wanted.filter((attack) => attack.transport === trade.transport && payloadOf(attack, trade.service) !== undefined)
      .map((attack): [Trade, Attack] => [trade, attack])
  );
}

/** Starts a server with one correct client, attacks it, and stops it under a second attack of the same kind. */
export async function tryAttack(trade: Trade, attack: Attack, context: AttackContext): Promise<AttackResult> {
  const { certificates, random, stop } = context;
  const result: AttackResult = { name: nameOf(trade), attack: attack.name, faults: [] };
  try {
    const station = await Station.open(trade, random, certificates);
    try {
      await attackStation(station, attack, context, result);
    } catch (error) {
      await station.server.kill();
      throw error;
    } finally {
      await station[Symbol.asyncDispose]();
      result.faults.push(...station.verdict(MEMORY_TOLERANCE, Infinity));
    }
  } catch (error) {
    result.faults.push(`${result.name}: ${error instanceof Error ? error.message : error}`);
  }
  result.faults = stop.aborted
    ? []
    : [...result.faults, ...timingFaults(result)].map((fault) => `${fault}, ${attack.name}`);
  return result;
}

async function attackStation(
  station: Station,
  attack: Attack,
  { baseline, random, stop }: AttackContext,
  result: AttackResult,
): Promise<void> {
  const { server, place, trade: { service } } = station;
  const { pid } = server.process;
  const warm = performance.now() + WARM_UP;
  await station.play(() => performance.now() < warm, stop, 1, 0);
  result.before = await station.measure("before");
  station.tally = noTally();
  {
    await using attackers = await AttackProcess.start(attack, service, place, ATTACKED, stop);
    let attacking = true;
    const began = await processorTimeOf(pid);
    const going = () => attacking && !stop.aborted;
    const look = async () => {
      for (; going(); await pause(LOOK_EVERY)) {
        result.peak = Math.max(result.peak ?? 0, await memoryOf(pid) ?? 0) || undefined;
      }
    };
    const [traffic, beside] = await Promise.all([
      attackers.traffic().finally(() => attacking = false),
      baseline.play(going, random),
      station.play(going, stop, 1, 0),
      look(),
    ]);
    result.share = shareOf(began, await processorTimeOf(pid));
    result.traffic = traffic;
    result.others = latencyOf(station.tally);
    result.baseline = latencyOf(beside);
  }
  if (stop.aborted) return;
  result.after = await station.measure("after");
  await using _attackers = await AttackProcess.start(attack, service, place, LONGEST_STOP, stop);
  await pause(BEFORE_STOP);
  const began = performance.now();
  await server.stop();
  result.stoppedIn = performance.now() - began;
}

/** Checks latencies and the time to stop against their bounds. */
export function timingFaults(
  { name, others, baseline, share = 1, stoppedIn = 0 }: Omit<AttackResult, "attack" | "faults">,
): string[] {
  const faults: string[] = [];
  if (others?.answers === 0) {
    faults.push(`${name}: others got no answer`);
  } else if (others !== undefined && baseline !== undefined) {
    for (const which of ["median", "worst"] as const) {
      const over = Math.round(others[which] - baseline[which]);
      const most = Math.round(MOST[which] / share);
      if (over <= most) continue;
      faults.push(`${name}: ${which} latency of others ${over} ms over the baseline, expected ${most} at the most`);
    }
  }
  if (stoppedIn > STOPS_WITHIN) {
    faults.push(
      `${name}: took ${(stoppedIn / 1000).toFixed(1)} s to stop, expected ${STOPS_WITHIN / 1000} at the most`,
    );
  }
  return faults;
}

/** With half of the processor time that it is ready to use, a server takes twice as long for everything. */
function shareOf(began: ProcessorTime, ended: ProcessorTime): number {
  const ran = ended.ran - began.ran;
  return ran > 0 ? ran / (ran + ended.waited - began.waited) : 1;
}

function latencyOf({ answers, repeated, latency }: Tally): Latency {
  return { answers, lost: repeated, median: latency.quantile(0.5), worst: latency.longest };
}
