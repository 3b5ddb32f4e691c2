import { orUsage, printLine, UsageError } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import type { TaggedMessage } from "../../lib/framing/tagged.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { decodeBytes } from "../../lib/log/mod.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { framing, LENGTHS, PORT, type Type } from "./protocol.ts";

/** One message of each type. */
const DEFAULT_MESSAGES = Object.entries(LENGTHS).map(([type, length]) =>
  `${type}:${type.toLowerCase().repeat(length)}`
);

async function main({ operands, target }: ClientRun<Record<never, never>>): Promise<void> {
  const requests = (operands.length > 0 ? operands : DEFAULT_MESSAGES).map(parse);
  orUsage(() => requests.forEach((message) => framing.encode(message)));

  using connection = await connectTcp(target);
  const messages = framed(connection, framing);
  for (const message of requests) {
    const { type, body } = await messages.request(message);
    await printLine(`${type}:${decodeBytes(body)}`);
  }
}

/** Parses `TYPE:TEXT`. The framing checks the type and the length. */
function parse(operand: string): TaggedMessage<Type> {
  const colon = operand.indexOf(":");
  if (colon === -1) throw new UsageError(`Expected TYPE:TEXT, got "${operand}"`);
  return { type: operand.slice(0, colon) as Type, body: encodeText(operand.slice(colon + 1)) };
}

if (import.meta.main) {
  const lengths = Object.entries(LENGTHS).map(([type, length]) => `${type} ${length} bytes`).join(", ");
  await runClient({
    ...task("tagged:client"),
    summary: "Sends messages whose type byte decides their length, and prints the answers.",
    port: PORT,
    operands: {
      usage: "[TYPE:TEXT...]",
      help: `The messages, type and body: ${lengths} (default: one of each type)`,
      most: Infinity,
    },
  }, main);
}
