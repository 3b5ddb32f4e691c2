import { printLine } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { decodeBytes } from "../../lib/log/mod.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { framing, GREETING, PORT, readSixteen } from "./protocol.ts";

async function main({ target }: ClientRun<Record<never, never>>): Promise<void> {
  using connection = await connectTcp(target);
  const messages = framed(connection, framing);
  await messages.send(encodeText(GREETING));
  await printLine(decodeBytes(await readSixteen(messages)));
}

if (import.meta.main) {
  await runClient({
    ...task("sixteen:client"),
    summary: `Sends the 16 bytes "${GREETING}", reads exactly 16, and prints them.`,
    port: PORT,
  }, main);
}
