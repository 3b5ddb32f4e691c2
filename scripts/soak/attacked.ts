// One server under one attack: how long others wait, how soon it stops when it is told to, and whether it is back where
// it was when the attackers have gone.

import type { Random } from "../../services/proxy/random.ts";
import { AttackProcess } from "./attack_process.ts";
import { type Attack, ATTACKS, type Effort, loadOf } from "./attackers.ts";
import type { Certificates } from "./certificates.ts";
import { nameOf, noTally, pause, type Tally, type Trade } from "./correct.ts";
import { type Footprint, memoryOf, type ProcessorTime, processorTimeOf } from "./measure.ts";
import type { Neighbour } from "./neighbour.ts";
import { Station } from "./station.ts";

/** How long clients warm a server up, and how long it is attacked, in milliseconds. */
const WARM_UP = 300;
const ATTACKED = 2000;
/** How long the attack has gone on again when the server is told to stop, in milliseconds. */
const BEFORE_STOP = 300;
/** How long the attackers of a server that is to stop go on at the most: longer than anybody waits for its end. */
const LONGEST_STOP = 20_000;
/** How often memory is looked at, in milliseconds. */
const LOOK_EVERY = 250;

/**
 * How much longer than the neighbour's client others may wait in the middle, and at the worst, in milliseconds: of a
 * server that has the processor whenever it asks for it.
 */
export const MOST = { median: 20, worst: 250 };
/** How long a server may take to stop, in milliseconds: the 5 s that connections may take to finish, and some more. */
export const STOPS_WITHIN = 7000;
/** How much more memory it may have when the attackers have gone, in MB. */
export const MEMORY_TOLERANCE = 128;

/** How long clients waited for answers, in milliseconds. */
export interface Waits {
  answers: number;
  /** Datagrams that had none. */
  lost: number;
  median: number;
  worst: number;
}

/** What came of an attack. */
export interface AttackResult {
  /** Who was attacked, and how. */
  name: string;
  attack: string;
  effort?: Effort;
  /** How long others waited meanwhile. */
  others?: Waits;
  /** How long the neighbour's client waited at the same time. */
  neighbour?: Waits;
  /** What share of the time on the processor that it asked for the server had meanwhile. */
  share?: number;
  /** How long the server took to stop while it was attacked, in milliseconds. */
  stoppedIn?: number;
  before?: Footprint;
  /** The most memory that was seen, in MB. */
  peak?: number | undefined;
  after?: Footprint;
  faults: string[];
}

/** What an attack needs besides a server and itself. */
export interface Scene {
  neighbour: Neighbour;
  certificates: Certificates;
  random: Random;
  stop: AbortSignal;
}

/** Every trade with every attack that makes sense for it, of those that are wanted. */
export function attacksOn(trades: readonly Trade[], names: readonly string[]): [Trade, Attack][] {
  const wanted = ATTACKS.filter(({ name }) => names.length === 0 || names.includes(name));
  return trades.flatMap((trade) =>
    wanted.filter((attack) => attack.transport === trade.transport && loadOf(attack, trade.service) !== undefined)
      .map((attack): [Trade, Attack] => [trade, attack])
  );
}

/** Tries one attack on one server. */
export async function tryAttack(trade: Trade, attack: Attack, scene: Scene): Promise<AttackResult> {
  const { certificates, random, stop } = scene;
  const result: AttackResult = { name: nameOf(trade), attack: attack.name, faults: [] };
  try {
    const station = await Station.open(trade, random, certificates);
    try {
      await attackStation(station, attack, scene, result);
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
    : [...result.faults, ...slownessOf(result)].map((fault) => `${fault}, ${attack.name}`);
  return result;
}

async function attackStation(
  station: Station,
  attack: Attack,
  { neighbour, random, stop }: Scene,
  result: AttackResult,
): Promise<void> {
  const { server, place, trade: { service } } = station;
  const { pid } = server.process;
  const warm = performance.now() + WARM_UP;
  await station.play(() => performance.now() < warm, stop, 0);
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
    const [effort, beside] = await Promise.all([
      attackers.effort().finally(() => attacking = false),
      neighbour.play(going, random),
      station.play(going, stop, 0),
      look(),
    ]);
    result.share = shareOf(began, await processorTimeOf(pid));
    result.effort = effort;
    result.others = waitsOf(station.tally);
    result.neighbour = waitsOf(beside);
  }
  if (stop.aborted) return;
  result.after = await station.measure("after");
  await using _attackers = await AttackProcess.start(attack, service, place, LONGEST_STOP, stop);
  await pause(BEFORE_STOP);
  const began = performance.now();
  await server.stop();
  result.stoppedIn = performance.now() - began;
}

/** What took longer than it may. */
export function slownessOf(
  { name, others, neighbour, share = 1, stoppedIn = 0 }: Omit<AttackResult, "attack" | "faults">,
): string[] {
  const faults: string[] = [];
  if (others?.answers === 0) {
    faults.push(`${name}: others had no answer`);
  } else if (others !== undefined && neighbour !== undefined) {
    for (const which of ["median", "worst"] as const) {
      const more = others[which] - neighbour[which];
      if (more * share <= MOST[which]) continue;
      faults.push(`${name}: others waited ${Math.round(more)} ms more than the neighbour's client (${which})`);
    }
  }
  if (stoppedIn > STOPS_WITHIN) faults.push(`${name}: took ${(stoppedIn / 1000).toFixed(1)} s to stop`);
  return faults;
}

/** A server that has half of the time that it asks for takes twice as long for everything. */
function shareOf(began: ProcessorTime, ended: ProcessorTime): number {
  const ran = ended.ran - began.ran;
  return ran > 0 ? ran / (ran + ended.waited - began.waited) : 1;
}

function waitsOf({ answers, repeated, waits }: Tally): Waits {
  return { answers, lost: repeated, median: waits.quantile(0.5), worst: waits.longest };
}
