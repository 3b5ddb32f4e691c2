import { orUsage, printLine, Stdin } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { framing, PORT } from "./protocol.ts";

async function main({ operands, target }: ClientRun<Record<never, never>>): Promise<void> {
  const protocol = framing();
  orUsage(() => operands.forEach((line) => protocol.encode(line)));

  using connection = await connectTcp(target);
  const messages = framed(connection, protocol);
  using stdin = operands.length === 0 ? new Stdin() : undefined;
  // Closing standard input ends the loop at once when the server goes away, not at the next line.
  connection.signal.addEventListener("abort", () => stdin?.close());
  for await (const line of stdin?.lines() ?? operands) {
    await printLine(await messages.request(line));
  }
}

if (import.meta.main) {
  await runClient({
    ...task("delimited:client"),
    summary: "Sends lines and prints the answers.",
    port: PORT,
    operands: { usage: "[LINE...]", help: "The lines to send (default: the lines of standard input)", most: Infinity },
  }, main);
}
