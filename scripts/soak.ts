/**
 * A soak: for minutes, real servers in their sandboxes, correct clients whose every answer is checked, and bad clients
 * beside them. When all have gone, the servers must be back where they were. Then one server after another is attacked
 * by clients that ask for more than their share, and others must hardly notice.
 *
 * @module
 */

import { CommandError, type Option, run, UsageError, type Values } from "../lib/cli/mod.ts";
import { SLOW_POLICIES } from "../lib/net/mod.ts";
import { mulberry32, seedOf } from "../services/proxy/random.ts";
import { Progress } from "./progress.ts";
import { drawnSeed, minutes, seed } from "./seeded.ts";
import { type AttackResult, attacksOn, MOST, type Scene, STOPS_WITHIN, tryAttack } from "./soak/attacked.ts";
import { type Attack, ATTACKS } from "./soak/attackers.ts";
import { Certificates } from "./soak/certificates.ts";
import { below, nameOf, type Trade, TRADES } from "./soak/correct.ts";
import { Neighbour } from "./soak/neighbour.ts";
import { Station } from "./soak/station.ts";
import { MAX_LAG, MEMBERS, type SlowResult, trySlowMember } from "./soak/slow_member.ts";
import { table } from "./table.ts";

/** Parts of the time: what comes before the first measurement, what is measured, attacks, and the chat with a slow member. */
const PARTS = { warmUp: 0.15, soak: 0.35, attacks: 0.35, slowMember: 0.15 };
/** About how long one attack takes, with a server's start and its stop, in milliseconds. */
const ATTACK = 6000;
/** The longest a chat goes on without a slow member, and with one, in milliseconds: less than its write timeout. */
const LONGEST_CHAT = 8000;
/** How much more memory a server may have at the end, in MB: what V8 keeps for later differs by that much. */
const TOLERANCE = 32;

function names(help: string, all: Iterable<string>): Option<string[]> {
  const known = [...new Set(all)];
  return {
    placeholder: "NAME",
    help,
    default: [],
    repeats: true,
    parse(given) {
      if (known.includes(given)) return given;
      throw new UsageError(`expected one of ${known.join(", ")}, got "${given}"`);
    },
  };
}

const options = {
  minutes,
  service: names("This service alone", TRADES.map(({ service }) => service)),
  attack: names(
    `Nothing but this attack: ${ATTACKS.map(({ name }) => name).join(", ")}`,
    ATTACKS.map(({ name }) => name),
  ),
  seed: seed("Draw what clients do by this seed"),
};

async function main(values: Values<typeof options>, stop: AbortSignal): Promise<void> {
  const seed = drawnSeed(values.seed);
  const milliseconds = values.minutes * 60_000;
  const trades = TRADES.filter(({ service }) => values.service.length === 0 || values.service.includes(service));
  const attacks = attacksOn(trades, values.attack);
  if (attacks.length === 0) throw new UsageError("None of these services can be attacked so");
  const attacksAlone = values.attack.length > 0;
  console.log(`Seed ${seed}`);
  const progress = new Progress();
  using certificates = await Certificates.make();
  const random = mulberry32(seed);
  const stations: Station[] = [];
  const attacked: AttackResult[] = [];
  const slow: SlowResult[] = [];
  try {
    // What attacks have no use for goes to the soak.
    const attackTime = attacksAlone ? milliseconds : Math.min(milliseconds * PARTS.attacks, attacks.length * ATTACK);
    if (!attacksAlone) {
      const spared = milliseconds * PARTS.attacks - attackTime;
      const times = { warmUp: milliseconds * PARTS.warmUp, soak: milliseconds * PARTS.soak + spared };
      await soak(stations, trades, times, { seed, certificates, stop, progress });
    }
    await attackAll(attacked, attacks, attackTime, { random, certificates, stop }, progress);
    if (!attacksAlone && trades.some(({ service }) => service === "chat")) {
      const share = Math.min(LONGEST_CHAT, milliseconds * PARTS.slowMember / SLOW_POLICIES.length / 2);
      for (const policy of SLOW_POLICIES) {
        if (stop.aborted) break;
        const chatting = trySlowMember(policy, share, stop);
        await progress.during(chatting, () => `chat with a slow member, --slow ${policy}`);
        slow.push(await chatting);
      }
    }
  } finally {
    await progress.end();
  }

  const style = { colors: Deno.stdout.isTerminal() && !Deno.noColor };
  if (stations.length > 0) {
    console.log(table(HEADS, stations.map(rowOf), { right: [1, 2, 3, 4, 5, 6, 7], ...style }));
    for (const { name, closed } of stations) if (closed !== "") console.log(`${name} ended ${closed}`);
    console.log(`Bad clients: ${listed(sumOf(stations.map(({ done }) => done)))}`);
    console.log("open: connections that were open when all clients had gone. Back: no more descriptors, memory within");
    console.log(`${TOLERANCE} MB, nothing open. ${NOT_TOLD}`);
  }
  if (attacked.length > 0) {
    console.log(
      `\n${attacked.length} of ${attacks.length} attacks, and how long others waited meanwhile, in milliseconds`,
    );
    console.log(table(ATTACK_HEADS, attacked.map(attackRowOf), { right: [2, 3, 4, 5, 6, 7, 8, 9, 10], ...style }));
    console.log(ATTACK_WORDS);
  }
  if (slow.length > 0) {
    console.log(
      `\nChat of ${MEMBERS} members in turns, then with one more that never reads and may be ${MAX_LAG} bytes behind`,
    );
    console.log(table(SLOW_HEADS, slow.map(slowRowOf), { right: [1, 2, 3, 4, 5, 6], ...style }));
    console.log(
      "With drop-oldest and disconnect the others go on; with wait the slow one sets the pace, until the write",
    );
    console.log("timeout of 30 s closes it.");
  }
  const faults = [
    ...stations.flatMap((station) => station.verdict(TOLERANCE)),
    ...attacked.flatMap(({ faults }) => faults),
    ...slow.flatMap(({ faults }) => faults),
  ];
  for (const fault of faults.slice(0, 20)) console.log(fault);
  if (faults.length > 0) throw new CommandError(`${faults.length} faults with seed ${seed}`);
  console.log(
    stop.aborted
      ? `Nothing was wrong with seed ${seed} before it was stopped`
      : `Every answer was right, and all are back where they were; seed ${seed}`,
  );
}

/** Has clients of both kinds at all servers at once, and looks what these take up before and after it. */
async function soak(
  stations: Station[],
  trades: readonly Trade[],
  times: { warmUp: number; soak: number },
  { seed, certificates, stop, progress }: {
    seed: number;
    certificates: Certificates;
    stop: AbortSignal;
    progress: Progress;
  },
): Promise<void> {
  stations.push(
    ...await Promise.all(
      trades.map((trade, place) => Station.open(trade, mulberry32(seedOf(seed, place)), certificates)),
    ),
  );
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

/** Tries attacks in an order drawn by chance, each once, for as long as there is time; one at the least. */
async function attackAll(
  results: AttackResult[],
  attacks: readonly [Trade, Attack][],
  milliseconds: number,
  scene: Omit<Scene, "neighbour">,
  progress: Progress,
): Promise<void> {
  const until = performance.now() + milliseconds;
  await using neighbour = await Neighbour.start();
  const left = [...attacks];
  do {
    if (scene.stop.aborted) break;
    const [[trade, attack]] = left.splice(below(left.length, scene.random), 1) as [[Trade, Attack]];
    const trying = tryAttack(trade, attack, { ...scene, neighbour });
    const which = () => `attack ${results.length + 1} of ${attacks.length}: ${nameOf(trade)}, ${attack.name}`;
    await progress.during(trying, which);
    results.push(await trying);
  } while (left.length > 0 && performance.now() < until);
}

const HEADS = ["service", "clients", "answers", "bytes", "lost", "asked again", "bad clients", "open"]
  .concat("descriptors", "memory (MB)", "back");
const ATTACK_HEADS = ["attacked", "attack", "connections", "sent", "answers", "lost", "median", "worst"]
  .concat("bare median", "worst", "stopped in (s)", "descriptors", "memory (MB)", "well");
const ATTACK_WORDS =
  `sent: by the attackers, in MB, or datagrams. lost: datagrams of others without an answer in a second. bare: how long
the client of a server of a few lines waited that nobody attacked; others may wait ${MOST.median} ms longer in the middle, and
${MOST.worst} ms at the worst. stopped in: from SIGTERM under attack to the server's end, ${
    STOPS_WITHIN / 1000
  } s at the most.`;
const SLOW_HEADS = ["--slow", "heard/s without", "with", "ratio", "MB before", "peak", "after", "the log says of it"];
const NOT_TOLD = '"-": the system does not tell. Linux tells both, macOS no descriptors, Windows neither.';

function rowOf(station: Station): string[] {
  const { tally, before, after } = station;
  return [
    station.name,
    ...[tally.connections, tally.answers, tally.bytes, station.lost].map((number) => number.toLocaleString("en")),
    station.trade.transport === "UDP" ? String(tally.repeated) : "",
    station.badClients.toLocaleString("en"),
    after === undefined || station.open === undefined ? "" : String(station.open),
    change(before?.descriptors, after?.descriptors),
    change(before?.memory, after?.memory),
    after === undefined ? "not looked at" : station.verdict(TOLERANCE).length === 0 ? "yes" : "NO",
  ];
}

function attackRowOf(
  { name, attack, effort, tally, others, neighbour, stoppedIn, before, peak, after, faults }: AttackResult,
): string[] {
  const isFlood = attack === "flood";
  return [
    name,
    attack,
    ...[effort?.connections, effort && (isFlood ? effort.sent : Math.round(effort.sent / 1e6)), tally.answers]
      .map((number) => number?.toLocaleString("en") ?? "-"),
    isFlood ? String(tally.repeated) : "",
    ...[others?.median, others?.worst, neighbour?.median, neighbour?.worst].map((time) => time?.toFixed(1) ?? "-"),
    stoppedIn === undefined ? "-" : (stoppedIn / 1000).toFixed(1),
    change(before?.descriptors, after?.descriptors),
    change(before?.memory, peak, after?.memory),
    faults.length === 0 ? "yes" : "NO",
  ];
}

function slowRowOf({ policy, without, with: withSlow, memory, said }: SlowResult): string[] {
  const rate = (number: number) => Math.round(number).toLocaleString("en");
  const ratio = without > 0 ? (withSlow / without).toFixed(2) : "-";
  return [
    policy,
    rate(without),
    rate(withSlow),
    ratio,
    shown(memory.before),
    shown(memory.peak),
    shown(memory.after),
    said,
  ];
}

function change(...numbers: (number | undefined)[]): string {
  return numbers.map(shown).join(" -> ");
}

function shown(number: number | undefined): string {
  return number === undefined ? "-" : String(Math.round(number));
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts].sort(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`).join(", ") || "none";
}

function sumOf(all: ReadonlyMap<string, number>[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const [name, count] of all.flatMap((counts) => [...counts])) sum.set(name, (sum.get(name) ?? 0) + count);
  return sum;
}

if (import.meta.main) {
  await run(
    {
      name: "soak",
      summary: "Soaks servers in correct and bad clients, attacks them, and looks whether others and they are well.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
