/**
 * Puts a load on a server, checks every answer, and reports rates and latency. See `deno task load --help`.
 *
 * @module
 */

import {
  choice,
  CommandError,
  flag,
  integer,
  type Option,
  orUsage,
  seconds,
  UsageError,
  type Values,
  writeStdout,
} from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { formatAddress, type HostPort } from "../../lib/net/mod.ts";
import { parseEndpoint } from "../../lib/net/endpoint.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { MAX_PAYLOAD_IPV4 } from "../../lib/net/datagram.ts";
import { EXPECTATIONS, isChat, type Plan } from "./load/plan.ts";
import { report } from "./load/report.ts";
import { runLoad } from "./load/run.ts";
import { distinct, framingOf, FRAMINGS } from "./load/tape.ts";
import { StatusLine } from "../shared/status_line.ts";

const options = {
  connections: integer("N", "Number of connections, or of UDP sockets", 16, { least: 1, most: 60_000 }),
  size: integer("BYTES", "Length of a message, without its framing", 64, { least: 1, most: 64 * 1024 * 1024 }),
  inFlight: integer("N", "Messages in flight on each connection", 1, { least: 1, most: 10_000 }),
  seconds: seconds("How long to send", 5000),
  framing: framing(`Framing of messages: ${FRAMINGS.join(", ")}`),
  expect: choice("Expected answer: the message, the message in upper case, or any one message", EXPECTATIONS, "echo"),
  chat: flag("The servers are those of one chat: each connection is a member, which all others must hear"),
  connectEach: flag("Open a connection for each message: connect, read one answer, close"),
  rate: integer("N", "Messages a second over all connections; 0 to send as fast as answers arrive", 0),
  timeout: seconds("How long to wait for an answer; a datagram without one is lost", 2000),
  json: flag("Print the result as JSON"),
};

function framing(help: string): Option<string> {
  return {
    placeholder: "NAME",
    help,
    default: "raw",
    parse(name) {
      try {
        framingOf(name, 1);
        return name;
      } catch {
        throw new TypeError(`expected one of ${FRAMINGS.join(", ")}, got "${name}"`);
      }
    },
  };
}

function serverOf(target = ""): HostPort & { transport: "tcp" | "udp" } {
  try {
    const endpoint = parseEndpoint(target);
    if (endpoint.transport !== "unix" && endpoint.port > 0) return endpoint;
  } catch {
    // Reported below.
  }
  throw new UsageError(`Expected tcp://HOST:PORT or udp://HOST:PORT, got "${target}"`);
}

function planOf(values: Values<typeof options>, targets: string[]): Plan {
  if (values.chat) return chatOf(values, targets);
  const [target, more] = targets;
  if (more !== undefined) throw new UsageError(`Several servers are for --chat: unexpected "${more}"`);
  const { framing, expect, connectEach, inFlight, size, rate, seconds, connections, timeout } = values;
  const endpoint = serverOf(target);
  const { transport } = endpoint;
  if (transport === "udp") {
    if (framing !== "raw") throw new UsageError("--framing is for tcp: each datagram is a message");
    if (connectEach) throw new UsageError("--connect-each is for tcp: datagrams have no connection");
    if (size > MAX_PAYLOAD_IPV4) throw new UsageError(`--size: a datagram has at most ${MAX_PAYLOAD_IPV4} bytes`);
    if (2 * inFlight >= distinct(size)) {
      throw new UsageError(`--size ${size} is too short to distinguish ${inFlight} messages in flight`);
    }
  } else if (framing === "raw" && expect === "any") {
    throw new UsageError("--expect any needs a --framing to find where messages end");
  }
  orUsage(() => framingOf(framing, size).encode(new Uint8Array(size).fill(0x30)));
  if (connectEach && inFlight > 1) throw new UsageError("--connect-each sends one message per connection");
  if (rate > 0 && (connectEach || inFlight > 1 || transport === "udp")) {
    throw new UsageError("--rate is for tcp connections with one message in flight");
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

/** A load on a chat, whose members take turns at its servers. */
function chatOf(values: Values<typeof options>, targets: string[]): Plan {
  const { framing, expect, connectEach, rate, connections, size, seconds, ...rest } = values;
  const servers = targets.length === 0 ? [serverOf()] : targets.map(serverOf);
  if (servers.some(({ transport }) => transport === "udp")) throw new UsageError("--chat is for tcp");
  const other = Object.entries({
    "--framing": framing !== "raw",
    "--expect": expect !== "echo",
    "--connect-each": connectEach,
    "--rate": rate > 0,
  }).find(([, given]) => given);
  if (other !== undefined) throw new UsageError(`${other[0]} is not for --chat`);
  if (connections < 2) throw new UsageError("--chat needs two connections");
  if (connections < servers.length) {
    throw new UsageError(`--chat needs a connection to each of ${servers.length} servers`);
  }
  const plan = { framing: "header", expect, connectEach, rate: Infinity, connections, size, duration: seconds };
  return { ...servers[0]!, ...plan, ...rest, servers, talkers: connections };
}

async function main(values: Values<typeof options>, targets: string[], stop: AbortSignal): Promise<void> {
  const plan = planOf(values, targets);
  const progress = new StatusLine();
  const unit = isChat(plan) ? "deliveries" : "answers";
  const result = await runLoad(plan, stop, (perSecond, { answered, lost }) => {
    const count = (number: number) => number.toLocaleString("en-US");
    const losses = lost === 0 ? "" : `, ${count(lost)} lost`;
    return progress.show(`${count(perSecond)} ${unit} in the last second, ${count(answered)} in all${losses}`);
  }).catch((error) => {
    throw error instanceof Deno.errors.NotCapable ? notAllowed(plan) : error;
  });
  await progress.clear();
  if (result.sent === 0) throw new CommandError(`Nothing could be sent: ${result.firstError ?? "interrupted"}`);
  await writeStdout(
    encodeText(values.json ? `${JSON.stringify({ target: targets.join(" "), ...result })}\n` : report(plan, result)),
  );
  if (result.firstError !== undefined) throw new CommandError(`Failed: ${result.firstError}`);
  if (result.answered === 0) throw new CommandError("Got no answer");
}

/** The sandbox allows this machine only. A load on another machine takes an explicit grant. */
function notAllowed(plan: Plan): CommandError {
  // Datagrams are sent from a socket on any address.
  const servers = (plan.servers ?? [plan]).map(formatAddress).join(",");
  const grant = plan.transport === "udp" ? "--allow-net" : `--allow-net=${servers}`;
  return new CommandError(
    `The sandbox of load does not allow ${servers}; to allow it on purpose: ` +
      `deno run -P=load ${grant} scripts/tools/load.ts ...`,
  );
}

if (import.meta.main) {
  await runTask(
    {
      ...task("load"),
      summary: "Puts a load on a server, checks every answer, and reports rates and latency.",
      operands: {
        usage: "tcp://HOST:PORT...|udp://HOST:PORT",
        help: "The server; several of a --chat",
        most: Infinity,
      },
      options,
    },
    "warning",
    ({ values, operands, requests: { stop } }) => main(values, operands, stop),
  );
}
