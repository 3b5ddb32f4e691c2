/**
 * Runs real servers in their sandboxes for minutes, with correct clients that check every answer, and bad clients. After
 * all clients have left, the servers must hold no more resources than before. Then greedy clients attack one server
 * after another, which must hardly affect the latency of its other clients.
 *
 * @module
 */

import { CommandError, flag, type Option, UsageError, type Values } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { SLOW_POLICIES } from "../../lib/net/broadcast.ts";
import { mulberry32, type Random, seedOf } from "../../services/proxy/random.ts";
import { Progress } from "../shared/progress.ts";
import { hasNatsServer, NATS_ADVICE } from "../shared/nats.ts";
import { drawnSeed, minutes, seed } from "../shared/seeded.ts";
import { type AttackResult, attacksOn, runAttack } from "./soak/attack.ts";
import { type Attack, ATTACKS } from "./soak/attackers.ts";
import { Baseline } from "./soak/baseline.ts";
import { clusterReport, runCluster } from "./soak/cluster.ts";
import { Certificates } from "./soak/certificates.ts";
import { below } from "./soak/client.ts";
import { attackReport, slowReport, soakReport, TOLERANCE } from "./soak/report.ts";
import { nameOf, type Scenario, SCENARIOS } from "./soak/scenarios.ts";
import { runSlowMember, type SlowResult } from "./soak/slow_member.ts";
import { SMALL_NURSERY, Target } from "./soak/target.ts";

/** The phases of a run, as shares of its time. The warm-up ends with the first measurement, the soak with the second. */
const PHASES = { warmUp: 0.15, soak: 0.35, attacks: 0.35, slowMember: 0.15 };
/** The approximate duration of an attack with the server's start and stop, in milliseconds. */
const ATTACK_DURATION = 6000;
/** The longest duration of a chat without a slow member, and with one, in milliseconds: less than the write timeout. */
const LONGEST_CHAT = 8000;
/** Number of faults to print. */
const FAULTS_SHOWN = 20;
/** The value of `--attack` for no attacks. */
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
  service: names("Run this service only", SCENARIOS.map(({ protocol }) => protocol.name)),
  attack: names("Run this attack and nothing else; none for no attacks", [
    ...ATTACKS.map(({ name }) => name),
    NO_ATTACK,
  ]),
  cluster: flag("Run a chat of three servers over NATS instead, with failures of every part"),
  seed: seed("Seed of the clients' random choices"),
};

/** The options that all phases share. */
interface Context {
  seed: number;
  random: Random;
  certificates: Certificates;
  progress: Progress;
  stop: AbortSignal;
}

async function main(values: Values<typeof options>, stop: AbortSignal): Promise<void> {
  const seed = drawnSeed(values.seed);
  const milliseconds = values.minutes * 60_000;
  const { service } = values;
  const scenarios = SCENARIOS.filter(({ protocol }) => service.length === 0 || service.includes(protocol.name));
  const attacks = attacksOn(scenarios, values.attack);
  const attacksAlone = values.attack.some((name) => name !== NO_ATTACK);
  if (attacksAlone && attacks.length === 0) throw new UsageError("--attack: no such attack on this service");
  if (values.cluster && service.length + values.attack.length > 0) {
    throw new UsageError("--cluster runs neither other services nor attacks");
  }
  if (values.cluster && !hasNatsServer()) throw new CommandError(`--cluster needs nats-server: ${NATS_ADVICE}`);
  console.log(`Seed ${seed}`);
  if (values.cluster) return await soakCluster(seed, milliseconds, stop);
  using certificates = await Certificates.make();
  const context: Context = { seed, random: mulberry32(seed), certificates, progress: new Progress(), stop };
  const targets: Target[] = [];
  const attacked: AttackResult[] = [];
  const slow: SlowResult[] = [];
  try {
    if (attacksAlone) {
      await attackAll(attacked, attacks, milliseconds, context);
    } else {
      const attackTime = Math.min(milliseconds * PHASES.attacks, attacks.length * ATTACK_DURATION);
      // The soak gets the time that the attacks do not need.
      const soakTime = milliseconds * (PHASES.soak + PHASES.attacks) - attackTime;
      await soakAll(targets, scenarios, { warmUp: milliseconds * PHASES.warmUp, soak: soakTime }, context);
      await attackAll(attacked, attacks, attackTime, context);
      const chats = scenarios.some(({ protocol }) => protocol.name === "chat");
      if (chats) await chatAll(slow, milliseconds * PHASES.slowMember, context);
    }
  } finally {
    await context.progress.end();
  }

  const style = { colors: Deno.stdout.isTerminal() && !Deno.noColor };
  const reports = [
    ...(targets.length > 0 ? [soakReport(targets, style)] : []),
    ...(attacked.length > 0 ? [attackReport(attacked, attacks.length, style)] : []),
    ...(slow.length > 0 ? [slowReport(slow, style)] : []),
  ];
  console.log(reports.join("\n\n"));
  const faults = [
    ...targets.flatMap((target) => target.verdict(TOLERANCE)),
    ...attacked.flatMap(({ faults }) => faults),
    ...slow.flatMap(({ faults }) => faults),
  ];
  for (const fault of faults.slice(0, FAULTS_SHOWN)) console.log(fault);
  if (faults.length > 0) throw new CommandError(`${faults.length} faults with seed ${seed}`);
  console.log(
    stop.aborted
      ? `No faults with seed ${seed} before the stop`
      : `No faults with seed ${seed}: every answer was correct, and no server kept resources`,
  );
}

/** Runs a chat over NATS while its parts fail, and counts every message at every member. */
async function soakCluster(seed: number, milliseconds: number, stop: AbortSignal): Promise<void> {
  const progress = new Progress();
  let status = "starting";
  const until = performance.now() + milliseconds;
  const going = () => performance.now() < until && !stop.aborted;
  const running = runCluster(mulberry32(seed), going, (failure) => status = failure);
  await progress.during(running, () => status).finally(() => progress.end());
  const result = await running;
  console.log(clusterReport(result, { colors: Deno.stdout.isTerminal() && !Deno.noColor }));
  if (stop.aborted) return console.log(`Stopped before everything was counted, with seed ${seed}`); // Ctrl-C reaches all.
  for (const fault of result.faults.slice(0, FAULTS_SHOWN)) console.log(fault);
  if (result.faults.length > 0) throw new CommandError(`${result.faults.length} faults with seed ${seed}`);
  console.log(`No faults with seed ${seed}: every message was heard once by every member, in one order`);
}

/** Runs correct and bad clients of all servers at once, and measures the servers before and after. */
async function soakAll(
  targets: Target[],
  scenarios: readonly Scenario[],
  times: { warmUp: number; soak: number },
  { seed, certificates, progress, stop }: Context,
): Promise<void> {
  const start = (scenario: Scenario, index: number) =>
    Target.start(scenario, mulberry32(seedOf(seed, index)), certificates, [SMALL_NURSERY]);
  try {
    // If one server does not start, the others are stopped too.
    const started = await Promise.allSettled(scenarios.map(start));
    targets.push(...started.filter((result) => result.status === "fulfilled").map(({ value }) => value));
    for (const result of started) if (result.status === "rejected") throw result.reason;
    const status = () => {
      const sum = (of: (target: Target) => number) => targets.reduce((sum, target) => sum + of(target), 0);
      const answers = sum(({ tally }) => tally.answers).toLocaleString("en");
      const bad = sum(({ badCount }) => badCount).toLocaleString("en");
      return `${answers} correct answers, ${sum(({ faults }) => faults.length)} faults, ${bad} bad clients`;
    };
    const stopped = new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve()));
    for (const phase of ["warmUp", "soak"] as const) {
      const until = performance.now() + times[phase];
      const going = () => performance.now() < until && !stop.aborted;
      const playing = Promise.all(targets.map((target) => target.play(going, stop)));
      await progress.during(Promise.race([playing, stopped]), status);
      // Ctrl-C reaches the servers as well, so they may have ended.
      if (stop.aborted) break;
      const moment = phase === "warmUp" ? "before" : "after";
      await progress.during(Promise.all(targets.map((target) => target.measure(moment))), status);
    }
  } finally {
    await Promise.all(targets.map((target) => target[Symbol.asyncDispose]()));
  }
}

/** Runs attacks in random order until all have run or the time is over; at least one. */
async function attackAll(
  results: AttackResult[],
  attacks: readonly [Scenario, Attack][],
  milliseconds: number,
  context: Context,
): Promise<void> {
  const { random, progress, stop } = context;
  if (attacks.length === 0 || stop.aborted) return;
  const until = performance.now() + milliseconds;
  await using baseline = await Baseline.start();
  const left = [...attacks];
  do {
    const [[scenario, attack]] = left.splice(below(left.length, random), 1) as [[Scenario, Attack]];
    const attacking = runAttack(scenario, attack, { ...context, baseline });
    const status = `attack ${results.length + 1} of ${attacks.length}: ${nameOf(scenario)}, ${attack.name}`;
    await progress.during(attacking, () => status);
    results.push(await attacking);
  } while (left.length > 0 && performance.now() < until && !stop.aborted);
}

/** Runs a chat with a slow member under each policy. */
async function chatAll(results: SlowResult[], milliseconds: number, { progress, stop }: Context): Promise<void> {
  const share = Math.min(LONGEST_CHAT, milliseconds / SLOW_POLICIES.length / 2);
  for (const policy of SLOW_POLICIES) {
    if (stop.aborted) break;
    const chatting = runSlowMember(policy, share, stop);
    await progress.during(chatting, () => `chat with a slow member, --slow ${policy}`);
    results.push(await chatting);
  }
}

if (import.meta.main) {
  await runTask(
    {
      ...task("soak"),
      summary: "Runs correct, bad and greedy clients of real servers; checks answers, latency, resources and the stop.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
