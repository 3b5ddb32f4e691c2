/**
 * Runs every service and its client, each a process in its sandbox, and shows the messages between them. See
 * `deno task demo --help`.
 *
 * @module
 */

import { bold, green, red } from "@std/fmt/colors";
import { CommandError, flag, UsageError, type Values } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { serveProxy } from "../../services/proxy/server.ts";
import { CLUSTER, runCluster } from "./demo/cluster.ts";
import { type Exchange, EXCHANGES, stageAt } from "./demo/exchanges.ts";
import { type Style, Transcript } from "./demo/transcript.ts";
import { ServerProcess } from "../shared/processes.ts";
import { table } from "../shared/table.ts";

/** The result of an exchange. */
interface Outcome {
  exchange: Exchange;
  messages: number;
  bytes: number;
  milliseconds: number;
  /** The error, if any. */
  fault?: string;
}

const options = {
  bytes: flag("Show the bytes on the wire, with headers separated from payloads"),
};

async function main(values: Values<typeof options>, operands: string[], signal: AbortSignal): Promise<void> {
  const style: Style = { bytes: values.bytes, colors: Deno.stdout.isTerminal() && !Deno.noColor };
  const chosen = operands.length === 0 ? EXCHANGES : EXCHANGES.filter(({ service }) => operands.includes(service));
  const names = [...EXCHANGES.map(({ service }) => service), CLUSTER];
  const unknown = operands.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`Unknown service "${unknown}": expected some of ${names.join(", ")}`);
  }
  if (operands.includes(CLUSTER)) await showCluster(signal);
  if (operands.length > 0 && chosen.length === 0) return;
  const outcomes: Outcome[] = [];
  for (const exchange of chosen) {
    if (signal.aborted) break;
    outcomes.push(await runExchange(exchange, style, signal));
  }
  console.log(summary(outcomes, style));
  const wrong = outcomes.filter(({ fault }) => fault !== undefined).length;
  if (signal.aborted) throw new CommandError("Interrupted");
  if (wrong > 0) throw new CommandError(`${wrong} of ${outcomes.length} exchanges failed`);
}

/** Runs a chat of three servers, which needs nats-server and takes longer than an exchange. */
async function showCluster(signal: AbortSignal): Promise<void> {
  console.log(`${CLUSTER}: one room at three chat servers, over NATS, of which a node is killed`);
  await runCluster((line) => console.log(`  ${line}`), signal);
  console.log("  right");
}

/** Runs an exchange with each of its servers. */
async function runExchange(exchange: Exchange, style: Style, signal: AbortSignal): Promise<Outcome> {
  console.log(`${style.colors ? bold(exchange.service) : exchange.service}: ${exchange.shows}`);
  const transcript = new Transcript(exchange.framing, style);
  const began = performance.now();
  let fault: string | undefined;
  try {
    for (const args of exchange.servers ?? [[]]) await runWith(args, exchange, transcript, signal);
  } catch (error) {
    fault = signal.aborted ? "interrupted" : error instanceof Error ? error.message : Deno.inspect(error);
  }
  const milliseconds = performance.now() - began;
  console.log(`  ${verdict(fault, style)}\n`);
  const { messages, bytes } = transcript;
  return { exchange, messages, bytes, milliseconds, ...(fault === undefined ? {} : { fault }) };
}

/** Runs an exchange with one server, through a proxy that shows the messages. */
async function runWith(
  args: string[],
  { service, transport, figures = false, run }: Exchange,
  transcript: Transcript,
  signal: AbortSignal,
): Promise<void> {
  await using server = await ServerProcess.start(service, { args });
  const stop = () => void server.stop();
  const print = (text: string) => console.log(`  ${text}`);
  signal.addEventListener("abort", stop);
  try {
    if (figures) {
      await run(stageAt(service, { port: server.port, args, print }));
    } else {
      const protocol = transport === "TCP" ? "tcp" : "udp";
      await using proxy = await serveProxy({
        listen: `${protocol}://127.0.0.1:0`,
        to: `${protocol}://127.0.0.1:${server.port}`,
        tap: transcript.tap(),
      });
      await run(stageAt(service, { port: proxy.addr.port, args, print }));
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server ended with exit code ${code}`);
  const { memory } = await server.logged(/^Stopped/);
  if (figures) console.log(`  ${args.at(-1)}: ${Math.round(Number(memory) / 1e6)} MB of server memory`);
}

function verdict(fault: string | undefined, { colors }: Style): string {
  const text = fault === undefined ? "right" : `WRONG: ${fault.replaceAll("\n", " ")}`;
  return colors ? (fault === undefined ? green : red)(text) : text;
}

function summary(outcomes: Outcome[], style: Style): string {
  const rows = outcomes.map(({ exchange, messages, bytes, milliseconds, fault }) => [
    exchange.service,
    exchange.transport,
    String(messages),
    String(bytes),
    `${Math.round(milliseconds)} ms`,
    verdict(fault, style),
  ]);
  return table(["service", "", "messages", "bytes", "time", "exchange"], rows, {
    right: [2, 3, 4],
    colors: style.colors,
  });
}

if (import.meta.main) {
  await runTask(
    {
      ...task("demo"),
      summary: "Runs every service and its client, and shows the messages between them.",
      operands: { usage: "[SERVICE...]", help: `Services to run (default: all), or ${CLUSTER}`, most: Infinity },
      options,
    },
    "warning",
    ({ values, operands, requests }) => main(values, operands, requests.stop),
  );
}
