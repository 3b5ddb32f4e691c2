import { printLine } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { encodeText, TruncatedMessageError } from "../../lib/framing/mod.ts";
import { decodeBytes } from "../../lib/log/mod.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { framing, GREETING, LENGTH, PORT } from "./protocol.ts";

async function main({ target }: ClientRun<Record<never, never>>): Promise<void> {
  using connection = await connectTcp(target);
  const messages = framed(connection, framing);
  await messages.send(encodeText(GREETING));
  const answer = await messages.receive();
  if (answer === undefined) throw new TruncatedMessageError("message", LENGTH, 0);
  await printLine(decodeBytes(answer));
}

if (import.meta.main) {
  await runClient({
    name: "sixteen",
    summary: `Sends "${GREETING}", and prints the 16 bytes that come back.`,
    port: PORT,
  }, main);
}
