/**
 * The load generator: puts a load on any server, checks every answer, and says how fast they came.
 * `deno task load --help` tells the rest.
 *
 * @module
 */

import {
  choice,
  CommandError,
  flag,
  integer,
  seconds,
  UsageError,
  type Values,
  writeStdout,
} from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { parseEndpoint } from "../../lib/net/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { formatAddress, type HostPort } from "../../lib/net/mod.ts";
import { EXPECTATIONS, type Plan } from "./load/plan.ts";
import { report } from "./load/report.ts";
import { runLoad } from "./load/run.ts";
import { distinct, type FramingName, FRAMINGS } from "./load/tape.ts";
import { StatusLine } from "../shared/status_line.ts";

/** The largest payload of a datagram over IPv4 (RFC 768, RFC 791). */
const LARGEST_DATAGRAM = 65_507;

const options = {
  connections: integer("N", "How many connections, or sockets", 16, { least: 1, most: 60_000 }),
  size: integer("BYTES", "How long a message is, its framing not counted", 64, { least: 1, most: 64 * 1024 * 1024 }),
  inFlight: integer("N", "How many messages a connection has under way at once", 1, { least: 1, most: 10_000 }),
  seconds: seconds("How long to send", 5000),
  framing: choice("How messages are framed", Object.keys(FRAMINGS) as FramingName[], "raw"),
  expect: choice("Which answer is right: the same, the same in upper case, or any one message", EXPECTATIONS, "echo"),
  connectEach: flag("A connection for each message: connect, one answer, close"),
  rate: integer("N", "Messages a second over all connections, 0 for as many as are answered", 0),
  timeout: seconds("How long an answer may take; a datagram without one is lost", 2000),
  json: flag("Print the result as JSON"),
};

function serverOf(target = ""): HostPort & { transport: "tcp" | "udp" } {
  try {
    const endpoint = parseEndpoint(target);
    if (endpoint.transport !== "unix" && endpoint.port > 0) return endpoint;
  } catch {
    // Of the kinds of address, two will do here.
  }
  throw new UsageError(`Expected tcp://HOST:PORT or udp://HOST:PORT, got "${target}"`);
}

function planOf(values: Values<typeof options>, target: string | undefined): Plan {
  const { framing, expect, connectEach, inFlight, size, rate, seconds, connections, timeout } = values;
  const endpoint = serverOf(target);
  const { transport } = endpoint;
  if (transport === "udp") {
    if (framing !== "raw") throw new UsageError("--framing is for tcp: a datagram is a message");
    if (connectEach) throw new UsageError("--connect-each is for tcp: datagrams have no connection");
    if (size > LARGEST_DATAGRAM) throw new UsageError(`--size: a datagram has at most ${LARGEST_DATAGRAM} bytes`);
    if (2 * inFlight >= distinct(size)) throw new UsageError(`--size ${size} cannot tell so many --in-flight apart`);
  } else if (framing === "raw" && expect === "any") {
    throw new UsageError("--expect any needs a --framing that tells one message from the next");
  }
  if (connectEach && inFlight > 1) throw new UsageError("--connect-each has one message under way per connection");
  if (rate > 0 && (connectEach || inFlight > 1 || transport === "udp")) {
    throw new UsageError("--rate is for tcp connections with one message under way");
  }
  return {
    ...endpoint,
    framing,
    connections,
    size,
    inFlight,
    duration: seconds,
    timeout,
    expect,
    connectEach,
    rate: rate === 0 ? Infinity : rate,
  };
}

async function main(values: Values<typeof options>, target: string | undefined, stop: AbortSignal): Promise<void> {
  const plan = planOf(values, target);
  const progress = new StatusLine();
  const result = await runLoad(plan, stop, (perSecond, { answered, lost }) => {
    const count = (number: number) => number.toLocaleString("en-US");
    const losses = lost === 0 ? "" : `, ${count(lost)} lost`;
    return progress.say(`${count(perSecond)} answers in the last second, ${count(answered)} in all${losses}`);
  }).catch((error) => {
    throw error instanceof Deno.errors.NotCapable ? sandboxed(plan) : error;
  });
  await progress.clear();
  if (result.sent === 0) throw new CommandError(`Nothing could be sent: ${result.firstError ?? "interrupted"}`);
  await writeStdout(encodeText(values.json ? `${JSON.stringify({ target, ...result })}\n` : report(plan, result)));
  if (result.firstError !== undefined) throw new CommandError(`Failed: ${result.firstError}`);
  if (result.answered === 0) throw new CommandError("Nothing was answered");
}

/** Only this machine is in the sandbox: a load on another one is a decision that somebody types. */
function sandboxed(plan: Plan): CommandError {
  // Datagrams are sent from a socket on any address.
  const grant = plan.transport === "udp" ? "--allow-net" : `--allow-net=${formatAddress(plan)}`;
  return new CommandError(
    `The sandbox of load does not allow ${formatAddress(plan)}; to allow it on purpose: ` +
      `deno run -P=load ${grant} scripts/tools/load.ts ...`,
  );
}

if (import.meta.main) {
  await runTask(
    {
      name: "load",
      summary: "Puts a load on any server, checks every answer, and says how fast they came.",
      operands: { usage: "tcp://HOST:PORT|udp://HOST:PORT", help: "The server", most: 1 },
      options,
    },
    "warning",
    ({ values, operands: [target], requests: { stop } }) => main(values, target, stop),
  );
}
