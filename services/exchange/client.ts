import { CommandError, Stdin, streamToStdout } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { connectTcp } from "../../lib/net/mod.ts";
import { DEFAULT_MESSAGE, PORT } from "./protocol.ts";

async function main(
  { operands: [message = DEFAULT_MESSAGE], target, timeout }: ClientRun<Record<never, never>>,
): Promise<void> {
  using stdin = message === "-" ? new Stdin() : undefined;
  using connection = await connectTcp(target);
  connection.signal.addEventListener("abort", () => stdin?.close());
  let requested = false;

  async function sendRequest(): Promise<void> {
    for await (const chunk of stdin?.chunks() ?? [encodeText(message)]) await connection.write(chunk);
    // The half-close ends the request; the other direction stays open for the answer.
    await connection.closeWrite();
    requested = true;
    connection.expectWithin(timeout);
  }

  async function receiveAnswer(): Promise<void> {
    const print = streamToStdout();
    let received = 0;
    for (let chunk; (chunk = await connection.readChunk(requested ? timeout : Infinity)) !== null;) {
      received += chunk.length;
      await print(chunk);
    }
    if (!requested) throw new CommandError("The server ended before the request did");
    if (received === 0) throw new CommandError("The server ended without an answer");
  }

  await Promise.all([sendRequest(), receiveAnswer()]);
}

if (import.meta.main) {
  await runClient({
    ...task("exchange:client"),
    summary: "Sends a request, shuts down the sending side, and prints the answer.",
    port: PORT,
    operands: {
      usage: "[MESSAGE]",
      help: `The request (default "${DEFAULT_MESSAGE}"); - sends standard input`,
      most: 1,
    },
  }, main);
}
