// A chat room with one member that never reads: what it costs the others, and the server's memory.

import { concat } from "@std/bytes/concat";
import { decimalHeader, encodeText } from "../../../lib/framing/mod.ts";
import type { SlowPolicy } from "../../../lib/net/mod.ts";
import { ServerProcess } from "../../shared/processes.ts";
import { Ear, equal, pause, readExactly, write } from "./correct.ts";
import { memoryOf } from "./measure.ts";

/** How many members talk and listen. */
export const MEMBERS = 50;
/** How many messages a member says before it is the next one's turn. */
const BURST = 64;
/** The length of a message in bytes. */
const LENGTH = 1000;
/** How far behind a member may be, in bytes: less than the default, so that seconds suffice to fall behind. */
export const MAX_LAG = 4 * 1024 * 1024;
/** How often memory is looked at, in milliseconds. */
const LOOK_EVERY = 500;

/** What came of one policy. */
export interface SlowResult {
  policy: SlowPolicy;
  /** Messages that the others heard in a second, without the slow member and with it. */
  without: number;
  with: number;
  /** Resident memory of the server in MB: before, the most, and after; none where the system does not tell. */
  memory: { before: number | undefined; peak: number | undefined; after: number | undefined };
  /** What the server's log says of the slow member. */
  said: string;
  faults: string[];
}

const header = decimalHeader();

/** The members of a room, who talk in turns: the next one's turn is when all have heard all of the last one's. */
class Room {
  readonly #members: Deno.TcpConn[] = [];
  readonly #names: string[] = [];
  #turn = 0;
  #heardBytes = 0;
  #messageLength = 1;

  static async open(port: number): Promise<Room> {
    const room = new Room();
    for (let number = 0; number < MEMBERS; number++) {
      room.#names.push(`member ${number}`);
      room.#members.push(await enter(port, `member ${number}`));
    }
    await room.#gather(port);
    return room;
  }

  /** Rings a bell until everybody has heard it: who has is a member, and misses nothing from then on. */
  async #gather(port: number): Promise<void> {
    using bell = await enter(port, "bell");
    const ring = (text: string) => write(bell, header.encode(encodeText(text)));
    let missing = MEMBERS;
    const gathering = this.#members.map(async (member) => {
      const ear = new Ear(member);
      await ear.next();
      missing--;
      while ((await ear.next())[1] !== "begin") { /* It rings for others. */ }
    });
    while (missing > 0) {
      await ring("ring");
      await pause(20);
    }
    await ring("begin");
    await Promise.all(gathering);
  }

  /** How many messages all members together have heard. */
  get heard(): number {
    return this.#heardBytes / this.#messageLength;
  }

  /** One member's turn. */
  async turn(): Promise<void> {
    const speaker = this.#turn++ % MEMBERS;
    const name = header.encode(encodeText(this.#names[speaker]!));
    const texts = Array.from({ length: BURST }, (_, at) => encodeText(`${this.#turn}/${at} `.padEnd(LENGTH, ".")));
    const expected = concat(texts.flatMap((text) => [name, header.encode(text)]));
    this.#messageLength = expected.length / BURST;
    await Promise.all([
      write(this.#members[speaker]!, concat(texts.map((text) => header.encode(text)))),
      ...this.#members.filter((_, place) => place !== speaker).map((member) => this.#hear(member, expected)),
    ]);
  }

  async #hear(member: Deno.TcpConn, expected: Uint8Array): Promise<void> {
    const heard = await readExactly(member, expected.length, (count) => this.#heardBytes += count);
    if (!equal(heard, expected)) throw new Error("A member heard something else than was said");
  }

  [Symbol.dispose](): void {
    for (const member of this.#members) member.close();
  }
}

async function enter(port: number, name: string): Promise<Deno.TcpConn> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  socket.setNoDelay(true);
  await write(socket, header.encode(encodeText(name)));
  return socket;
}

/** Tries one policy: for so many milliseconds without a slow member, and for as many with one. */
export async function trySlowMember(policy: SlowPolicy, milliseconds: number, stop: AbortSignal): Promise<SlowResult> {
  const result: SlowResult = {
    policy,
    without: 0,
    with: 0,
    memory: { before: undefined, peak: undefined, after: undefined },
    said: "",
    faults: [],
  };
  const args = ["--slow", policy, "--max-lag", String(MAX_LAG)];
  await using server = await ServerProcess.start("chat", { args, quiet: true });
  const { memory } = result;
  const { pid } = server.process;
  const look = async () => memory.peak = Math.max(memory.peak ?? 0, await memoryOf(pid) ?? 0) || undefined;
  try {
    using room = await Room.open(server.port);
    result.without = await rateOf(room, milliseconds, stop);
    memory.before = await memoryOf(pid);
    memory.peak = memory.before;
    const looking = setInterval(look, LOOK_EVERY);
    const slow = await enter(server.port, "slow");
    const address = `127.0.0.1:${slow.localAddr.port}`;
    try {
      result.with = await rateOf(room, milliseconds, stop, () => {
        result.said = saidOf(server, address);
        slow.close();
      });
    } finally {
      clearInterval(looking);
      await look();
    }
  } catch (error) {
    if (!stop.aborted) result.faults.push(`${policy}: ${error instanceof Error ? error.message : error}`);
  }
  await pause(Math.min(milliseconds, 2000));
  memory.after = await memoryOf(pid);
  const wrong = server.log.filter(({ level }) => level === "error").map(({ message }) => message);
  result.faults.push(...wrong, ...server.strays);
  return result;
}

/**
 * How many messages the members hear in a second. A turn that is held up when the time is over counts with what was
 * heard of it; then what held it up is let go of, and it is played to its end.
 */
async function rateOf(room: Room, milliseconds: number, stop: AbortSignal, release = () => {}): Promise<number> {
  const began = performance.now();
  const before = room.heard;
  let over = false;
  let rate = 0;
  const measure = () => {
    if (over) return;
    over = true;
    rate = (room.heard - before) / (performance.now() - began) * 1000;
    release();
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

/** What the log says of the slow member, without its address, which says nothing to anybody. */
function saidOf(server: ServerProcess, address: string): string {
  const records = server.log.filter(({ peer }) => peer === address).map(({ message }) => message);
  if (records.length === 0) return "nothing: it was not far enough behind in this time";
  const more = records.length > 1 ? ` (${records.length} times)` : "";
  return records[0]!.replace(` at ${address}`, "").replace(`${address} `, "") + more;
}
