import { concat } from "@std/bytes/concat";
import { decimalHeader, encodeText } from "../../../lib/framing/mod.ts";
import { medianOf } from "../../tools/load/tally.ts";
import { Tape } from "../../tools/load/tape.ts";
import type { Round } from "./generator.ts";
import type { Load } from "./workloads.ts";

const HEADER = 10;
/** Every name has as many bytes, so every message has. */
const NAME = 8;
/** How long a greeting may take before it is sent again, and before it is given up, in milliseconds. */
const GREETING = { again: 200, patience: 20_000 };

const { encode } = decimalHeader();

const nameOf = (index: number) => `name${String(index).padStart(4, "0")}`;

/** What is said and what should come of it: everybody's messages differ by their names, and by their numbers. */
interface Script {
  sent: Tape;
  /** Of each talker: its messages as the others get them. */
  expected: Uint8Array[];
  /** How long each of these is. */
  record: number;
  hello: Uint8Array<ArrayBuffer>;
}

function scriptOf({ size, inFlight, talkers = 0 }: Load): Script {
  const sent = new Tape(size, inFlight, "header");
  const expected = Array.from({ length: talkers }, (_, talker) => {
    const name = encode(encodeText(nameOf(talker)));
    return concat(Array.from({ length: sent.messages }, (_, number) => concat([name, sent.message(number)])));
  });
  return { sent, expected, record: HEADER + NAME + sent.messageLength, hello: encode(new Uint8Array(size).fill(0x68)) };
}

/** What the members share. */
interface Room {
  load: Load;
  script: Script;
  members: Member[];
  joined: Set<number>;
  /** How often each talker's messages have come to somebody. */
  deliveries: number[];
  over: boolean;
}

/** One member, who checks what the others say, and says the next when everybody has the one before. */
class Member {
  answered = 0;
  /** Messages that may be sent, and that were. */
  goal = 0;
  #sent = 0;
  #writing = false;
  readonly socket: Deno.TcpConn;
  readonly #room: Room;
  readonly #buffer = new Uint8Array(256 * 1024);
  readonly #due: number[];
  #held = 0;

  constructor(socket: Deno.TcpConn, room: Room) {
    socket.setNoDelay(true);
    this.socket = socket;
    this.#room = room;
    this.#due = room.script.expected.map(() => 0);
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let written = 0; written < bytes.length;) written += await this.socket.write(bytes.subarray(written));
  }

  /** Sends what may be sent, in as few writes as the tape lets it. */
  async say(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    const { sent } = this.#room.script;
    while (this.#sent < this.goal) {
      const at = this.#sent % sent.messages;
      const count = Math.min(this.goal - this.#sent, sent.messages - at);
      this.#sent += count;
      await this.write(sent.bytes.subarray(at * sent.messageLength, (at + count) * sent.messageLength));
    }
    this.#writing = false;
  }

  async listen(): Promise<void> {
    const { record } = this.#room.script;
    for (;;) {
      const length = await this.socket.read(this.#buffer.subarray(this.#held));
      if (length === null) throw new Error("the server closed a connection");
      const end = this.#held + length;
      const talkers = new Set<Member>();
      let at = 0;
      for (; end - at >= record; at += record) this.#take(this.#buffer.subarray(at, at + record), talkers);
      this.#buffer.copyWithin(0, at, end);
      this.#held = end - at;
      for (const talker of talkers) talker.say().catch(() => {});
    }
  }

  #take(message: Uint8Array, talkers: Set<Member>): void {
    const { script: { expected, sent }, joined, members, deliveries, load, over } = this.#room;
    let from = 0;
    for (const digit of message.subarray(HEADER + 4, HEADER + NAME)) from = from * 10 + digit - 0x30;
    const text = HEADER + NAME + HEADER;
    if (message[text] === 0x68) {
      if (this === members[0]) joined.add(from);
      return;
    }
    const number = this.#due[from];
    if (number === undefined) throw new Error("a message of nobody");
    const base = number * message.length;
    for (let at = 0; at < message.length; at++) {
      if (message[at] !== expected[from]![base + at]) throw new Error(`wrong message of member ${from}`);
    }
    this.#due[from] = (number + 1) % sent.messages;
    this.answered++;
    if (++deliveries[from]! % (load.connections - 1) === 0 && !over) {
      members[from]!.goal++;
      talkers.add(members[from]!);
    }
  }
}

/** A chat in which everybody who talks has so many messages under way, for some milliseconds. */
export async function runChat(load: Load, port: number, duration: number): Promise<Omit<Round, "cpu">> {
  const script = scriptOf(load);
  const deliveries = script.expected.map(() => 0);
  const room: Room = { load, script, members: [], joined: new Set([0]), deliveries, over: false };
  const failed = Promise.withResolvers<never>();
  try {
    for (let index = 0; index < load.connections; index++) {
      const member = new Member(await Deno.connect({ hostname: "127.0.0.1", port }), room);
      room.members.push(member);
      member.listen().catch(failed.reject);
      await member.write(encode(encodeText(nameOf(index))));
      await Promise.race([greet(member, index, room), failed.promise]);
    }
    const began = performance.now();
    for (const talker of room.members.slice(0, load.talkers)) {
      talker.goal = load.inFlight;
      talker.say().catch(failed.reject);
    }
    await Promise.race([new Promise((resolve) => setTimeout(resolve, duration)), failed.promise]);
    const seconds = (performance.now() - began) / 1000;
    const counts = room.members.map(({ answered }) => answered);
    const operations = counts.reduce((sum, count) => sum + count, 0);
    return {
      operations,
      seconds,
      lost: 0,
      min: Math.min(...counts),
      median: medianOf(counts),
      max: Math.max(...counts),
    };
  } finally {
    room.over = true;
    for (const { socket } of room.members) socket.close();
    failed.promise.catch(() => {});
  }
}

/** Members join one after the other: whose greeting comes to the first member is in the room. */
async function greet(member: Member, index: number, { joined, script }: Room): Promise<void> {
  const until = performance.now() + GREETING.patience;
  while (!joined.has(index)) {
    if (performance.now() > until) throw new Error(`member ${index} never joined`);
    // The first member may join a moment after the second has greeted it.
    await member.write(script.hello);
    const again = performance.now() + GREETING.again;
    while (!joined.has(index) && performance.now() < again) await new Promise((resolve) => setTimeout(resolve));
  }
}
