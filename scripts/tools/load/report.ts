import { formatAddress } from "../../../lib/net/mod.ts";
import type { Plan } from "./plan.ts";
import type { Result } from "./run.ts";

/** From this share of a core on, it is this program that cannot do more. */
export const FULL = 0.95;

/** What came of a load, for people. */
export function report(plan: Plan, result: Result): string {
  const { transport, framing, connections, size, inFlight, connectEach } = plan;
  const { sent, answered, lost, late, latency, perConnection, bytesPerSecond, cpu } = result;
  const many = transport === "udp"
    ? "sockets"
    : connectEach
    ? "at a time, a connection for each message"
    : "connections";
  const rows: [string, string][] = [
    ["server", `${transport}://${formatAddress(plan)}`],
    [
      "load",
      `${connections} ${many}, ${framing}, ${size} bytes, ${inFlight} in flight, ${result.seconds.toFixed(1)} s`,
    ],
    ["round trips", `${whole(result.roundTripsPerSecond)} a second: ${whole(sent)} sent, ${whole(answered)} answered`],
  ];
  if (transport === "udp") rows.push(["datagrams", `${whole(lost)} lost, ${whole(late)} late or twice`]);
  rows.push(
    ["bytes", `${mega(bytesPerSecond.sent)} MB/s there, ${mega(bytesPerSecond.received)} MB/s back`],
    [
      "latency",
      `p50 ${time(latency.p50)}, p90 ${time(latency.p90)}, p99 ${time(latency.p99)}, ` +
      `p99.9 ${time(latency.p999)}, max ${time(latency.max)}`,
    ],
    [
      "a connection",
      `${whole(perConnection.min)} round trips the fewest, ${whole(perConnection.median)} the median, ` +
      `${whole(perConnection.max)} the most`,
    ],
    [
      "own CPU",
      `${Math.round(cpu * 100)} % of a core${cpu >= FULL ? ": this program was the limit, not the server" : ""}`,
    ],
    ["errors", errorsOf(result)],
  );
  return rows.map(([name, words]) => `${name.padEnd(12)}  ${words}\n`).join("");
}

function errorsOf({ errors }: Result): string {
  const kinds = Object.entries(errors).map(([kind, count]) => `${whole(count)} ${kind}`);
  return kinds.length === 0 ? "none" : kinds.join(", ");
}

/** A count with separators. */
export function whole(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0);
}

function time(milliseconds: number): string {
  return milliseconds < 1 ? `${Math.round(milliseconds * 1000)} µs` : `${milliseconds.toPrecision(3)} ms`;
}
