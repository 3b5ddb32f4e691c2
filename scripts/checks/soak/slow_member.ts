// Measures the effect of a chat member that never reads on the rate of the others and on the server's memory.

import { concat } from "@std/bytes/concat";
import { writeAll } from "../../../lib/log/mod.ts";
import type { SlowPolicy } from "../../../lib/net/mod.ts";
import { framing } from "../../../services/chat/protocol.ts";
import { ServerProcess } from "../../shared/processes.ts";
import { memoryOf } from "../../shared/system.ts";
import { Reader } from "./chat.ts";
import { equal, pause, readExactly } from "./client.ts";

/** Number of members that send and read. */
export const MEMBERS = 50;
/** Number of messages that a member sends in its turn. */
const BURST = 64;
/** The length of a message in bytes. */
const LENGTH = 1000;
/** How many bytes a member may lag behind: less than the default, so that it lags too far within seconds. */
export const MAX_LAG = 4 * 1024 * 1024;
/** How often to measure memory, in milliseconds. */
const MEASURE_EVERY = 500;

/** The result of one policy. */
export interface SlowResult {
  policy: SlowPolicy;
  /** Messages that the others received in a second, without the slow member and with it. */
  without: number;
  with: number;
  /** Resident memory of the server in bytes; `undefined` where the system does not report it. */
  memory: { before: number | undefined; peak: number | undefined; after: number | undefined };
  /** The server's log record of the slow member. */
  record: string;
  faults: string[];
}

const { encode } = framing();

/** The members of a chat. They send in turns: the next turn starts when all have received the messages of the last. */
class Room {
  readonly #members: Deno.TcpConn[] = [];
  readonly #names: string[] = [];
  #turn = 0;
  #receivedBytes = 0;
  #messageLength = 1;

  static async open(port: number): Promise<Room> {
    const room = new Room();
    for (let number = 0; number < MEMBERS; number++) {
      room.#names.push(`member ${number}`);
      room.#members.push(await join(port, `member ${number}`));
    }
    await room.#ready(port);
    return room;
  }

  /** Sends messages until every member has received one, which shows that it has joined. */
  async #ready(port: number): Promise<void> {
    using sender = await join(port, "sender");
    const send = (text: string) => writeAll(sender, encode(text));
    let missing = MEMBERS;
    const joining = this.#members.map(async (member) => {
      const reader = new Reader(member);
      await reader.next();
      missing--;
      while ((await reader.next())[1] !== "begin") { /* for members that have not joined yet */ }
    });
    while (missing > 0) {
      await send("hello");
      await pause(20);
    }
    await send("begin");
    await Promise.all(joining);
  }

  /** Number of messages that all members together have received. */
  get received(): number {
    return this.#receivedBytes / this.#messageLength;
  }

  /** Runs the turn of the next member. */
  async turn(): Promise<void> {
    const sender = this.#turn++ % MEMBERS;
    const name = encode(this.#names[sender]!);
    const texts = Array.from({ length: BURST }, (_, at) => encode(`${this.#turn}/${at} `.padEnd(LENGTH, ".")));
    const expected = concat(texts.flatMap((text) => [name, text]));
    this.#messageLength = expected.length / BURST;
    await Promise.all([
      writeAll(this.#members[sender]!, concat(texts)),
      ...this.#members.filter((_, index) => index !== sender).map((member) => this.#receive(member, expected)),
    ]);
  }

  async #receive(member: Deno.TcpConn, expected: Uint8Array): Promise<void> {
    const received = await readExactly(member, expected.length, (count) => this.#receivedBytes += count);
    if (!equal(received, expected)) throw new Error("A member received other messages than were sent");
  }

  [Symbol.dispose](): void {
    for (const member of this.#members) member.close();
  }
}

async function join(port: number, name: string): Promise<Deno.TcpConn> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  socket.setNoDelay(true);
  await writeAll(socket, encode(name));
  return socket;
}

/** Measures one policy for some milliseconds without a slow member, and as long with one. */
export async function runSlowMember(policy: SlowPolicy, milliseconds: number, stop: AbortSignal): Promise<SlowResult> {
  const result: SlowResult = {
    policy,
    without: 0,
    with: 0,
    memory: { before: undefined, peak: undefined, after: undefined },
    record: "",
    faults: [],
  };
  const args = ["--slow", policy, "--max-lag", String(MAX_LAG)];
  await using server = await ServerProcess.start("chat", { args, quiet: true });
  const { memory } = result;
  const { pid } = server;
  const watchMemory = async () => memory.peak = Math.max(memory.peak ?? 0, await memoryOf(pid) ?? 0) || undefined;
  try {
    using room = await Room.open(server.port);
    result.without = await rateOf(room, milliseconds, stop);
    memory.before = await memoryOf(pid);
    memory.peak = memory.before;
    const timer = setInterval(watchMemory, MEASURE_EVERY);
    const slow = await join(server.port, "slow");
    const address = `127.0.0.1:${slow.localAddr.port}`;
    try {
      result.with = await rateOf(room, milliseconds, stop, () => {
        result.record = recordOf(server, address);
        slow.close();
      });
    } finally {
      clearInterval(timer);
      await watchMemory();
    }
  } catch (error) {
    if (!stop.aborted) result.faults.push(`${policy}: ${error instanceof Error ? error.message : error}`);
  }
  await pause(Math.min(milliseconds, 2000));
  memory.after = await memoryOf(pid);
  const errors = server.log.filter(({ level }) => level === "error").map(({ message }) => message);
  result.faults.push(...errors, ...server.strays);
  return result;
}

/**
 * Messages that the members receive in a second. A turn that is blocked at the end counts with the messages received so
 * far; then `unblock` lets it finish.
 */
async function rateOf(room: Room, milliseconds: number, stop: AbortSignal, unblock = () => {}): Promise<number> {
  const began = performance.now();
  const before = room.received;
  let over = false;
  let rate = 0;
  const measure = () => {
    if (over) return;
    over = true;
    rate = (room.received - before) / (performance.now() - began) * 1000;
    unblock();
  };
  const timer = setTimeout(measure, milliseconds);
  stop.addEventListener("abort", measure);
  try {
    while (!over) await room.turn();
  } finally {
    clearTimeout(timer);
    stop.removeEventListener("abort", measure);
    measure();
  }
  return rate;
}

/** The log record of the slow member, without its address. */
function recordOf(server: ServerProcess, address: string): string {
  const records = server.log.filter(({ peer }) => peer === address).map(({ message }) => message);
  if (records.length === 0) return "none: it did not lag far enough in this time";
  const more = records.length > 1 ? ` (${records.length} times)` : "";
  return records[0]!.replace(` at ${address}`, "").replace(`${address} `, "") + more;
}
