import { integer, orUsage, printLine, seconds } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { sleep } from "../../lib/net/timer.ts";
import { framing, GREETING, PORT } from "./protocol.ts";

const options = {
  rounds: integer("N", "Number of lines to send; after the last LINE, the first one follows again", 0, {
    least: 1,
    shown: "each LINE once; without LINE, no end",
  }),
  pause: seconds("Pause between an answer and the next line", 1000, { zero: 0 }),
};

async function main(run: ClientRun<typeof options>): Promise<void> {
  const { values: { rounds, pause }, operands, target, requests: { stop } } = run;
  const lines = operands.length > 0 ? operands : [GREETING];
  const last = rounds > 0 ? rounds : operands.length > 0 ? operands.length : Infinity;
  const protocol = framing();
  orUsage(() => lines.forEach((line) => protocol.encode(line)));

  using connection = await connectTcp(target);
  const messages = framed(connection, protocol);
  try {
    for (let round = 1; !stop.aborted; round++) {
      const line = lines[(round - 1) % lines.length]!;
      await printLine(await messages.request(line));
      if (round === last) return;
      await sleep(pause, stop);
    }
  } catch (error) {
    if (!stop.aborted) throw error; // Without a last round, Ctrl-C is the normal end.
  }
}

if (import.meta.main) {
  await runClient({
    ...task("lines:client"),
    summary: "Sends lines to the lines server and prints the answers.",
    port: PORT,
    operands: {
      usage: "[LINE...]",
      help: `The lines to send (default: "${GREETING}", again and again)`,
      most: Infinity,
    },
    options,
  }, main);
}
