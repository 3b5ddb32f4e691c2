import { integer, orUsage, printLine } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { fixed } from "../../lib/framing/fixed.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { decodeBytes } from "../../lib/log/mod.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { lengthOption, PORT } from "./protocol.ts";

const options = {
  length: lengthOption,
  count: integer("N", "Number of times to send the message", 1, { least: 1 }),
};

const PATTERN = "0123456789";

async function main(run: ClientRun<typeof options>): Promise<void> {
  const { values: { length, count }, operands, target } = run;
  const message = encodeText(operands[0] ?? PATTERN.repeat(Math.ceil(length / PATTERN.length)).slice(0, length));
  const framing = fixed(length);
  orUsage(() => framing.encode(message));

  using connection = await connectTcp(target);
  const messages = framed(connection, framing);
  for (let sent = 0; sent < count; sent++) {
    await printLine(decodeBytes(await messages.request(message)));
  }
}

if (import.meta.main) {
  await runClient({
    ...task("fixed:client"),
    summary: "Sends messages of a fixed length and prints the answers.",
    port: PORT,
    operands: {
      usage: "[MESSAGE]",
      help: "A message of exactly --length bytes (default: the digits, repeated)",
      most: 1,
    },
    options,
  }, main);
}
