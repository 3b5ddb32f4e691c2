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
import { EXPECTATIONS, type Plan } from "./load/plan.ts";
import { runChat } from "./load/chat.ts";
import { chatReport, report } from "./load/report.ts";
import { runLoad } from "./load/run.ts";
import { distinct, type FramingName, FRAMINGS } from "./load/tape.ts";
import { StatusLine } from "../shared/status_line.ts";

const options = {
  connections: integer("N", "Number of connections, or of UDP sockets", 16, { least: 1, most: 60_000 }),
  size: integer("BYTES", "Length of a message, without its framing", 64, { least: 1, most: 64 * 1024 * 1024 }),
  inFlight: integer("N", "Messages in flight on each connection", 1, { least: 1, most: 10_000 }),
  seconds: seconds("How long to send", 5000),
  framing: choice("Framing of messages", Object.keys(FRAMINGS) as FramingName[], "raw"),
  expect: choice("Expected answer: the message, the message in upper case, or any one message", EXPECTATIONS, "echo"),
  talkers: integer("N", "Members of a chat that talk; every message is counted at every member of all servers", 0),
  connectEach: flag("Open a connection for each message: connect, read one answer, close"),
  rate: integer("N", "Messages a second over all connections; 0 to send as fast as answers arrive", 0),
  timeout: seconds("How long to wait for an answer; a datagram without one is lost", 2000),
  json: flag("Print the result as JSON"),
};

function serverOf(target = ""): HostPort & { transport: "tcp" | "udp" } {
  try {
    const endpoint = parseEndpoint(target);
    if (endpoint.transport !== "unix" && endpoint.port > 0) return endpoint;
  } catch {
    // Reported below.
  }
  throw new UsageError(`Expected tcp://HOST:PORT or udp://HOST:PORT, got "${target}"`);
}

function planOf(values: Values<typeof options>, target: string | undefined): Plan {
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

async function main(values: Values<typeof options>, targets: string[], stop: AbortSignal): Promise<void> {
  if (values.talkers > 0) return await loadChat(values, targets, stop);
  if (targets.length > 1) throw new UsageError("Several servers are for --talkers: those of one chat");
  const [target] = targets;
  const plan = planOf(values, target);
  const progress = new StatusLine();
  const result = await runLoad(plan, stop, (perSecond, { answered, lost }) => {
    const count = (number: number) => number.toLocaleString("en-US");
    const losses = lost === 0 ? "" : `, ${count(lost)} lost`;
    return progress.show(`${count(perSecond)} answers in the last second, ${count(answered)} in all${losses}`);
  }).catch((error) => {
    throw error instanceof Deno.errors.NotCapable ? notAllowed(plan) : error;
  });
  await progress.clear();
  if (result.sent === 0) throw new CommandError(`Nothing could be sent: ${result.firstError ?? "interrupted"}`);
  await writeStdout(encodeText(values.json ? `${JSON.stringify({ target, ...result })}\n` : report(plan, result)));
  if (result.firstError !== undefined) throw new CommandError(`Failed: ${result.firstError}`);
  if (result.answered === 0) throw new CommandError("Got no answer");
}

/** Talks in a chat, whose members are spread over its servers, and counts what it delivers. */
async function loadChat(values: Values<typeof options>, targets: string[], stop: AbortSignal): Promise<void> {
  const { connections, talkers, size, inFlight, seconds, json } = values;
  const servers = (targets.length === 0 ? [undefined] : targets).map(serverOf);
  if (servers.some(({ transport }) => transport === "udp")) throw new UsageError("--talkers is for tcp");
  if (talkers > connections || connections < 2) {
    throw new UsageError(`--talkers: expected at most --connections, which are 2 or more, got ${talkers}`);
  }
  const result = await runChat({ connections, talkers, size, inFlight }, servers, seconds, stop).catch((error) => {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const why = error instanceof Deno.errors.ConnectionRefused ? "nothing listens there" : error.message;
    throw new CommandError(`Failed: ${why}`);
  });
  await writeStdout(
    encodeText(json ? `${JSON.stringify({ targets, ...result })}\n` : chatReport(servers, values, result)),
  );
  if (result.operations === 0) throw new CommandError("Nothing was delivered");
}

/** The sandbox allows this machine only. A load on another machine takes an explicit grant. */
function notAllowed(plan: Plan): CommandError {
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
      ...task("load"),
      summary: "Puts a load on a server, checks every answer, and reports rates and latency.",
      operands: {
        usage: "tcp://HOST:PORT|udp://HOST:PORT",
        help: "The server; with --talkers all servers of a chat",
        most: Infinity,
      },
      options,
    },
    "warning",
    ({ values, operands, requests: { stop } }) => main(values, operands, stop),
  );
}
