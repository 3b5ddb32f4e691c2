// Attacks one server, and measures the latency of its other clients, the time it takes to stop, and its memory and
// descriptors after the attack.

import type { Footprint } from "../../../lib/judge/mod.ts";
import type { Random } from "../../../services/proxy/random.ts";
import { memoryOf } from "../../shared/system.ts";
import { AttackProcess } from "./attack_process.ts";
import { type Attack, ATTACKS, payloadOf, type Traffic } from "./attackers.ts";
import type { Baseline } from "./baseline.ts";
import type { Certificates } from "./certificates.ts";
import { noTally, pause, type Tally } from "./client.ts";
import { type ProcessorTime, processorTimeOf } from "../../shared/footprint.ts";
import { nameOf, type Scenario } from "./scenarios.ts";
import { Target } from "./target.ts";

/** How long correct clients warm a server up, in milliseconds. */
const WARM_UP = 300;
/** How long the attack lasts, in milliseconds. */
const ATTACK = 2000;
/** How long a second attack lasts before the server is asked to stop, in milliseconds. */
const BEFORE_STOP = 300;
/** How long the second attack lasts at most, in milliseconds: longer than the wait for the server's end. */
const SECOND_ATTACK = 20_000;
/** How often to measure memory, in milliseconds. */
const MEASURE_EVERY = 250;

/** By how much the latency of other clients may exceed the baseline, in milliseconds, on an idle machine. */
export const MOST = { median: 20, worst: 250 };
/** By how much more for each attacker in a chat, in milliseconds: a message is written to all members, one after another. */
export const MORE_PER_MEMBER = 0.5;
/** How long a server may take to stop, in milliseconds: 5 s for its connections, and a tolerance. */
export const STOPS_WITHIN = 7000;
/** By how much its memory may have grown after the attack, in bytes: V8 keeps up to 300 MB of what it has freed. */
const MEMORY_TOLERANCE = 384e6;

/** The latency of clients, in milliseconds. */
export interface Latency {
  answers: number;
  /** Number of datagrams without an answer. */
  lost: number;
  median: number;
  worst: number;
}

/** The result of an attack. */
export interface AttackResult {
  /** The name of the scenario. */
  name: string;
  attack: string;
  traffic?: Traffic;
  /** Number of attackers that receive what all clients send, as members of a chat. */
  members?: number;
  others?: Latency;
  baseline?: Latency;
  /** The share of the processor time that the server got, of the time that it was ready to run. */
  share?: number;
  /** How long the server took to stop under attack, in milliseconds. */
  stoppedIn?: number;
  before?: Footprint;
  /** The most memory during the attack, in bytes. */
  peak?: number | undefined;
  after?: Footprint;
  faults: string[];
}

/** The options that all attacks share. */
export interface AttackContext {
  baseline: Baseline;
  certificates: Certificates;
  random: Random;
  stop: AbortSignal;
}

/** Pairs each scenario with every attack that applies to it, or with those of the given names. */
export function attacksOn(scenarios: readonly Scenario[], names: readonly string[]): [Scenario, Attack][] {
  const wanted = ATTACKS.filter(({ name }) => names.length === 0 || names.includes(name));
  return scenarios.flatMap((scenario) =>
    wanted.filter((attack) => payloadOf(attack, scenario.protocol) !== undefined)
      .map((attack): [Scenario, Attack] => [scenario, attack])
  );
}

/** Starts a server with one correct client, attacks it, and stops it during a second attack of the same kind. */
export async function runAttack(scenario: Scenario, attack: Attack, context: AttackContext): Promise<AttackResult> {
  const { certificates, random, stop } = context;
  const result: AttackResult = { name: nameOf(scenario), attack: attack.name, faults: [] };
  try {
    const target = await Target.start(scenario, random, certificates);
    try {
      await attackTarget(target, attack, context, result);
    } catch (error) {
      await target.server.kill();
      throw error;
    } finally {
      await target[Symbol.asyncDispose]();
      result.faults.push(...target.verdict(MEMORY_TOLERANCE, Infinity));
    }
  } catch (error) {
    result.faults.push(`${result.name}: ${error instanceof Error ? error.message : error}`);
  }
  result.faults = stop.aborted
    ? []
    : [...result.faults, ...timingFaults(result)].map((fault) => `${fault}, ${attack.name}`);
  return result;
}

async function attackTarget(
  target: Target,
  attack: Attack,
  { baseline, random, stop }: AttackContext,
  result: AttackResult,
): Promise<void> {
  const { server, endpoint, scenario } = target;
  const { pid } = server;
  if (scenario.protocol.name === "chat") result.members = attack.attackers;
  const warm = performance.now() + WARM_UP;
  await target.play(() => performance.now() < warm, stop, 1, 0);
  result.before = await target.measure("before");
  target.tally = noTally();
  {
    await using attackers = await AttackProcess.start(attack, scenario, endpoint, ATTACK, stop);
    let attacking = true;
    const began = await processorTimeOf(pid);
    const going = () => attacking && !stop.aborted;
    const watchMemory = async () => {
      for (; going(); await pause(MEASURE_EVERY)) {
        result.peak = Math.max(result.peak ?? 0, await memoryOf(pid) ?? 0) || undefined;
      }
    };
    const [traffic, beside] = await Promise.all([
      attackers.traffic().finally(() => attacking = false),
      baseline.play(going, random),
      target.play(going, stop, 1, 0),
      watchMemory(),
    ]);
    result.share = shareOf(began, await processorTimeOf(pid));
    result.traffic = traffic;
    result.others = latencyOf(target.tally);
    result.baseline = latencyOf(beside);
  }
  if (stop.aborted) return;
  result.after = await target.measure("after");
  await using _attackers = await AttackProcess.start(attack, scenario, endpoint, SECOND_ATTACK, stop);
  await pause(BEFORE_STOP);
  const began = performance.now();
  await server.stop();
  result.stoppedIn = performance.now() - began;
}

/** Checks latencies and the time to stop against their bounds. */
export function timingFaults(
  { name, members = 0, others, baseline, share = 1, stoppedIn = 0 }: Omit<AttackResult, "attack" | "faults">,
): string[] {
  const faults: string[] = [];
  if (others?.answers === 0) {
    faults.push(`${name}: other clients got no answer`);
  } else if (others !== undefined && baseline !== undefined) {
    for (const which of ["median", "worst"] as const) {
      const over = Math.round(others[which] - baseline[which]);
      const most = Math.round((MOST[which] + members * MORE_PER_MEMBER) / share);
      if (over <= most) continue;
      faults.push(`${name}: ${which} latency of other clients ${over} ms above the baseline, expected at most ${most}`);
    }
  }
  if (stoppedIn > STOPS_WITHIN) {
    faults.push(
      `${name}: took ${(stoppedIn / 1000).toFixed(1)} s to stop, expected at most ${STOPS_WITHIN / 1000}`,
    );
  }
  return faults;
}

/** The share of the time that a server was ready to run in which it ran. With half of it, everything takes twice as long. */
function shareOf(began: ProcessorTime, ended: ProcessorTime): number {
  const ran = ended.ran - began.ran;
  return ran > 0 ? ran / (ran + ended.waited - began.waited) : 1;
}

function latencyOf({ answers, repeated, latency }: Tally): Latency {
  return { answers, lost: repeated, median: latency.quantile(0.5), worst: latency.longest };
}
