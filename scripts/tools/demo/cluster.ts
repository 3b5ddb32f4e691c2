import { CommandError } from "../../../lib/cli/mod.ts";
import { hasNatsServer, NATS_ADVICE, NatsCluster } from "../../shared/nats.ts";
import { ClientProcess, ServerProcess } from "../../shared/processes.ts";

/** The name of this exchange for `deno task demo`. */
export const CLUSTER = "chat-cluster";

const TALKERS = ["ann", "ben", "cat"];
const ROUNDS = 9;
/** The round before which a node of NATS is killed. */
const KILLED_BEFORE = 4;
/** Time in which all listeners must have heard everything, in milliseconds. NATS may take 15 s to elect a leader. */
const HEARD_WITHIN = 60_000;

/**
 * Runs a chat of three servers over three nodes of NATS, and kills one of the nodes.
 *
 * @param print Prints a line for the user.
 * @param signal Ends it.
 * @throws {CommandError} If there is no nats-server, or the members did not hear the same.
 */
export async function runCluster(print: (line: string) => void, signal: AbortSignal): Promise<void> {
  if (!hasNatsServer()) throw new CommandError(`${CLUSTER} needs nats-server: ${NATS_ADVICE}`);
  await using nats = await NatsCluster.start();
  print(`NATS: three nodes, ${nats.nodes.map(({ port }) => port).join(", ")}`);
  const args = ["--nats", nats.url, "--nats-replicas", "3"];
  await using stack = new AsyncDisposableStack();
  const servers = await Promise.all(TALKERS.map(async () => stack.use(await ServerProcess.start("chat", { args }))));
  const join = async (name: string, index: number) => {
    const client = ["--port", String(servers[index]!.port), "--name", name];
    const member = stack.use(new ClientProcess("chat", { args: client }));
    await servers[index]!.logged(new RegExp(`"${name}" joined`));
    return member;
  };
  const listeners = await Promise.all(TALKERS.map((_, index) => join(`listener ${index + 1}`, index)));
  const talkers = await Promise.all(TALKERS.map(join));
  print(`chat: three servers, ${servers.map(({ port }) => port).join(", ")}, with a talker and a listener at each`);
  for (let round = 1; round <= ROUNDS && !signal.aborted; round++) {
    if (round === KILLED_BEFORE) {
      const leader = await nats.leaderOf("lobby");
      await leader.kill();
      print(`NATS: node ${leader.port}, which leads, is killed`);
    }
    await Promise.all(talkers.map((talker) => talker.type(`message ${round}\n`)));
    print(`${TALKERS.join(", ")}: message ${round}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const count = ROUNDS * TALKERS.length;
  const linesOf = ({ stdout }: ClientProcess) => stdout.split("\n").slice(0, -1);
  const began = performance.now();
  while (!listeners.every((listener) => linesOf(listener).length >= count)) {
    if (signal.aborted) throw new CommandError("Interrupted");
    if (performance.now() - began > HEARD_WITHIN) {
      const heard = listeners.map((listener) => linesOf(listener).length).join(", ");
      throw new CommandError(`expected ${count} messages at each listener, got ${heard}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [first, ...others] = listeners.map(({ stdout }) => stdout);
  if (others.some((heard) => heard !== first)) throw new CommandError("the listeners heard different orders");
  for (const name of TALKERS) {
    const texts = first!.split("\n").filter((line) => line.startsWith(`${name} > `));
    const expected = Array.from({ length: ROUNDS }, (_, round) => `${name} > message ${round + 1}`);
    if (texts.join() !== expected.join()) throw new CommandError(`of ${name} the listeners heard ${texts.join(", ")}`);
  }
  print(`All three listeners heard the same ${count} messages, in one order:`);
  for (const line of linesOf(listeners[0]!).slice(0, 6)) print(`  ${line}`);
  print("  ...");
}
