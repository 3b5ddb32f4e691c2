import { CommandError, integer, seconds, writeStdout } from "../../lib/cli/mod.ts";
import { type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { type Connection, connectTcp } from "../../lib/net/mod.ts";
import { PORT } from "./protocol.ts";

const options = {
  connections: integer("N", "Number of connections", 100, { least: 1, most: 10_000 }),
  size: integer("BYTES", "Length of a message", 64, { least: 1, most: 65_536 }),
  duration: seconds("Duration of the measurement", 1000),
};

async function main({ values, target, requests: { stop } }: ClientRun<typeof options>): Promise<void> {
  const connections: Connection[] = [];
  try {
    for (let opened = 0; opened < values.connections; opened++) connections.push(await connectTcp(target));
    const message = crypto.getRandomValues(new Uint8Array(values.size));
    const started = performance.now();
    const until = started + values.duration;
    const counts = await Promise.all(connections.map((connection) => roundTrips(connection, message, until)));
    if (stop.aborted) throw new CommandError("Interrupted");
    await writeStdout(encodeText(`${summary(counts, performance.now() - started)}\n`));
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Sends a message and receives its echo, again and again; returns the number of round trips. */
async function roundTrips(connection: Connection, message: Uint8Array, until: number): Promise<number> {
  let count = 0;
  while (performance.now() < until) {
    await connection.write(message);
    for (let received = 0; received < message.length;) {
      const chunk = await connection.readChunk();
      if (chunk === null) throw new CommandError(`The server ended after ${count} round trips`);
      if (chunk.some((byte, at) => byte !== message[received + at])) {
        throw new CommandError("The server did not send the message back");
      }
      received += chunk.length;
    }
    count++;
  }
  return count;
}

function summary(counts: number[], milliseconds: number): string {
  const sorted = counts.toSorted((one, other) => one - other);
  const total = sorted.reduce((sum, count) => sum + count, 0);
  const median = sorted[sorted.length >> 1];
  return `${counts.length} connections held, ${Math.round(total / (milliseconds / 1000))} round trips a second; ` +
    `of a connection: fewest ${sorted[0]}, median ${median}, most ${sorted.at(-1)}`;
}

if (import.meta.main) {
  await runClient({
    ...task("dispatch:client"),
    summary: "Counts round trips over many connections to the dispatch server.",
    port: PORT,
    options,
  }, main);
}
