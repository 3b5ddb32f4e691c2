import { CommandError, openConversation, printLine } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { decodeBytes } from "../../lib/log/mod.ts";
import { connectUdp } from "../../lib/net/mod.ts";
import { PORT } from "./protocol.ts";

async function main(run: ClientRun<Record<never, never>>): Promise<void> {
  const { operands, hostname, port, timeout, requests, log } = run;
  using peer = await connectUdp({ hostname, port, signal: requests.stop, log });
  using conversation = operands.length > 0 ? undefined : openConversation(requests);
  if (conversation !== undefined) conversation.prompt = "> ";
  requests.stop.addEventListener("abort", () => conversation?.[Symbol.dispose]());
  for await (const turn of conversation?.lines() ?? operands) {
    await peer.send(encodeText(turn));
    const answer = decodeBytes(await peer.receive(timeout));
    await (conversation?.show(answer) ?? printLine(answer));
  }
  if (requests.stop.aborted && operands.length > 0) throw new CommandError("Interrupted");
}

if (import.meta.main) {
  await runClient({
    ...task("udp-chat:client"),
    summary: "Takes turns with the server, one datagram each.",
    port: PORT,
    transport: "udp",
    operands: {
      usage: "[MESSAGE...]",
      help: "The turns, one datagram each (default: the lines of standard input)",
      most: Infinity,
    },
  }, main);
}
