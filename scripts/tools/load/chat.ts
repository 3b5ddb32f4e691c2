import { concat } from "@std/bytes/concat";
import { decimalHeader, encodeText } from "../../../lib/framing/mod.ts";
import { writeAll } from "../../../lib/log/mod.ts";
import { sleep } from "../../../lib/net/timer.ts";
import type { HostPort } from "../../../lib/net/mod.ts";
import { medianOf } from "./tally.ts";
import { Tape } from "./tape.ts";

/** The load of a chat. */
export interface ChatPlan {
  /** Number of members, and of those that talk. */
  connections: number;
  talkers: number;
  /** Length of a text in bytes. */
  size: number;
  /** Messages in flight of each talker. */
  inFlight: number;
}

/** What a chat has delivered. */
export interface ChatResult {
  /** Number of messages delivered to all members. */
  operations: number;
  seconds: number;
  lost: number;
  /** Messages delivered to one member. */
  min: number;
  median: number;
  max: number;
}

const HEADER = 10;
/** The length of a name in bytes. Equal lengths of names and texts make all messages equally long. */
const NAME = 8;
/** How often to repeat a greeting, and when to give up, in milliseconds. */
const GREETING = { every: 200, timeout: 20_000 };

const { encode } = decimalHeader();

const nameOf = (index: number) => `name${String(index).padStart(4, "0")}`;

/** The messages that members send, and those that they must receive. Each differs by its sender's name and number. */
interface Script {
  sent: Tape;
  /** The messages of each talker as the others receive them. */
  expected: Uint8Array[];
  /** The length of one such message. */
  record: number;
  hello: Uint8Array<ArrayBuffer>;
}

function scriptOf({ size, inFlight, talkers }: ChatPlan): Script {
  const sent = new Tape(size, inFlight, "header");
  const expected = Array.from({ length: talkers }, (_, talker) => {
    const name = encode(encodeText(nameOf(talker)));
    return concat(Array.from({ length: sent.messages }, (_, number) => concat([name, sent.message(number)])));
  });
  return { sent, expected, record: HEADER + NAME + sent.messageLength, hello: encode(new Uint8Array(size).fill(0x68)) };
}

/** The state that members share. */
interface Room {
  load: ChatPlan;
  script: Script;
  members: Member[];
  joined: Set<number>;
  /** Number of deliveries of each talker's messages. */
  deliveries: number[];
  over: boolean;
}

/** A member. It checks the others' messages, and sends its next one when all others have received its last one. */
class Member {
  answered = 0;
  /** Number of messages that may be sent, and that were. */
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

  /** Sends the messages that may be sent, in few writes. */
  async send(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    const { sent } = this.#room.script;
    while (this.#sent < this.goal) {
      const at = this.#sent % sent.messages;
      const count = Math.min(this.goal - this.#sent, sent.messages - at);
      this.#sent += count;
      await writeAll(this.socket, sent.bytes.subarray(at * sent.messageLength, (at + count) * sent.messageLength));
    }
    this.#writing = false;
  }

  async receive(): Promise<void> {
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
      for (const talker of talkers) talker.send().catch(() => {});
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
    if (number === undefined) throw new Error("a message from an unknown member");
    const base = number * message.length;
    for (let at = 0; at < message.length; at++) {
      if (message[at] !== expected[from]![base + at]) throw new Error(`wrong message from member ${from}`);
    }
    this.#due[from] = (number + 1) % sent.messages;
    this.answered++;
    if (++deliveries[from]! % (load.connections - 1) === 0 && !over) {
      members[from]!.goal++;
      talkers.add(members[from]!);
    }
  }
}

/**
 * Runs a chat in which each talker has some messages in flight: those that not all others have received. Every message is
 * compared with the one expected.
 *
 * @param load The members and their messages.
 * @param servers The servers of the chat. Members are spread over them.
 * @param duration How long to talk, in milliseconds.
 * @param stop Ends it earlier.
 * @throws {Error} If a message was wrong, doubled or out of order.
 */
export async function runChat(
  load: ChatPlan,
  servers: readonly HostPort[],
  duration: number,
  stop: AbortSignal = new AbortController().signal,
): Promise<ChatResult> {
  const script = scriptOf(load);
  const deliveries = script.expected.map(() => 0);
  const room: Room = { load, script, members: [], joined: new Set([0]), deliveries, over: false };
  const failed = Promise.withResolvers<never>();
  try {
    for (let index = 0; index < load.connections; index++) {
      const { hostname, port } = servers[index % servers.length]!;
      const member = new Member(await Deno.connect({ hostname, port }), room);
      room.members.push(member);
      member.receive().catch(failed.reject);
      await writeAll(member.socket, encode(encodeText(nameOf(index))));
      await Promise.race([greet(member, index, room), failed.promise]);
    }
    const began = performance.now();
    for (const talker of room.members.slice(0, load.talkers)) {
      talker.goal = load.inFlight;
      talker.send().catch(failed.reject);
    }
    await Promise.race([sleep(duration, stop), failed.promise]);
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

/** Greets the first member until it receives the greeting, which shows that both have joined. */
async function greet(member: Member, index: number, { joined, script }: Room): Promise<void> {
  const until = performance.now() + GREETING.timeout;
  while (!joined.has(index)) {
    if (performance.now() > until) throw new Error(`member ${index} never joined`);
    // The first member may not have joined yet.
    await writeAll(member.socket, script.hello);
    const repeat = performance.now() + GREETING.every;
    while (!joined.has(index) && performance.now() < repeat) await new Promise((resolve) => setTimeout(resolve));
  }
}
