import { CommandError, integer, printLine } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { framing, PORT } from "./protocol.ts";

const options = {
  count: integer("N", "Number of messages to print before leaving, the welcome included", 0, {
    least: 1,
    shown: "no end",
  }),
};

async function main({ values: { count }, target, timeout, requests }: ClientRun<typeof options>): Promise<void> {
  // The interval is the server's choice, so the wait for a tick has no timeout; the rest of a tick has one.
  using connection = await connectTcp({ ...target, firstMessageTimeout: timeout, idleTimeout: Infinity });
  const messages = framed(connection, framing);
  try {
    let received = 0;
    for await (const message of messages) {
      await printLine(message);
      if (++received === count) return;
    }
  } catch (error) {
    if (requests.stop.aborted) return; // Ctrl-C is the normal end.
    throw error;
  }
  throw new CommandError("The server ended");
}

if (import.meta.main) {
  await runClient({
    ...task("clock:client"),
    summary: "Prints the messages of the clock server.",
    port: PORT,
    options,
  }, main);
}
