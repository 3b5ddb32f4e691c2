import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connectNats } from "../../../services/chat/_nats_connection.ts";
import type { ChatPlan, ChatResult } from "../../tools/load/chat.ts";

/** Length of a batch in bytes. */
const BATCH = 64 * 1024;
/** Length of a chat's message in a batch without its text: entry, two headers, and a name of eight bytes. */
const OVERHEAD = 8 + 10 + 8 + 10;
/** Number of subscribers, as many as the chat servers that it is compared with. */
const SUBSCRIBERS = 2;

/**
 * Publishes batches to a stream in NATS, each when the last one is acknowledged, to subscribers that drop them. Counts the
 * messages of a chat that fit into them.
 */
export async function runBatches(
  { size }: ChatPlan,
  [port]: readonly number[],
  duration: number,
): Promise<ChatResult> {
  const connect = () => connectNats({ hostname: "127.0.0.1", port: port! }, { servers: [] }, "bench");
  const publisher = await connect();
  const subscribers = await Promise.all(Array.from({ length: SUBSCRIBERS }, connect));
  let received = 0;
  for (const subscriber of subscribers) {
    subscriber.subscribe("bench", { callback: (_, { data }) => void (received += data.length) });
    await subscriber.flush();
  }
  const manager = await jetstreamManager(publisher);
  await manager.streams.add({ name: "bench", subjects: ["bench"], max_bytes: 256 * 1024 * 1024 });
  const log = jetstream(publisher);
  const batch = new Uint8Array(BATCH).fill(0x78);
  const began = performance.now();
  for (let number = 0; performance.now() - began < duration; number++) {
    await log.publish("bench", batch, { msgID: `${began}.${number}` });
  }
  const seconds = (performance.now() - began) / 1000;
  const operations = Math.round(received / SUBSCRIBERS / (OVERHEAD + size));
  for (const connection of [publisher, ...subscribers]) await connection.close();
  return { operations, seconds, lost: 0, min: operations, median: operations, max: operations };
}
