import { formatAddress } from "../../../lib/net/mod.ts";
import { isChat, type Plan } from "./plan.ts";
import type { Result } from "./run.ts";

/** The share of a core from which on this program limits the rate. */
export const SATURATED = 0.95;

/** Formats a result for people. */
export function report(plan: Plan, result: Result): string {
  const chat = isChat(plan);
  const { transport, framing, connections, size, inFlight, connectEach } = plan;
  const { sent, answered, lost, late, latency, perConnection, bytesPerSecond, cpu } = result;
  const flows = chat
    ? "members"
    : transport === "udp"
    ? "sockets"
    : connectEach
    ? "at a time, one for each message"
    : "connections";
  const servers = plan.servers ?? [plan];
  const rows: [string, string][] = [
    [plural("server", servers), servers.map((server) => `${transport}://${formatAddress(server)}`).join(" ")],
    [
      "load",
      `${connections} ${flows}, ${framing}, ${size} bytes, ${inFlight} in flight, ${result.seconds.toFixed(1)} s`,
    ],
    chat
      ? [
        "deliveries",
        `${formatCount(result.roundTripsPerSecond)} a second: ${formatCount(sent)} sent, each to ${connections - 1} ` +
        `others, ${formatCount(answered)} delivered, ${formatCount(lost)} missing`,
      ]
      : [
        "round trips",
        `${formatCount(result.roundTripsPerSecond)} a second: ${formatCount(sent)} sent, ${
          formatCount(answered)
        } answered`,
      ],
  ];
  if (transport === "udp") {
    rows.push(["datagrams", `${formatCount(lost)} lost, ${formatCount(late)} late or duplicate`]);
  }
  rows.push(
    ["bytes", `${megabytes(bytesPerSecond.sent)} MB/s sent, ${megabytes(bytesPerSecond.received)} MB/s received`],
    [
      "latency",
      `p50 ${formatTime(latency.p50)}, p90 ${formatTime(latency.p90)}, p99 ${formatTime(latency.p99)}, ` +
      `p99.9 ${formatTime(latency.p999)}, max ${formatTime(latency.max)}`,
    ],
    [
      chat ? "members" : "connections",
      `${chat ? "deliveries" : "round trips"}: min ${formatCount(perConnection.min)}, median ${
        formatCount(perConnection.median)
      }, ` +
      `max ${formatCount(perConnection.max)}`,
    ],
    [
      "own CPU",
      `${Math.round(cpu * 100)} % of a core${
        cpu >= SATURATED ? ": this program limited the rate, not the server" : ""
      }`,
    ],
    ["errors", errorsOf(result)],
  );
  return rows.map(([name, value]) => `${name.padEnd(12)}  ${value}\n`).join("");
}

function plural(word: string, { length }: { length: number }): string {
  return length === 1 ? word : `${word}s`;
}

function errorsOf({ errors }: Result): string {
  const kinds = Object.entries(errors).map(([kind, count]) => `${formatCount(count)} ${kind}`);
  return kinds.length === 0 ? "none" : kinds.join(", ");
}

/** A count with separators. */
export function formatCount(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0);
}

/** Formats a time with three digits, or with all digits of its milliseconds. */
export function formatTime(milliseconds: number): string {
  if (milliseconds < 1) return `${Math.round(milliseconds * 1000)} µs`;
  return `${milliseconds < 1000 ? milliseconds.toPrecision(3) : Math.round(milliseconds)} ms`;
}
