/**
 * A soak: for minutes, real servers in their sandboxes, correct clients whose every answer is checked, and bad clients
 * beside them. When all have gone, the servers must be back where they were.
 *
 * @module
 */

import { CommandError, type Option, UsageError, type Values } from "../lib/cli/mod.ts";
import { runTask } from "../lib/launch/mod.ts";
import { SLOW_POLICIES } from "../lib/net/mod.ts";
import { mulberry32, seedOf } from "../services/proxy/random.ts";
import { Progress } from "./progress.ts";
import { drawnSeed, minutes, seed } from "./seeded.ts";
import { Station } from "./soak/station.ts";
import { TRADES } from "./soak/correct.ts";
import { MAX_LAG, MEMBERS, type SlowResult, trySlowMember } from "./soak/slow_member.ts";
import { table } from "./table.ts";

/** Parts of the time: what comes before the first measurement, what is measured, and the chat with a slow member. */
const PARTS = { warmUp: 0.2, soak: 0.55, slowMember: 0.25 };
/** The longest a chat goes on without a slow member, and with one, in milliseconds: less than its write timeout. */
const LONGEST_CHAT = 8000;
/** How much more memory a server may have at the end, in MB: what V8 keeps for later differs by that much. */
const TOLERANCE = 32;
const service: Option<string[]> = {
  placeholder: "NAME",
  help: "This service alone",
  default: [],
  repeats: true,
  parse(given) {
    if (TRADES.some(({ service }) => service === given)) return given;
    throw new UsageError(`expected one of ${TRADES.map(({ service }) => service).join(", ")}, got "${given}"`);
  },
};

const options = {
  minutes,
  service,
  seed: seed("Draw what clients do by this seed"),
};

async function main(values: Values<typeof options>, stop: AbortSignal): Promise<void> {
  const seed = drawnSeed(values.seed);
  const milliseconds = values.minutes * 60_000;
  const trades = TRADES.filter(({ service }) => values.service.length === 0 || values.service.includes(service));
  console.log(`Seed ${seed}`);
  const progress = new Progress();
  const style = { colors: Deno.stdout.isTerminal() && !Deno.noColor };

  const stations = await Promise.all(
    trades.map((trade, place) => Station.open(trade, mulberry32(seedOf(seed, place)))),
  );
  const slow: SlowResult[] = [];
  try {
    const soFar = () => {
      const sum = (of: (station: Station) => number) => stations.reduce((sum, station) => sum + of(station), 0);
      const answers = sum(({ tally }) => tally.answers).toLocaleString("en");
      const bad = sum(({ badClients }) => badClients).toLocaleString("en");
      return `${answers} answers right, ${sum(({ faults }) => faults.length)} faults, ${bad} bad clients`;
    };
    const stopped = new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve()));
    for (const part of ["warmUp", "soak"] as const) {
      const until = performance.now() + milliseconds * PARTS[part];
      const going = () => performance.now() < until && !stop.aborted;
      const played = Promise.all(stations.map((station) => station.play(going, stop)));
      await progress.during(Promise.race([played, stopped]), soFar);
      // Ctrl-C reaches the servers as well, so there may be nothing left to look at.
      if (stop.aborted) break;
      const moment = part === "warmUp" ? "before" : "after";
      await progress.during(Promise.all(stations.map((station) => station.measure(moment))), soFar);
    }
    const share = Math.min(LONGEST_CHAT, milliseconds * PARTS.slowMember / SLOW_POLICIES.length / 2);
    for (const policy of SLOW_POLICIES) {
      if (stop.aborted || !trades.some(({ service }) => service === "chat")) break;
      const chatting = trySlowMember(policy, share, stop);
      await progress.during(chatting, () => `chat with a slow member, --slow ${policy}`);
      slow.push(await chatting);
    }
  } finally {
    await progress.end();
    await Promise.all(stations.map((station) => station[Symbol.asyncDispose]()));
  }

  console.log(table(HEADS, stations.map(rowOf), { right: [1, 2, 3, 4, 5, 6, 7], ...style }));
  for (const station of stations) console.log(`${station.trade.service} ended ${listed(station.closed)}`);
  console.log(`Bad clients: ${listed(sumOf(stations.map(({ done }) => done)))}`);
  console.log("open: connections still open, and members of rooms. Back: descriptors exactly, memory within");
  console.log(`${TOLERANCE} MB, nothing open. ${NOT_TOLD}`);
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

const HEADS = ["service", "clients", "answers", "bytes", "lost", "asked again", "bad clients", "open"]
  .concat("descriptors", "memory (MB)", "back");
const SLOW_HEADS = ["--slow", "heard/s without", "with", "ratio", "MB before", "peak", "after", "the log says of it"];
const NOT_TOLD = '"-": the system does not tell. Linux tells both, macOS no descriptors, Windows neither.';

function rowOf(station: Station): string[] {
  const { tally, before, after } = station;
  const change = (from: number | undefined, to: number | undefined) => `${shown(from)} -> ${shown(to)}`;
  return [
    station.trade.service,
    ...[tally.connections, tally.answers, tally.bytes, station.lost].map((number) => number.toLocaleString("en")),
    station.trade.transport === "UDP" ? String(tally.repeated) : "",
    station.badClients.toLocaleString("en"),
    station.trade.transport === "UDP"
      ? ""
      : `${station.open}${station.trade.service === "chat" ? `, ${station.members}` : ""}`,
    change(before?.descriptors, after?.descriptors),
    change(before?.memory, after?.memory),
    after === undefined ? "not looked at" : station.verdict(TOLERANCE).length === 0 ? "yes" : "NO",
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
  await runTask(
    {
      name: "soak",
      summary: "Soaks servers in correct and bad clients, and looks whether they are back where they were after it.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
