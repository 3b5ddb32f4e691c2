/**
 * A soak: for minutes, real servers in their sandboxes, correct clients whose every answer is checked, and bad clients
 * beside them. When all have gone, the servers must be back where they were. Then greedy clients attack one server after
 * another, and its other clients must hardly notice.
 *
 * @module
 */

import { CommandError, type Option, UsageError, type Values } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { SLOW_POLICIES } from "../../lib/net/mod.ts";
import { mulberry32, type Random, seedOf } from "../../services/proxy/random.ts";
import { Progress } from "../shared/progress.ts";
import { drawnSeed, minutes, seed } from "../shared/seeded.ts";
import { type AttackResult, attacksOn, tryAttack } from "./soak/attacked.ts";
import { type Attack, ATTACKS } from "./soak/attackers.ts";
import { Certificates } from "./soak/certificates.ts";
import { below, nameOf, type Trade, TRADES } from "./soak/correct.ts";
import { Baseline } from "./soak/baseline.ts";
import { attackReport, slowReport, soakReport, TOLERANCE } from "./soak/report.ts";
import { type SlowResult, trySlowMember } from "./soak/slow_member.ts";
import { Station } from "./soak/station.ts";

/** Parts of the time: before the first measurement, up to the second one, attacks, chats with a slow member. */
const PARTS = { warmUp: 0.15, soak: 0.35, attacks: 0.35, slowMember: 0.15 };
/** The time that an attack takes with the server's start and stop, about, in milliseconds. */
const ATTACK_TAKES = 6000;
/** The longest a chat goes on without a slow member, and with one, in milliseconds: less than its write timeout. */
const LONGEST_CHAT = 8000;
/** How many faults are printed. */
const FAULTS_SHOWN = 20;
/** The name for no attack at all. */
const NO_ATTACK = "none";

function names(help: string, all: readonly string[]): Option<string[]> {
  const known = new Set(all);
  return {
    placeholder: "NAME",
    help,
    default: [],
    repeats: true,
    parse(given) {
      if (known.has(given)) return given;
      throw new UsageError(`expected one of ${[...known].join(", ")}, got "${given}"`);
    },
  };
}

const options = {
  minutes,
  service: names("This service alone", TRADES.map(({ service }) => service)),
  attack: names("This attack alone and nothing else; none for no attacks", [
    ...ATTACKS.map(({ name }) => name),
    NO_ATTACK,
  ]),
  seed: seed("Draw what clients do by this seed"),
};

/** What all parts of a run share. */
interface Setting {
  seed: number;
  random: Random;
  certificates: Certificates;
  progress: Progress;
  stop: AbortSignal;
}

async function main(values: Values<typeof options>, stop: AbortSignal): Promise<void> {
  const seed = drawnSeed(values.seed);
  const milliseconds = values.minutes * 60_000;
  const trades = TRADES.filter(({ service }) => values.service.length === 0 || values.service.includes(service));
  const attacks = attacksOn(trades, values.attack);
  const attacksAlone = values.attack.some((name) => name !== NO_ATTACK);
  if (attacksAlone && attacks.length === 0) throw new UsageError("--attack: this service cannot be attacked so");
  console.log(`Seed ${seed}`);
  using certificates = await Certificates.make();
  const setting: Setting = { seed, random: mulberry32(seed), certificates, progress: new Progress(), stop };
  const stations: Station[] = [];
  const attacked: AttackResult[] = [];
  const slow: SlowResult[] = [];
  try {
    if (attacksAlone) {
      await attackAll(attacked, attacks, milliseconds, setting);
    } else {
      const { warmUp, soak, attacks: share, slowMember } = PARTS;
      const attacking = Math.min(milliseconds * share, attacks.length * ATTACK_TAKES);
      // The soak gets the time that the attacks do not need.
      const soaking = milliseconds * (soak + share) - attacking;
      await soakAll(stations, trades, { warmUp: milliseconds * warmUp, soak: soaking }, setting);
      await attackAll(attacked, attacks, attacking, setting);
      const chats = trades.some(({ service }) => service === "chat");
      if (chats) await chatAll(slow, milliseconds * slowMember, setting);
    }
  } finally {
    await setting.progress.end();
  }

  const style = { colors: Deno.stdout.isTerminal() && !Deno.noColor };
  const reports = [
    ...(stations.length > 0 ? [soakReport(stations, style)] : []),
    ...(attacked.length > 0 ? [attackReport(attacked, attacks.length, style)] : []),
    ...(slow.length > 0 ? [slowReport(slow, style)] : []),
  ];
  console.log(reports.join("\n\n"));
  const faults = [
    ...stations.flatMap((station) => station.verdict(TOLERANCE)),
    ...attacked.flatMap(({ faults }) => faults),
    ...slow.flatMap(({ faults }) => faults),
  ];
  for (const fault of faults.slice(0, FAULTS_SHOWN)) console.log(fault);
  if (faults.length > 0) throw new CommandError(`${faults.length} faults with seed ${seed}`);
  console.log(
    stop.aborted
      ? `Nothing was wrong with seed ${seed} before it was stopped`
      : `Every answer was right, and all are back where they were; seed ${seed}`,
  );
}

/** Runs correct and bad clients at all servers at once, and measures the servers before and after it. */
async function soakAll(
  stations: Station[],
  trades: readonly Trade[],
  times: { warmUp: number; soak: number },
  { seed, certificates, progress, stop }: Setting,
): Promise<void> {
  const open = (trade: Trade, place: number) => Station.open(trade, mulberry32(seedOf(seed, place)), certificates);
  stations.push(...await Promise.all(trades.map(open)));
  try {
    const soFar = () => {
      const sum = (of: (station: Station) => number) => stations.reduce((sum, station) => sum + of(station), 0);
      const answers = sum(({ tally }) => tally.answers).toLocaleString("en");
      const bad = sum(({ badClients }) => badClients).toLocaleString("en");
      return `${answers} answers right, ${sum(({ faults }) => faults.length)} faults, ${bad} bad clients`;
    };
    const stopped = new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve()));
    for (const part of ["warmUp", "soak"] as const) {
      const until = performance.now() + times[part];
      const going = () => performance.now() < until && !stop.aborted;
      const played = Promise.all(stations.map((station) => station.play(going, stop)));
      await progress.during(Promise.race([played, stopped]), soFar);
      // Ctrl-C reaches the servers as well, so there may be nothing left to look at.
      if (stop.aborted) break;
      const moment = part === "warmUp" ? "before" : "after";
      await progress.during(Promise.all(stations.map((station) => station.measure(moment))), soFar);
    }
  } finally {
    await Promise.all(stations.map((station) => station[Symbol.asyncDispose]()));
  }
}

/** Tries attacks in random order, each once, while there is time; at least one. */
async function attackAll(
  results: AttackResult[],
  attacks: readonly [Trade, Attack][],
  milliseconds: number,
  setting: Setting,
): Promise<void> {
  const { random, progress, stop } = setting;
  if (attacks.length === 0 || stop.aborted) return;
  const until = performance.now() + milliseconds;
  await using baseline = await Baseline.start();
  const left = [...attacks];
  do {
    const [[trade, attack]] = left.splice(below(left.length, random), 1) as [[Trade, Attack]];
    const trying = tryAttack(trade, attack, { ...setting, baseline });
    const which = `attack ${results.length + 1} of ${attacks.length}: ${nameOf(trade)}, ${attack.name}`;
    await progress.during(trying, () => which);
    results.push(await trying);
  } while (left.length > 0 && performance.now() < until && !stop.aborted);
}

/** Tries a chat with a slow member under each policy. */
async function chatAll(results: SlowResult[], milliseconds: number, { progress, stop }: Setting): Promise<void> {
  const share = Math.min(LONGEST_CHAT, milliseconds / SLOW_POLICIES.length / 2);
  for (const policy of SLOW_POLICIES) {
    if (stop.aborted) break;
    const chatting = trySlowMember(policy, share, stop);
    await progress.during(chatting, () => `chat with a slow member, --slow ${policy}`);
    results.push(await chatting);
  }
}

if (import.meta.main) {
  await runTask(
    {
      name: "soak",
      summary: "Runs correct, bad and greedy clients at real servers; checks answers, latency, memory and the stop.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
