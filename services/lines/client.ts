import { integer, orUsage, printLine, seconds } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { connectTcp, framed, sleep } from "../../lib/net/mod.ts";
import { framing, GREETING, PORT } from "./protocol.ts";

const options = {
  rounds: integer("N", "How many lines to say, beginning again after the last", 0, {
    least: 1,
    shown: "each LINE once; without any, no end",
  }),
  pause: seconds("How long to wait between rounds", 1000, { zero: 0 }),
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
    if (!stop.aborted) throw error; // Ctrl-C is how it ends when there is no last round.
  }
}

if (import.meta.main) {
  await runClient({
    name: "lines",
    summary: "Says lines to the lines server, and prints the answers.",
    port: PORT,
    operands: { usage: "[LINE...]", help: `What to say (default "${GREETING}" again and again)`, most: Infinity },
    options,
  }, main);
}
