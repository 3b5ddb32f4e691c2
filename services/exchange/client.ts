import { CommandError, Stdin, streamToStdout } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { connectTcp } from "../../lib/net/mod.ts";
import { MESSAGE, PORT } from "./protocol.ts";

async function main(
  { operands: [message = MESSAGE], target, timeout }: ClientRun<Record<never, never>>,
): Promise<void> {
  using stdin = message === "-" ? new Stdin() : undefined;
  using connection = await connectTcp(target);
  connection.signal.addEventListener("abort", () => stdin?.close());
  let asked = false;

  async function ask(): Promise<void> {
    for await (const chunk of stdin?.chunks() ?? [encodeText(message)]) await connection.write(chunk);
    // The end of this side is the end of the request; the other side stays open for the answer.
    await connection.closeWrite();
    asked = true;
    connection.expectWithin(timeout);
  }

  async function listen(): Promise<void> {
    const print = streamToStdout();
    let received = 0;
    for (let chunk; (chunk = await connection.readChunk(asked ? timeout : Infinity)) !== null;) {
      received += chunk.length;
      await print(chunk);
    }
    if (!asked) throw new CommandError("The server ended before the request did");
    if (received === 0) throw new CommandError("The server ended without an answer");
  }

  await Promise.all([ask(), listen()]);
}

if (import.meta.main) {
  await runClient({
    name: "exchange",
    summary: "Sends a request, ends it, and prints the answer.",
    port: PORT,
    operands: { usage: "[MESSAGE]", help: `What to send (default "${MESSAGE}"); - sends standard input`, most: 1 },
  }, main);
}
