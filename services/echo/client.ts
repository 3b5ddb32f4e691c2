import { CommandError, Stdin, streamToStdout, writeStdout } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { type Connection, connectTcp } from "../../lib/net/mod.ts";
import { DEFAULT_MESSAGE, PORT } from "./protocol.ts";

/**
 * Sends chunks and receives the echo at the same time, until as many bytes have been received as were sent.
 *
 * @param connection A connection to an echo server.
 * @param source The chunks to send.
 * @param sink Receives each chunk of the echo, which is valid until the sink's promise is fulfilled.
 * @param timeout The longest wait for the echo of bytes already sent, in milliseconds.
 * @throws {CommandError} If the server ends before the whole echo was received, or sends more than it received.
 */
export async function echo(
  connection: Connection,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  sink: (chunk: Uint8Array) => void | Promise<void>,
  timeout: number,
): Promise<void> {
  let sent = 0;
  let received = 0;
  let sentAll = false;

  async function send(): Promise<void> {
    for await (const chunk of source) {
      if (received === sent) connection.expectWithin(timeout);
      sent += chunk.length;
      await connection.write(chunk);
    }
    sentAll = true;
    await connection.closeWrite();
    if (received === sent) connection.close();
  }

  async function receive(): Promise<void> {
    try {
      while (!sentAll || received < sent) {
        // The server owes nothing while standard input is idle, so only the echo of sent bytes is timed.
        const chunk = await connection.readChunk(received < sent ? timeout : Infinity);
        if (chunk === null) throw new CommandError(`The server ended early: ${sent} bytes sent, ${received} received`);
        received += chunk.length;
        if (received > sent) {
          throw new CommandError(`The server sent too much: expected ${sent} bytes, got ${received}`);
        }
        await sink(chunk);
      }
    } catch (error) {
      // Once the whole echo is here, an error at the end of the connection does not matter.
      if (!sentAll || received !== sent) throw error;
    }
  }

  await Promise.all([send(), receive()]);
}

async function main(
  { operands: [message = DEFAULT_MESSAGE], target, timeout }: ClientRun<Record<never, never>>,
): Promise<void> {
  using stdin = message === "-" ? new Stdin() : undefined;
  // A slow reader of our standard output slows the server's reading, so writes have no timeout.
  using connection = await connectTcp({ ...target, writeTimeout: Infinity });
  await echo(connection, stdin?.chunks() ?? [encodeText(message)], streamToStdout(), timeout);
  if (stdin === undefined) await writeStdout(encodeText("\n"));
}

if (import.meta.main) {
  await runClient({
    ...task("echo:client"),
    summary: "Sends a message to the echo server and prints the echo.",
    port: PORT,
    operands: {
      usage: "[MESSAGE]",
      help: `The message (default "${DEFAULT_MESSAGE}"); - sends standard input`,
      most: 1,
    },
  }, main);
}
