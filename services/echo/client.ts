import { CommandError, Stdin, streamToStdout, writeStdout } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { type Connection, connectTcp } from "../../lib/net/mod.ts";
import { GREETING, PORT } from "./protocol.ts";

/**
 * Sends what comes, and hands on what comes back as it comes, until as many bytes came back as were sent.
 *
 * @param connection A connection to an echo server.
 * @param source What to send.
 * @param sink Takes what comes back; valid until its promise is fulfilled.
 * @param timeout How long anything sent may take to come back, in milliseconds.
 * @throws {CommandError} If the server ends before everything came back, or sends back more than it got.
 */
export async function echo(
  connection: Connection,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  sink: (chunk: Uint8Array) => void | Promise<void>,
  timeout: number,
): Promise<void> {
  let sent = 0;
  let received = 0;
  let all = false;

  async function send(): Promise<void> {
    for await (const chunk of source) {
      if (received === sent) connection.expectWithin(timeout);
      sent += chunk.length;
      await connection.write(chunk);
    }
    all = true;
    await connection.closeWrite();
    if (received === sent) connection.close();
  }

  async function receive(): Promise<void> {
    try {
      while (!all || received < sent) {
        // Only what was sent is owed: whoever types the next line may take their time.
        const chunk = await connection.readChunk(received < sent ? timeout : Infinity);
        if (chunk === null) throw new CommandError(`The server ended early: ${sent} bytes sent, ${received} came back`);
        received += chunk.length;
        if (received > sent) throw new CommandError(`The server sent more than it got: ${received} bytes for ${sent}`);
        await sink(chunk);
      }
    } catch (error) {
      // With everything back, how the connection ended does not matter.
      if (!all || received !== sent) throw error;
    }
  }

  await Promise.all([send(), receive()]);
}

async function main(
  { operands: [message = GREETING], target, timeout }: ClientRun<Record<never, never>>,
): Promise<void> {
  using stdin = message === "-" ? new Stdin() : undefined;
  // How long the server may not read depends on how fast our own output is read, so only the answers are timed.
  using connection = await connectTcp({ ...target, writeTimeout: Infinity });
  await echo(
    connection,
    stdin?.chunks() ?? [encodeText(message)],
    streamToStdout(),
    timeout,
  );
  if (stdin === undefined) await writeStdout(encodeText("\n"));
}

if (import.meta.main) {
  await runClient({
    name: "echo",
    summary: "Sends a message to the echo server and prints what comes back.",
    port: PORT,
    operands: { usage: "[MESSAGE]", help: `What to send (default "${GREETING}"); - sends standard input`, most: 1 },
  }, main);
}
