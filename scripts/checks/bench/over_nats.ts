// Chats that share a room over NATS, and what NATS alone does with the same messages.

import { ChildProcess } from "../../shared/child_process.ts";
import { NatsCluster, NatsServer } from "../../shared/nats.ts";
import { medianOf } from "../../tools/load/tally.ts";
import { within } from "../../shared/within.ts";
import { PEERS } from "./compile.ts";
import type { Round } from "./generator.ts";
import { type Server, startOwn } from "./servers.ts";
import type { OverNats } from "./workloads.ts";

/** How much of a room NATS keeps, in bytes. */
const HISTORY = 64 * 1024 * 1024;

/** NATS servers for a room. */
async function startNats({ replicas }: OverNats): Promise<AsyncDisposable & { url: string; pids: number[] }> {
  const nats = replicas === 1 ? await NatsServer.start() : await NatsCluster.start();
  const nodes = nats instanceof NatsServer ? [nats] : nats.nodes;
  return { url: nats.url, pids: nodes.map(({ pid }) => pid), [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose]() };
}

/** Starts chat servers that share a room. Together with NATS they are more than the cores, and not pinned to any. */
export async function startOverNats(options: OverNats): Promise<Server> {
  await using stack = new AsyncDisposableStack();
  const { url, pids } = stack.use(await startNats(options));
  const args = ["--nats", url, "--nats-replicas", String(options.replicas), "--history-bytes", String(HISTORY)];
  const servers: Server[] = [];
  while (servers.length < options.servers) servers.push(stack.use(await startOwn("chat", [], "warning", args)));
  const all = stack.move();
  return {
    ports: servers.flatMap(({ ports }) => ports),
    pids: [...pids, ...servers.flatMap(({ pids }) => pids)],
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}

/**
 * Starts NATS for programs that append batches of 64 KiB of the same messages to a log.
 *
 * @param follow Whether there are as many programs as chat servers, which follow the log too; else one, which only appends.
 */
export async function startBatches(options: OverNats, follow: boolean): Promise<Server> {
  const nats = await startNats(options);
  return {
    ports: [],
    pids: nats.pids,
    async run(seconds) {
      const args = [nats.url, options.replicas, HISTORY, seconds, ...(follow ? ["follow"] : [])].map(String);
      await using stack = new AsyncDisposableStack();
      const programs = Array.from({ length: follow ? options.servers : 1 }, () => stack.use(startProgram(args)));
      for (const program of programs) await resultOf(program);
      await Promise.all(programs.map((program) => program.process.stdin.close()));
      const results: Round[] = await Promise.all(programs.map(async (program) => JSON.parse(await resultOf(program))));
      const counts = results.map(({ operations }) => operations).sort((one, other) => one - other);
      return {
        operations: counts.reduce((sum, count) => sum + count) / counts.length,
        seconds: Math.max(...results.map(({ seconds }) => seconds)),
        cpu: results.reduce((sum, { cpu }) => sum + cpu, 0),
        lost: 0,
        min: counts[0]!,
        median: medianOf(counts),
        max: counts.at(-1)!,
      };
    },
    [Symbol.asyncDispose]: () => nats[Symbol.asyncDispose](),
  };
}

function startProgram(args: string[]): ChildProcess {
  const deno = ["run", "-q", "--no-prompt", "-P=load", "scripts/checks/bench/batches.ts", ...args];
  const streams = { stdin: "piped", stdout: "piped", stderr: "inherit" } as const;
  return new ChildProcess(
    new Deno.Command(Deno.execPath(), { args: deno, cwd: new URL("../../../..", PEERS), ...streams }).spawn(),
  );
}

async function resultOf(program: ChildProcess): Promise<string> {
  const line = await within(program.line(), "a program that appends batches");
  if (line === undefined) throw new Error("a program that appends batches has ended");
  return line;
}
