import { type ClientRun, CommandError, integer, printLine, runClient, seconds } from "../../lib/cli/mod.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { framing, GREETING, PORT } from "./protocol.ts";

const options = {
  rounds: integer("N", "How many lines to say, beginning again after the last", 0, {
    least: 1,
    shown: "each LINE once; without any, no end",
  }),
  pause: seconds("How long to wait between rounds", 1000, { zero: 0 }),
};

async function main(run: ClientRun<typeof options>): Promise<void> {
  const { values: { rounds, pause }, operands, target, requests: { stop }, log } = run;
  const lines = operands.length > 0 ? operands : [GREETING];
  const last = rounds > 0 ? rounds : operands.length > 0 ? operands.length : Infinity;
  const protocol = framing();
  for (const line of lines) protocol.encode(line); // Refuses a line that is none before anything is said.

  using connection = await connectTcp(target);
  const messages = framed(connection, protocol);
  for (let round = 1; !stop.aborted; round++) {
    const line = lines[(round - 1) % lines.length]!;
    await messages.send(line);
    log.said("Client", connection.remote, line);
    const answer = await messages.receive();
    if (answer === undefined) throw new CommandError(`The server ended without answering line ${round}`);
    await printLine(answer);
    if (round === last) return;
    await sleep(pause, stop);
  }
}

/** Waits, or until there is no more reason to. */
function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
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
