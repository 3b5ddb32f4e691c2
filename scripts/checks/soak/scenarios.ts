// Correct clients: each knows every byte of every answer before it comes.

import { concat } from "@std/bytes/concat";
import {
  decimalHeader,
  decodeText,
  encodeText,
  type HeadedBlock,
  headedBlocks,
  lines,
} from "../../../lib/framing/mod.ts";
import { connectUdp } from "../../../lib/net/mod.ts";
import { HEADER_LENGTH } from "../../../services/chat/protocol.ts";
import { WELCOME } from "../../../services/clock/protocol.ts";
import { FORMATS } from "../../../services/objects/protocol.ts";
import type { Random } from "../../../services/proxy/random.ts";
import { Histogram } from "../../tools/load/histogram.ts";
import { within } from "../../shared/processes.ts";
import { connectTo, type Place } from "./place.ts";

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
  /** Latency in milliseconds: of an answer, of a chat message until it is heard, of a tick after its time. */
  latency: Histogram;
}

/** An empty tally. */
export function noTally(): Tally {
  return { connections: 0, answers: 0, bytes: 0, repeated: 0, latency: new Histogram() };
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
  /** The layer between it and TCP, or the kind of socket instead of TCP. */
  over?: "TLS" | "Unix";
  /** Arguments for the server, besides its deadline. */
  args?: string[];
  /** Something its clients may say. */
  question(random: Random): Uint8Array;
  /** Plays a correct client from its coming to its going. */
  play(place: Place, random: Random, tally: Tally): Promise<void>;
}

/** How many questions a client asks at the most before it goes. */
const ROUNDS = 20;
/** How long a client is silent between two questions at the most, in milliseconds. */
const PAUSE = 30;
/** How many members a circle of chat has. */
const CIRCLE = 3;
/** The beginning of its members' names. */
const CIRCLE_NAME = encodeText("circle ");
/** How often a clock ticks, in milliseconds. */
const INTERVAL = 50;
/** How much earlier or later than it is a clock may tell the time, in seconds. */
const CLOCK_SKEW = 0.1;
/** How long an answer to a datagram may take before it is asked again, in milliseconds. */
const ASK_AGAIN = 1000;
/** How often it is asked at the most. */
const ASKED = 20;

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
    async play(place, random, tally) {
      // The first answer's latency includes connecting.
      let began = performance.now();
      using socket = await connect(place, tally);
      for (let round = 1 + below(ROUNDS, random); round > 0; round--) {
        const asked = question(random);
        await Promise.all([write(socket, asked), check(socket, answer(asked), tally)]);
        waited(performance.now() - began, tally);
        await pause(random() * PAUSE);
        began = performance.now();
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
    async play(place, random, tally) {
      const began = performance.now();
      using socket = await connect(place, tally);
      const asked = question(random);
      const asking = write(socket, asked).then(() => socket.closeWrite());
      await Promise.all([asking, check(socket, answer(asked), tally)]);
      waited(performance.now() - began, tally);
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
    async play({ port }, random, tally) {
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
    const began = performance.now();
    await peer.send(question);
    let got;
    try {
      got = await peer.receive(ASK_AGAIN);
    } catch {
      continue; // Not in time.
    }
    if (!equal(got, expected)) break;
    waited(performance.now() - began, tally);
    return count(expected, tally);
  }
  throw new LostError(expected.length, `${expected.length} bytes did not come, or others did`);
}

/**
 * A few members of one chat, who come, say so much in turns and go. Each knows what the others say and in what order;
 * what strangers say is passed over, once it is found to be whole messages.
 */
async function circle(place: Place, random: Random, tally: Tally): Promise<void> {
  const names = Array.from({ length: CIRCLE }, (_, number) => `circle ${below(1e9, random)} ${number}`);
  const rounds = 1 + below(ROUNDS, random);
  const texts = names.map(() => Array.from({ length: rounds + 1 }, () => anyText(random)));
  /** When each member said each of its messages. */
  const said = names.map((): number[] => []);
  const members: Deno.Conn[] = [];
  try {
    await Promise.all(names.map(async () => members.push(await connect(place, tally))));
    await Promise.all(members.map(async (socket, self) => {
      const ear = new Ear(socket, CIRCLE_NAME);
      const heard = new Map(names.filter((_, other) => other !== self).map((name) => [name, -1]));
      const say = (number: number) => {
        said[self]![number] = performance.now();
        return write(socket, header.encode(encodeText(texts[self]![number]!)));
      };
      await write(socket, header.encode(encodeText(names[self]!)));
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
          waited(performance.now() - said[sender]![number]!, tally);
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
  readonly #socket: Deno.Conn;
  readonly #senders: Uint8Array;
  readonly #decoder = headedBlocks().decoder();
  readonly #buffer = new Uint8Array(262_144);
  #messages: Iterator<[name: string, text: string]> = Iterator.from([]);
  /** Whether a name has come whose text has not. */
  #named = false;
  /** That name, if the ear listens for it. */
  #name: string | undefined;

  /** Listens to a connection, which nobody else may read from, for senders whose names begin with these bytes. */
  constructor(socket: Deno.Conn, senders = new Uint8Array()) {
    this.#socket = socket;
    this.#senders = senders;
  }

  /** The next message's sender and text. */
  async next(): Promise<[name: string, text: string]> {
    for (;;) {
      const { value } = this.#messages.next();
      if (value !== undefined) return value;
      const count = await within(this.#socket.read(this.#buffer), "what others say");
      if (count === null) throw new Error("The chat ended before all was heard");
      this.#messages = this.#messagesOf(this.#decoder.push(this.#buffer.subarray(0, count)));
    }
  }

  *#messagesOf(blocks: HeadedBlock[]): Generator<[name: string, text: string]> {
    for (const { bytes, ends } of blocks) {
      let start = 0;
      for (const end of ends) {
        const payload = start + HEADER_LENGTH;
        start = end;
        if (!this.#named) {
          this.#name = this.#heeds(bytes, payload) ? decodeText(bytes.subarray(payload, end)) : undefined;
        } else if (this.#name !== undefined) yield [this.#name, decodeText(bytes.subarray(payload, end))];
        this.#named = !this.#named;
      }
    }
  }

  /** An attacker sends millions of messages, so no object is made for those that are passed over. */
  #heeds(bytes: Uint8Array, payload: number): boolean {
    const senders = this.#senders;
    for (let at = 0; at < senders.length; at++) if (bytes[payload + at] !== senders[at]) return false;
    return true;
  }
}

/** Opens a connection, and counts it. */
async function connect(place: Place, tally: Tally): Promise<Deno.Conn> {
  const socket = await connectTo(place);
  tally.connections++;
  return socket;
}

/** Writes all of the bytes. */
export async function write(socket: Deno.Conn, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) bytes = bytes.subarray(await socket.write(bytes));
}

/** Reads exactly so many bytes. */
export async function readExactly(
  socket: Deno.Conn,
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

async function check(socket: Deno.Conn, expected: Uint8Array, tally: Tally): Promise<void> {
  const got = await readExactly(socket, expected.length);
  const { length } = expected;
  if (!equal(got, expected)) throw new LostError(length, `${length} bytes are others than those expected`);
  count(expected, tally);
}

/** That nothing more comes but the end. */
async function checkEnd(socket: Deno.Conn): Promise<void> {
  const more = await within(socket.read(new Uint8Array(1024)), "the server's end");
  if (more === null) return;
  throw new LostError(more, `${more} bytes came that nobody asked for`);
}

async function drain(socket: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(65_536);
  while (await within(socket.read(buffer), "the server's end") !== null) { /* dropped */ }
}

function count(answer: Uint8Array, tally: Tally): void {
  tally.answers++;
  tally.bytes += answer.length;
}

/** Counts a latency, and those of the questions that the client did not ask meanwhile (coordinated omission). */
function waited(milliseconds: number, { latency }: Tally): void {
  latency.add(Math.max(0, milliseconds));
  for (let rest = milliseconds - PAUSE; rest > 0; rest -= PAUSE) latency.add(rest);
}

/** The service `fixed` with messages of one length. */
function fixed(length: number, most: number): Trade {
  const question = (random: Random) => anyBytes(length * (1 + below(most, random)), random);
  return inTurn("fixed", question, undefined, ["--length", String(length)]);
}

function echoes(service: string, args: string[] = []): Trade {
  return inTurn(service, (random) => anyBytes(1 + below(20_000, random), random), undefined, args);
}

/** The service `clock`, whose every tick must tell the time. */
const clock: Trade = {
  service: "clock",
  transport: "TCP",
  args: ["--interval", String(INTERVAL / 1000)],
  question: (random) => anyBytes(1 + below(100, random), random),
  async play(place, random, tally) {
    let told = Date.now() / 1000;
    using socket = await connect(place, tally);
    await check(socket, header.encode(encodeText(WELCOME)), tally);
    for (let round = 1 + below(ROUNDS, random); round > 0; round--) {
      const due = performance.now() + INTERVAL;
      const length = decodeText(await readExactly(socket, HEADER_LENGTH));
      const tick = decodeText(await readExactly(socket, Number(length)));
      waited(performance.now() - due, tally);
      const [, time] = /^The time is (\d+\.\d{1,6})$/.exec(tick) ?? [];
      const isTime = Number(time) > told - CLOCK_SKEW && Number(time) < Date.now() / 1000 + CLOCK_SKEW;
      if (!isTime || length !== String(tick.length).padEnd(HEADER_LENGTH)) {
        throw new LostError(tick.length, `Expected the time, got ${Deno.inspect(length + tick)}`);
      }
      told = Number(time);
      count(encodeText(length + tick), tally);
    }
  },
};

const echo = echoes("echo");
const lined = inTurn(
  "lines",
  (random) => lines().encode(encodeText(anyText(random))),
  () => encodeText("Hello Node!\n"),
);
const chat: Trade = {
  service: "chat",
  transport: "TCP",
  question: (random) => concat(["stranger", anyText(random)].map((part) => header.encode(encodeText(part)))),
  play: circle,
};

/** Every service, some of them also over TLS, at Unix sockets, with workers and processes. */
export const TRADES: readonly Trade[] = [
  echo,
  { ...echo, over: "TLS" },
  ...(Deno.build.os === "windows" ? [] : [{ ...echo, over: "Unix" as const }, { ...chat, over: "Unix" as const }]),
  ...(Deno.build.os === "linux"
    ? [
      echoes("echo", ["--workers", "2"]),
      echoes("dispatch", ["--mode", "workers", "--parts", "2"]),
      echoes("dispatch", ["--mode", "processes", "--parts", "2"]),
    ]
    : []),
  echoes("dispatch"),
  fixed(1, 100),
  fixed(16, 20),
  fixed(500, 5),
  inTurn("delimited", (random) => lines().encode(encodeText(anyText(random)))),
  lined,
  { ...lined, over: "TLS" },
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
  clock,
  chat,
  datagrams("uppercase", (question) => question.replace(/[a-z]/g, (letter) => letter.toUpperCase())),
  datagrams("udp-chat", () => "Indeed", ["--reply", "Indeed"]),
];

/** A name that no other trade has. */
export function nameOf({ service, over, args = [] }: Trade): string {
  return [service, ...args, ...(over === undefined ? [] : [`over ${over}`])].join(" ");
}
