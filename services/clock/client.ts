import { CommandError, integer, printLine } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { framing, PORT } from "./protocol.ts";

const options = {
  count: integer("N", "Leave after so many messages, the welcome included", 0, { least: 1, shown: "no end" }),
};

async function main({ values: { count }, target, requests }: ClientRun<typeof options>): Promise<void> {
  // Nobody owes the next tick, so it may come at any time; only one that has begun has to end.
  using connection = await connectTcp({ ...target, idleTimeout: Infinity });
  const messages = framed(connection, framing);
  try {
    let received = 0;
    for await (const message of messages) {
      await printLine(message);
      if (++received === count) return;
    }
  } catch (error) {
    if (requests.stop.aborted) return; // Ctrl-C is how one stops listening.
    throw error;
  }
  throw new CommandError("The server ended");
}

if (import.meta.main) {
  await runClient({
    name: "clock",
    summary: "Prints what the clock server tells.",
    port: PORT,
    options,
  }, main);
}
