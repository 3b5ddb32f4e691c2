import { orUsage, printLine, UsageError } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { encodeText, type TaggedMessage } from "../../lib/framing/mod.ts";
import { decodeBytes } from "../../lib/log/mod.ts";
import { connectTcp, framed } from "../../lib/net/mod.ts";
import { framing, PORT, TABLE, type Type } from "./protocol.ts";

/** One message of each type. */
const DEFAULT = Object.entries(TABLE).map(([type, length]) => `${type}:${type.toLowerCase().repeat(length)}`);

async function main({ operands, target }: ClientRun<Record<never, never>>): Promise<void> {
  const said = (operands.length > 0 ? operands : DEFAULT).map(parse);
  orUsage(() => said.forEach((message) => framing.encode(message)));

  using connection = await connectTcp(target);
  const messages = framed(connection, framing);
  for (const message of said) {
    const { type, body } = await messages.request(message);
    await printLine(`${type}:${decodeBytes(body)}`);
  }
}

/** Reads `TYPE:TEXT`; whether the type is known and the text as long as it should be is the framing's to say. */
function parse(operand: string): TaggedMessage<Type> {
  const colon = operand.indexOf(":");
  if (colon === -1) throw new UsageError(`Expected TYPE:TEXT, got "${operand}"`);
  return { type: operand.slice(0, colon) as Type, body: encodeText(operand.slice(colon + 1)) };
}

if (import.meta.main) {
  const lengths = Object.entries(TABLE).map(([type, length]) => `${type} ${length} bytes`).join(", ");
  await runClient({
    name: "tagged",
    summary: "Sends messages whose type decides their length, and prints what comes back.",
    port: PORT,
    operands: { usage: "[TYPE:TEXT...]", help: `What to send: ${lengths} (default: one of each)`, most: Infinity },
  }, main);
}
