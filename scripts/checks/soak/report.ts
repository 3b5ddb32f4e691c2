// The results of a soak as tables, with a few words below them.

import { table, type TableStyle } from "../../shared/table.ts";
import { type AttackResult, MOST, STOPS_WITHIN } from "./attacked.ts";
import { MAX_LAG, MEMBERS, type SlowResult } from "./slow_member.ts";
import type { Station } from "./station.ts";

/** By how much a server's memory may have grown after a soak, in MB: V8 keeps that much for later. */
export const TOLERANCE = 32;

const SOAK_HEADS = ["service", "clients", "answers", "bytes", "lost", "asked again", "bad clients", "open"]
  .concat("descriptors", "memory (MB)", "back");
const SOAK_WORDS = `\
open: connections that were open when all clients had gone. Back: no more descriptors, memory within ${TOLERANCE} MB,
nothing open. "-": the system does not tell. Linux tells both, macOS no descriptors, Windows neither.`;
const ATTACK_HEADS = ["attacked", "attack", "connections", "sent", "answers", "lost", "median", "worst"]
  .concat("baseline median", "worst", "processor", "stopped in (s)", "descriptors", "memory (MB)", "well");
const ATTACK_WORDS = `\
sent: by the attackers, in MB; a flood, in datagrams. lost: others' datagrams without an answer in a second. baseline: the
latency of a bare echo server that is not attacked. processor: which part of the processor time that it was ready to use
the server got. The latency of others may exceed the baseline by ${MOST.median} ms in the median and ${MOST.worst} ms in the worst case,
divided by that part. stopped in: from SIGTERM under attack to the end of the process, ${
  STOPS_WITHIN / 1000
} s at the most.`;
const SLOW_HEADS = ["--slow", "heard/s without", "with", "ratio", "MB before", "peak", "after", "the log says of it"];
const SLOW_WORDS = `\
With drop-oldest and disconnect the others go on; with wait the slow one sets the pace, until the write timeout of 30 s
closes it.`;

/** The results of correct and bad clients at all servers. */
export function soakReport(stations: readonly Station[], style: TableStyle): string {
  const ended = stations.filter(({ closed }) => closed !== "").map(({ name, closed }) => `${name} ended ${closed}`);
  const bad = `Bad clients: ${listed(sumOf(stations.map(({ done }) => done)))}`;
  const rows = table(SOAK_HEADS, stations.map(soakRow), { right: [1, 2, 3, 4, 5, 6, 7], ...style });
  return [rows, ...ended, bad, SOAK_WORDS].join("\n");
}

/** The results of attacks, of a number of possible ones. */
export function attackReport(results: readonly AttackResult[], of: number, style: TableStyle): string {
  const words = `${results.length} of ${of} attacks, and the latency of others, in milliseconds`;
  const sorted = results.toSorted((a, b) => a.name.localeCompare(b.name) || a.attack.localeCompare(b.attack));
  const rows = table(ATTACK_HEADS, sorted.map(attackRow), { right: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ...style });
  return [words, rows, ATTACK_WORDS].join("\n");
}

/** The results of chats with a slow member. */
export function slowReport(results: readonly SlowResult[], style: TableStyle): string {
  const words =
    `Chat of ${MEMBERS} members in turns, then with one more that never reads and may be ${MAX_LAG} bytes behind`;
  const rows = table(SLOW_HEADS, results.map(slowRow), { right: [1, 2, 3, 4, 5, 6], ...style });
  return [words, rows, SLOW_WORDS].join("\n");
}

function soakRow(station: Station): string[] {
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

function attackRow(
  { name, attack, traffic, others, baseline, share, stoppedIn, before, peak, after, faults }: AttackResult,
): string[] {
  const isFlood = attack === "flood";
  const sent = traffic && (isFlood ? traffic.sent : Math.round(traffic.sent / 1e6));
  return [
    name,
    attack,
    ...[traffic?.connections, sent, others?.answers].map((number) => number?.toLocaleString("en") ?? "-"),
    isFlood ? shown(others?.lost) : "",
    ...[others?.median, others?.worst, baseline?.median, baseline?.worst].map((time) => time?.toFixed(1) ?? "-"),
    share === undefined ? "-" : `${Math.round(100 * share)}%`,
    stoppedIn === undefined ? "-" : (stoppedIn / 1000).toFixed(1),
    change(before?.descriptors, after?.descriptors),
    change(before?.memory, peak, after?.memory),
    faults.length > 0 ? "NO" : stoppedIn === undefined ? "not looked at" : "yes",
  ];
}

function slowRow({ policy, without, with: withSlow, memory, said }: SlowResult): string[] {
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
