// Correct clients: each knows every byte of every answer before it comes.

import { concat } from "@std/bytes/concat";
import { decimalHeader, encodeText, lines } from "../../lib/framing/mod.ts";
import { decodeBytes } from "../../lib/log/mod.ts";
import { connectUdp } from "../../lib/net/mod.ts";
import { FORMATS } from "../../services/objects/protocol.ts";
import type { Random } from "../../services/proxy/random.ts";
import { within } from "../processes.ts";

/** What correct clients came to. */
export interface Tally {
  /** How often they connected. */
  connections: number;
  /** How many answers were the right ones, byte for byte. */
  answers: number;
  /** How many bytes those had. */
  bytes: number;
  /** Datagrams that were asked again, since they may get lost. */
  repeated: number;
}

/** Bytes of an answer did not come, or were others. */
export class LostError extends Error {
  override name = "LostError";

  /** Says how many, and what is known of them. */
  constructor(readonly bytes: number, message: string) {
    super(message);
  }
}

/** A service with what its clients say. */
export interface Trade {
  service: string;
  transport: "TCP" | "UDP";
  /** Arguments for the server, besides its deadline. */
  args?: string[];
  /** Something its clients may say. */
  question(random: Random): Uint8Array;
  /** Plays a correct client from its coming to its going. */
  play(port: number, random: Random, tally: Tally): Promise<void>;
}

/** The length of the messages of `fixed`. */
const FIXED = 500;
/** How many questions a client asks at the most before it goes. */
const ROUNDS = 20;
/** How long a client is silent between two questions at the most, in milliseconds. */
const PAUSE = 30;
/** How many members a circle of chat has. */
const CIRCLE = 3;
/** How long an answer to a datagram may take before it is asked again, in milliseconds. */
const ASK_AGAIN = 1000;
/** How often it is asked at the most. */
const ASKED = 10;

const header = decimalHeader();

/** A number from 0 up to, not including, `end`. */
export function below(end: number, random: Random): number {
  return Math.floor(random() * end);
}

/** Any bytes. */
export function anyBytes(length: number, random: Random): Uint8Array {
  return Uint8Array.from({ length }, () => below(256, random));
}

/** A line's worth of text. */
function anyText(random: Random): string {
  return Array.from({ length: 1 + below(20, random) }, () => random().toString(36).slice(2)).join(" é ");
}

/** Whether bytes are the same; the one of @std/assert is for anything, and slow. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Waits for so long. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Services that answer each question with an answer of its own, as long as the client stays. */
function inTurn(
  service: string,
  question: (random: Random) => Uint8Array,
  answer: (question: Uint8Array) => Uint8Array = (question) => question,
  args: string[] = [],
): Trade {
  return {
    service,
    transport: "TCP",
    args,
    question,
    async play(port, random, tally) {
      using socket = await connect(port, tally);
      for (let round = 1 + below(ROUNDS, random); round > 0; round--) {
        const asked = question(random);
        await Promise.all([write(socket, asked), check(socket, answer(asked), tally)]);
        await pause(random() * PAUSE);
      }
      await socket.closeWrite();
      await checkEnd(socket);
    },
  };
}

/** Services that give one answer once the client has ended its side. */
function once(
  service: string,
  question: (random: Random) => Uint8Array,
  answer: (question: Uint8Array) => Uint8Array,
): Trade {
  return {
    service,
    transport: "TCP",
    question,
    async play(port, random, tally) {
      using socket = await connect(port, tally);
      const asked = question(random);
      const asking = write(socket, asked).then(() => socket.closeWrite());
      await Promise.all([asking, check(socket, answer(asked), tally)]);
      await checkEnd(socket);
      await pause(random() * PAUSE);
    },
  };
}

function datagrams(service: string, answer: (question: string) => string, args: string[] = []): Trade {
  return {
    service,
    transport: "UDP",
    args,
    question: (random) => encodeText(anyText(random)),
    async play(port, random, tally) {
      for (let round = 1 + below(ROUNDS, random); round > 0; round--) {
        const asked = anyText(random);
        await ask(port, encodeText(asked), encodeText(answer(asked)), tally);
        await pause(random() * PAUSE);
      }
    },
  };
}

/** Asks a question until it is answered, each time from another socket: a late answer is nobody's. */
async function ask(port: number, question: Uint8Array, expected: Uint8Array, tally: Tally): Promise<void> {
  for (let asked = 0; asked < ASKED; asked++) {
    using peer = await connectUdp({ port });
    tally.connections++;
    if (asked > 0) tally.repeated++;
    await peer.send(question);
    let got;
    try {
      got = await peer.receive(ASK_AGAIN);
    } catch {
      continue; // Not in time.
    }
    if (equal(got, expected)) return count(expected, tally);
    break;
  }
  throw new LostError(expected.length, `${expected.length} bytes did not come, or others did`);
}

/**
 * A few members of one chat, who come, say so much in turns and go. Each knows what the others say and in what order;
 * what strangers say is passed over, once it is found to be whole messages.
 */
async function circle(port: number, random: Random, tally: Tally): Promise<void> {
  const names = Array.from({ length: CIRCLE }, (_, place) => `circle ${below(1e9, random)} ${place}`);
  const rounds = 1 + below(ROUNDS, random);
  const texts = names.map(() => Array.from({ length: rounds + 1 }, () => anyText(random)));
  const members: Deno.TcpConn[] = [];
  try {
    await Promise.all(names.map(async () => members.push(await connect(port, tally))));
    await Promise.all(members.map(async (socket, place) => {
      const ear = new Ear(socket);
      const heard = new Map(names.filter((_, other) => other !== place).map((name) => [name, -1]));
      const say = (number: number) => write(socket, header.encode(encodeText(texts[place]![number]!)));
      await write(socket, header.encode(encodeText(names[place]!)));
      // Who joins later is heard by all who have joined before, so all know of all when their first words have come:
      // from then on nothing may be missing.
      await say(0);
      for (let round = 0; round <= rounds; round++) {
        if (round > 0) await say(round);
        while ([...heard.values()].some((last) => last < round)) {
          const [name, text] = await ear.next();
          const last = heard.get(name);
          if (last === undefined) continue;
          const sender = names.indexOf(name);
          const number = last === -1 && text === texts[sender]![0] ? 0 : Math.max(1, last + 1);
          const expected = texts[sender]![number];
          if (text !== expected) {
            const words = `Expected ${Deno.inspect(expected)} of ${name}, got ${Deno.inspect(text)}`;
            throw new LostError(text.length, words);
          }
          heard.set(name, number);
          count(encodeText(name + text), tally);
        }
        await pause(random() * PAUSE);
      }
    }));
    await Promise.all(members.map(async (socket) => {
      await socket.closeWrite();
      await drain(socket);
    }));
  } finally {
    for (const socket of members) socket.close();
  }
}

/** What one member of a chat hears. */
export class Ear {
  readonly #socket: Deno.TcpConn;
  readonly #decoder = header.decoder();
  readonly #buffer = new Uint8Array(65_536);
  #parts: Uint8Array[] = [];
  #next = 0;

  /** Listens to a connection, which nobody else may read from. */
  constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
  }

  /** The next message's sender and text. */
  async next(): Promise<[name: string, text: string]> {
    return [await this.#part(), await this.#part()];
  }

  async #part(): Promise<string> {
    while (this.#next === this.#parts.length) {
      const count = await within(this.#socket.read(this.#buffer), "what others say");
      if (count === null) throw new Error("The chat ended before all was heard");
      this.#parts = this.#decoder.push(this.#buffer.subarray(0, count));
      this.#next = 0;
    }
    return decodeBytes(this.#parts[this.#next++]!);
  }
}

/** Opens a connection, and counts it. */
async function connect(port: number, tally: Tally): Promise<Deno.TcpConn> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  socket.setNoDelay(true);
  tally.connections++;
  return socket;
}

/** Writes all of the bytes. */
export async function write(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await socket.write(bytes));
}

/** Reads exactly so many bytes. */
export async function readExactly(
  socket: Deno.TcpConn,
  length: number,
  came: (count: number) => void = () => {},
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await within(socket.read(bytes.subarray(at)), () => `${length} bytes, got ${at}`);
    if (count === null) throw new LostError(length - at, `Expected ${length} bytes, got ${at}`);
    at += count;
    came(count);
  }
  return bytes;
}

async function check(socket: Deno.TcpConn, expected: Uint8Array, tally: Tally): Promise<void> {
  const got = await readExactly(socket, expected.length);
  const { length } = expected;
  if (!equal(got, expected)) throw new LostError(length, `${length} bytes are others than those expected`);
  count(expected, tally);
}

/** That nothing more comes but the end. */
async function checkEnd(socket: Deno.TcpConn): Promise<void> {
  const more = await within(socket.read(new Uint8Array(1024)), "the server's end");
  if (more === null) return;
  throw new LostError(more, `${more} bytes came that nobody asked for`);
}

async function drain(socket: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  while (await within(socket.read(buffer), "the server's end") !== null) { /* dropped */ }
}

function count(answer: Uint8Array, tally: Tally): void {
  tally.answers++;
  tally.bytes += answer.length;
}

/** Any services but those that only count time or compare ways to serve. */
export const TRADES: readonly Trade[] = [
  inTurn("echo", (random) => anyBytes(1 + below(20_000, random), random)),
  inTurn("fixed", (random) => anyBytes(FIXED * (1 + below(5, random)), random), undefined, ["--length", `${FIXED}`]),
  inTurn("delimited", (random) => lines().encode(encodeText(anyText(random)))),
  inTurn(
    "lines",
    (random) => lines().encode(encodeText(anyText(random))),
    () => encodeText("Hello Node!\n"),
  ),
  inTurn("tagged", (random) => {
    const [type, length] = ([["A", 4], ["B", 16], ["C", 300]] as const)[below(3, random)]!;
    return concat([encodeText(type), anyBytes(length, random)]);
  }),
  once("sixteen", (random) => anyBytes(16, random), () => encodeText("Farewell, client")),
  once(
    "exchange",
    (random) => anyBytes(below(20_000, random), random),
    (question) => encodeText(`received ${question.length} bytes\n`),
  ),
  once("objects", () => new Uint8Array(), () => FORMATS.pickle.message),
  {
    service: "chat",
    transport: "TCP",
    question: (random) => concat(["stranger", anyText(random)].map((part) => header.encode(encodeText(part)))),
    play: circle,
  },
  datagrams("uppercase", (question) => question.replace(/[a-z]/g, (letter) => letter.toUpperCase())),
  datagrams("udp-chat", () => "Indeed", ["--reply", "Indeed"]),
];
