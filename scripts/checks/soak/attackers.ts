// Greedy clients. Each sends as fast as Deno allows until its signal is aborted or nothing listens. It reuses its buffers,
// and ignores the bytes that it reads.

import { concat } from "@std/bytes/concat";
import { encodeText } from "../../../lib/framing/mod.ts";
import type { Protocol } from "../../../lib/judge/mod.ts";
import { bytesOf } from "../../../lib/judge/peer.ts";
import { type LogWriter, writeAll } from "../../../lib/log/mod.ts";
import { after, sleep } from "../../../lib/net/timer.ts";
import { connectTo, type Endpoint } from "./endpoint.ts";

/** Counters of attackers. */
export interface Traffic {
  connections: number;
  /** Number of bytes sent; of datagrams, in a flood. */
  sent: number;
  /** Number of bytes received. */
  received: number;
}

/** The bytes that an attacker sends. */
export interface Payload {
  /** The first bytes of a connection; attackers that send `bytes` only once leave them out. */
  opening?: Uint8Array | undefined;
  /** The bytes of each write after that. */
  bytes: Uint8Array;
}

/** An attacker, which reconnects after a reset or a refusal. */
export type Attacker = (
  endpoint: Endpoint,
  payload: Payload,
  signal: AbortSignal,
  traffic?: Traffic,
) => Promise<void>;

/** The length of a batch of small messages, which is sent in one write, in bytes. */
const BATCH = 256 * 1024;
/** The length of a burst, in bytes. */
const BURST = 4 * 1024 * 1024;
/** The pause between two bursts, in milliseconds. */
const BETWEEN_BURSTS = 500;
/** How long an attacker reads after its half-close, in milliseconds: a clock never ends its side. */
const READ_TIMEOUT = 500;
/** How often the event loop turns at least while attackers write, in milliseconds. */
const TURN_EVERY = 20;
/** The pause after a failed connection attempt, in milliseconds. */
const RECONNECT_PAUSE = 10;
/** The length of the longest text that services accept, in bytes. */
const LARGEST = 1024 * 1024;
/** What is sent to a service that reads nothing. */
const ANYTHING = encodeText("anything");

/** The buffer of all reads. */
const dropped = new Uint8Array(BATCH);

/** Repeats a message as often as it fits into `length` bytes, at least once. */
export function repeat(message: Uint8Array, length = BATCH): Uint8Array {
  const bytes = new Uint8Array(Math.max(1, Math.floor(length / message.length)) * message.length);
  bytes.set(message);
  for (let filled = message.length; filled < bytes.length; filled *= 2) bytes.copyWithin(filled, 0, filled);
  return bytes;
}

/** Writes and reads as fast as it can. */
export const pipeline = attacker((socket, bytes, traffic) =>
  Promise.all([writeRepeatedly(socket, bytes, traffic), readAll(socket, traffic)])
);

/** Writes all bytes every half second, and reads as fast as it can. */
const burst = attacker((socket, bytes, traffic, { signal }) => {
  const bursts = async () => {
    for (;; await sleep(BETWEEN_BURSTS, signal)) await write(socket, bytes, traffic);
  };
  return Promise.all([bursts(), readAll(socket, traffic)]);
});

/** Writes as fast as it can, and reads nothing. */
const neverRead = attacker(writeRepeatedly);

/** Writes all bytes, half-closes, reads to the end and reconnects. */
const endAndReadOn = attacker(async (socket, bytes, traffic, end) => {
  await write(socket, bytes, traffic);
  await socket.closeWrite();
  await readAll(socket, traffic).finally(after(READ_TIMEOUT, () => end.abort()));
}, false);

/** Writes all bytes, closes and reconnects. */
const writeAndClose = attacker(write, false);

/** Sends the same datagram as fast as it can, and reads no answer. */
const flood: Attacker = async ({ port }, { bytes }, signal, traffic = noTraffic()) => {
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  traffic.connections++;
  try {
    for (; !signal.aborted; traffic.sent++) await socket.send(bytes, to);
  } finally {
    socket.close();
  }
};

function noTraffic(): Traffic {
  return { connections: 0, sent: 0, received: 0 };
}

/** Uses one connection until it fails or `end` is aborted, which closes it. */
type Act = (socket: Deno.Conn, bytes: Uint8Array, traffic: Traffic, end: AbortController) => Promise<unknown>;

/** An attacker that connects, sends the opening if it `opens`, and acts, and then starts again. */
function attacker(act: Act, opens = true): Attacker {
  return async (endpoint, { opening = new Uint8Array(), bytes }, signal, traffic = noTraffic()) => {
    while (!signal.aborted) {
      let socket;
      try {
        socket = await connectTo(endpoint);
      } catch (error) {
        if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound) return;
        await sleep(RECONNECT_PAUSE, signal);
        continue;
      }
      traffic.connections++;
      const end = new AbortController();
      end.signal.addEventListener("abort", () => socket.close());
      const stop = () => end.abort();
      signal.addEventListener("abort", stop);
      try {
        if (signal.aborted) return;
        if (opens) await write(socket, opening, traffic);
        await act(socket, bytes, traffic, end);
      } catch {
        // The server or the signal ended the connection.
      } finally {
        signal.removeEventListener("abort", stop);
        stop();
      }
    }
  };
}

async function write(socket: Deno.Conn, bytes: Uint8Array, traffic: Traffic): Promise<void> {
  const counted: LogWriter = {
    async write(bytes) {
      const count = await socket.write(bytes);
      traffic.sent += count;
      return count;
    },
  };
  await writeAll(counted, bytes);
}

async function writeRepeatedly(socket: Deno.Conn, bytes: Uint8Array, traffic: Traffic): Promise<never> {
  for (;;) {
    await write(socket, bytes, traffic);
    if (performance.now() - turnedAt > TURN_EVERY) await (turn ??= nextTurn());
  }
}

/** When the event loop last turned for all attackers, and its next turn if they wait for it. */
let turnedAt = 0;
let turn: Promise<void> | undefined;

/** Writes that complete at once would delay the timer that ends the attack, for half a minute with 200 attackers. */
async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  turnedAt = performance.now();
  turn = undefined;
}

async function readAll(socket: Deno.Conn, traffic: Traffic): Promise<void> {
  for (let count; (count = await socket.read(dropped)) !== null;) traffic.received += count;
}

/** The bytes that attackers may send, made from the messages that the protocol describes. */
interface Messages {
  /** The first message of a correct client, which in a chat is its name. */
  first?: Uint8Array;
  /** All messages of a correct client. */
  all?: Uint8Array;
  /** The start of a message. */
  halfway?: Uint8Array;
  /** A batch of the smallest messages; for a byte stream, a short chunk. */
  tiny: Uint8Array;
  /** A batch of messages of several lengths. */
  mixed?: Uint8Array;
  /** One of the largest messages, or a batch of them; for a byte stream, a long chunk. */
  large?: Uint8Array;
}

function messagesOf(protocol: Protocol): Messages {
  if (protocol.transport === "udp") return { tiny: bytesOf(protocol.messages[0]!) };
  const { framing, framed, messages, long } = protocol;
  // Where only the server speaks, clients may send anything.
  if (messages.length === 0) return { all: ANYTHING, halfway: ANYTHING, tiny: repeat(ANYTHING) };
  const encoded = messages.map((message) => framing.encode(message));
  const common = { first: encoded[0]!, all: concat(encoded), halfway: bytesOf(protocol.halfway) };
  if (framed === undefined) return { ...common, tiny: encoded[0]!, large: framing.encode(long) };
  const extremes = typeof messages[0] === "string" ? ["", "x".repeat(LARGEST)] : messages;
  const sorted = extremes.map((message) => framing.encode(message)).toSorted((a, b) => a.length - b.length);
  const [smallest, largest] = [sorted[0]!, sorted.at(-1)!];
  const tiny = repeat(smallest);
  if (smallest.length === largest.length) return { ...common, tiny };
  return { ...common, tiny, mixed: repeat(common.all), large: repeat(largest) };
}

/** A kind of attack. */
export interface Attack {
  name: string;
  transport: Protocol["transport"];
  attacker: Attacker;
  /** Number of attackers at once. */
  attackers: number;
  /** Chooses the bytes that each of them sends; `undefined` if the service has no such messages. */
  bytes(messages: Messages): Uint8Array | undefined;
}

function attack(name: string, attacker: Attacker, bytes: Attack["bytes"], attackers = 1): Attack {
  return { name, transport: attacker === flood ? "udp" : "tcp", attacker, attackers, bytes };
}

/** All attacks. */
export const ATTACKS: readonly Attack[] = [
  attack("pipeline-tiny", pipeline, ({ tiny }) => tiny),
  attack("pipeline-mixed", pipeline, ({ mixed }) => mixed),
  attack("pipeline-large", pipeline, ({ large }) => large),
  attack("pipeline-tiny-10", pipeline, ({ tiny }) => tiny, 10),
  attack("pipeline-tiny-200", pipeline, ({ tiny }) => tiny, 200),
  attack("burst", burst, ({ tiny }) => repeat(tiny, BURST)),
  attack("never-read", neverRead, ({ tiny }) => tiny),
  attack("end-at-once", endAndReadOn, () => new Uint8Array(), 10),
  attack("end-halfway", endAndReadOn, ({ halfway }) => halfway, 10),
  attack("come-and-go", writeAndClose, ({ all }) => all, 10),
  attack("flood", flood, ({ tiny }) => tiny, 4),
];

/** The bytes that each attacker sends to a program that speaks the protocol; `undefined` if the attack does not apply. */
export function payloadOf({ bytes, transport }: Attack, protocol: Protocol): Payload | undefined {
  if (transport !== protocol.transport) return undefined;
  const messages = messagesOf(protocol);
  const sent = bytes(messages);
  return sent === undefined ? undefined : { opening: messages.first, bytes: sent };
}
