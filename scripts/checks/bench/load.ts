// The load generator for machines without a C compiler, with the arguments and the output of peers/load.c.

import { tapesOf } from "../../tools/load/answers.ts";
import type { Plan } from "../../tools/load/plan.ts";
import { type Result, runLoad } from "../../tools/load/run.ts";
import { Tally } from "../../tools/load/tally.ts";
import { TcpFlow } from "../../tools/load/tcp.ts";
import type { Round } from "./generator.ts";

/** How long to wait for an answer, in milliseconds. A datagram without one is lost. */
const TIMEOUT = { tcp: 20_000, udp: 250 };

const [kind = "", ports = "", ...numbers] = Deno.args;
const [connections = 1, size = 1, inFlight = 1, seconds = 1, talkers = 0, polite = 0] = numbers.map(Number);
const servers = ports.split(",").map((port) => ({ hostname: "127.0.0.1", port: Number(port) }));
const transport = kind === "uppercase" ? "udp" : "tcp";
const plan: Plan = {
  ...servers[0]!,
  transport,
  framing: kind === "lines" || kind === "newlines" ? "lines" : "raw",
  connections,
  size,
  inFlight,
  duration: seconds * 1000,
  timeout: TIMEOUT[transport],
  expect: kind === "uppercase" ? "uppercase" : kind === "newlines" ? "any" : "echo",
  connectEach: kind === "connect",
  rate: Infinity,
  ...(kind === "chat" ? { servers, talkers } : {}),
};

/** Opens connections, has each answered once, and holds them open until standard input ends. */
async function hold(): Promise<void> {
  const tally = new Tally();
  const tapes = tapesOf(plan);
  const flows: TcpFlow[] = [];
  for (let index = 0; index < connections; index++) flows.push(await TcpFlow.open(plan, tapes, tally, index));
  for (const flow of flows) flow.start();
  await Promise.all(flows.map((flow) => flow.finish()));
  if (tally.answered < connections) throw new Error(tally.firstError ?? "some connections got no answer");
  console.log("ready");
  await Deno.stdin.read(new Uint8Array(1));
  for (const flow of flows) flow.close();
}

async function run(plan: Plan): Promise<Result> {
  const result = await runLoad(plan, new AbortController().signal);
  if (result.firstError !== undefined) throw new Error(result.firstError);
  return result;
}

/** Times the polite connection while the others are busy. The times include delays in this program. */
async function runPolite(): Promise<Pick<Round, "polite">> {
  await new Promise((resolve) => setTimeout(resolve, plan.duration / 4));
  const { latency } = await run({ ...plan, connections: 1, inFlight: 1, duration: plan.duration / 2 });
  return { polite: { median: latency.p50, worst: latency.max } };
}

async function measure(): Promise<void> {
  const [result, beside] = await Promise.all([run(plan), polite ? runPolite() : {}]);
  const { answered: operations, seconds, cpu, lost, perConnection } = result;
  console.log(JSON.stringify({ operations, seconds, cpu, lost, ...perConnection, ...beside }));
}

try {
  await (kind === "idle" ? hold() : measure());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
