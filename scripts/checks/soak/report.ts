// The results of a soak as tables, with explanations below them.

import { table, type TableStyle } from "../../shared/table.ts";
import { type AttackResult, MORE_PER_MEMBER, MOST, STOPS_WITHIN } from "./attack.ts";
import { MAX_LAG, MEMBERS, type SlowResult } from "./slow_member.ts";
import type { Target } from "./target.ts";

/** By how much a server's memory may have grown in a soak, in bytes: V8 keeps freed memory. */
export const TOLERANCE = 32e6;

const SOAK_HEADS = ["service", "clients", "answers", "bytes", "lost", "repeated", "bad clients", "open"]
  .concat("descriptors", "memory (MB)", "clean");
const SOAK_NOTES = `\
repeated: datagrams sent again because no answer came. open: connections that were open after all clients had left.
clean: no more descriptors than before, memory grown by ${
  TOLERANCE / 1e6
} MB at most, no open connections. "-": the system does
not report it. Linux reports both, macOS memory only, Windows neither.`;
const ATTACK_HEADS = ["attacked", "attack", "connections", "sent", "answers", "lost", "median", "worst"]
  .concat("baseline median", "worst", "processor", "stopped in (s)", "descriptors", "memory (MB)", "passed");
const ATTACK_NOTES = `\
sent: MB sent by the attackers; datagrams in a flood. lost: datagrams of other clients without an answer within a second.
median, worst: from a client's message to its answer; connecting does not count. baseline: the same of a bare echo server
that is not attacked. processor: the share of the time that the server was ready to run in which it ran. The latency of
other clients may exceed the baseline by ${MOST.median} ms (median) and ${MOST.worst} ms (worst), in a chat by ${MORE_PER_MEMBER} ms more for each
attacker, divided by this share. stopped in: time from SIGTERM during an attack to the end of the process, at most ${
  STOPS_WITHIN / 1000
} s.`;
const SLOW_HEADS = ["--slow", "messages/s without", "with", "ratio", "MB before", "peak", "after", "log record"];
const SLOW_NOTES = `\
With drop-oldest and disconnect the others are not delayed. With wait they are as slow as the slow member, until the write
timeout of 30 s disconnects it.`;

/** The results of correct and bad clients at all servers. */
export function soakReport(targets: readonly Target[], style: TableStyle): string {
  const ended = targets.filter(({ closed }) => closed !== "").map(({ name, closed }) => `${name} ended ${closed}`);
  const bad = `Bad clients: ${formatCounts(sumOf(targets.map(({ badClients }) => badClients)))}`;
  const rows = table(SOAK_HEADS, targets.map(soakRow), { right: [1, 2, 3, 4, 5, 6, 7], ...style });
  return [rows, ...ended, bad, SOAK_NOTES].join("\n");
}

/** The results of some of `total` attacks. */
export function attackReport(results: readonly AttackResult[], total: number, style: TableStyle): string {
  const title = `${results.length} of ${total} attacks, and the latency of other clients in milliseconds`;
  const sorted = results.toSorted((a, b) => a.name.localeCompare(b.name) || a.attack.localeCompare(b.attack));
  const rows = table(ATTACK_HEADS, sorted.map(attackRow), { right: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11], ...style });
  return [title, rows, ATTACK_NOTES].join("\n");
}

/** The results of chats with a slow member. */
export function slowReport(results: readonly SlowResult[], style: TableStyle): string {
  const title = `Chat of ${MEMBERS} members in turns, then with one more that never reads and may lag ${MAX_LAG} bytes`;
  const rows = table(SLOW_HEADS, results.map(slowRow), { right: [1, 2, 3, 4, 5, 6], ...style });
  return [title, rows, SLOW_NOTES].join("\n");
}

function soakRow(target: Target): string[] {
  const { tally, before, after } = target;
  return [
    target.name,
    ...[tally.connections, tally.answers, tally.bytes, target.lost].map((number) => number.toLocaleString("en")),
    target.scenario.protocol.transport === "udp" ? String(tally.repeated) : "",
    target.badCount.toLocaleString("en"),
    after === undefined || target.open === undefined ? "" : String(target.open),
    change(before?.descriptors, after?.descriptors),
    change(megabytes(before?.memory), megabytes(after?.memory)),
    after === undefined ? "not measured" : target.verdict(TOLERANCE).length === 0 ? "yes" : "NO",
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
    change(megabytes(before?.memory), megabytes(peak), megabytes(after?.memory)),
    faults.length > 0 ? "NO" : stoppedIn === undefined ? "not measured" : "yes",
  ];
}

function slowRow({ policy, without, with: withSlow, memory, record }: SlowResult): string[] {
  const rate = (number: number) => Math.round(number).toLocaleString("en");
  const ratio = without > 0 ? (withSlow / without).toFixed(2) : "-";
  return [
    policy,
    rate(without),
    rate(withSlow),
    ratio,
    shown(megabytes(memory.before)),
    shown(megabytes(memory.peak)),
    shown(megabytes(memory.after)),
    record,
  ];
}

function megabytes(bytes: number | undefined): number | undefined {
  return bytes === undefined ? undefined : bytes / 1e6;
}

function change(...numbers: (number | undefined)[]): string {
  return numbers.map(shown).join(" -> ");
}

function shown(number: number | undefined): string {
  return number === undefined ? "-" : String(Math.round(number));
}

function formatCounts(counts: ReadonlyMap<string, number>): string {
  return [...counts].sort(([, a], [, b]) => b - a).map(([name, count]) => `${count} ${name}`).join(", ") || "none";
}

function sumOf(all: ReadonlyMap<string, number>[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const [name, count] of all.flatMap((counts) => [...counts])) sum.set(name, (sum.get(name) ?? 0) + count);
  return sum;
}
