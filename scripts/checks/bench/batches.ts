// Appends batches to a log of NATS, one after the other, and perhaps follows it, as a chat server does without members.
// Waits for the end of its standard input, and prints the number of messages in the batches.

import process from "node:process";
import { parseNatsAddress } from "../../../services/chat/_nats_address.ts";
import { LogSession } from "../../../services/chat/_nats_log.ts";

/** The length of a batch in bytes. */
const BATCH = 64 * 1024;
/** The length of a message in a batch: name and text under their headers, and the message's entry. */
const MESSAGE = 10 + 8 + 10 + 64 + 8;
/** How often to try to open the log while a cluster elects a leader, and the time between, in milliseconds. */
const ATTEMPTS = 30;
const PAUSE = 500;

const [address = "", replicas, history, seconds, follows] = Deno.args;
const { servers } = parseNatsAddress(address);
const room = "batches";

async function open(): Promise<LogSession> {
  const options = { room, replicas: Number(replicas), maxAge: 3_600_000, maxBytes: Number(history) };
  for (let attempt = 1;; attempt++) {
    try {
      return await LogSession.open(servers[attempt % servers.length]!, { servers }, options);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

try {
  const session = await open();
  let batches = 0;
  const count = () => void batches++;
  if (follows) await session.follow(session.info.state.last_seq + 1, count, () => undefined);
  console.log("ready");
  await Deno.stdin.read(new Uint8Array(1));
  const batch = new Uint8Array(BATCH).fill(0x61);
  batches = 0;
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  while (elapsed() < Number(seconds)) {
    await session.append(room, batch);
    if (!follows) count();
  }
  const time = elapsed();
  const { user, system } = process.cpuUsage();
  const operations = batches * Math.floor(BATCH / MESSAGE);
  console.log(JSON.stringify({ operations, seconds: time, cpu: (user + system) / 1e6 / time }));
  session.close();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
