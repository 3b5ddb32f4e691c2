// Greedy clients. Each goes on as fast as Deno allows until its signal is aborted or nobody listens: it looks at none of
// the bytes that it reads, and uses its buffers again.

import { concat } from "@std/bytes/concat";
import { decimalHeader, encodeText } from "../../../lib/framing/mod.ts";
import { after, sleep } from "../../../lib/net/mod.ts";
import { connectTo, type Place } from "./place.ts";

/** How much attackers have sent and received so far. */
export interface Traffic {
  connections: number;
  /** Bytes; of a flood, datagrams. */
  sent: number;
  /** Bytes. */
  received: number;
}

/** What an attacker sends on each of its connections: the opening once, then the bytes of each write. */
export interface Payload {
  opening?: Uint8Array | undefined;
  bytes: Uint8Array;
}

/** One attacker. It connects again after a reset or a refusal. */
export type Attacker = (place: Place, payload: Payload, signal: AbortSignal, traffic?: Traffic) => Promise<void>;

/** The length of a write of small messages, in bytes. */
const BLOCK = 256 * 1024;
/** The length of a burst, in bytes. */
const BURST = 4 * 1024 * 1024;
/** The pause between two bursts, in milliseconds. */
const BETWEEN_BURSTS = 500;
/** How long an attacker reads after a half-close at the most, in milliseconds: a clock never ends its side. */
const READ_ON = 500;
/** The pause after a failure to connect, in milliseconds. */
const NOT_CONNECTED_PAUSE = 10;
/** The length of a few small messages, in bytes: whole messages of every service, which have 1, 2, 5, 10 or 16. */
const FEW = 80;

/** All reads go here. */
const dropped = new Uint8Array(BLOCK);

/** As many of a message as fit into so many bytes. */
export function repeat(message: Uint8Array, length = BLOCK): Uint8Array {
  return concat(Array.from({ length: Math.floor(length / message.length) }, () => message));
}

/** Writes as fast as it can, and reads the answers as fast as it can. */
export const pipeline = attacker((socket, bytes, traffic) =>
  Promise.all([writeOn(socket, bytes, traffic), readOn(socket, traffic)])
);

/** Writes all bytes at once and reads the answers as fast as it can; again every half second. */
export const burst = attacker((socket, bytes, traffic, { signal }) => {
  const bursts = async () => {
    for (;; await sleep(BETWEEN_BURSTS, signal)) await write(socket, bytes, traffic);
  };
  return Promise.all([bursts(), readOn(socket, traffic)]);
});

/** Writes as fast as it can, and reads nothing. */
export const neverRead = attacker(writeOn);

/** Writes all bytes, half-closes, and reads to the end; again and again. */
export const endAndReadOn = attacker(async (socket, bytes, traffic, end) => {
  await write(socket, bytes, traffic);
  await socket.closeWrite();
  await readOn(socket, traffic).finally(after(READ_ON, () => end.abort()));
});

/** Connects, writes all bytes and closes; again and again. */
export const comeAndGo = attacker(write);

/** Sends the same datagram as fast as it can, and reads no answer. */
export const flood: Attacker = async ({ port }, { bytes }, signal, traffic = idle()) => {
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  traffic.connections++;
  try {
    for (; !signal.aborted; traffic.sent++) await socket.send(bytes, to);
  } finally {
    socket.close();
  }
};

function idle(): Traffic {
  return { connections: 0, sent: 0, received: 0 };
}

/** Uses one connection until it fails or `end` is aborted, which closes it. */
type Act = (socket: Deno.Conn, bytes: Uint8Array, traffic: Traffic, end: AbortController) => Promise<unknown>;

/** An attacker that connects, sends the opening and acts, again and again. */
function attacker(act: Act): Attacker {
  return async (place, { opening = new Uint8Array(), bytes }, signal, traffic = idle()) => {
    while (!signal.aborted) {
      let socket;
      try {
        socket = await connectTo(place);
      } catch (error) {
        if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound) return;
        await sleep(NOT_CONNECTED_PAUSE, signal);
        continue;
      }
      traffic.connections++;
      const end = new AbortController();
      end.signal.addEventListener("abort", () => socket.close());
      const stop = () => end.abort();
      signal.addEventListener("abort", stop);
      try {
        if (signal.aborted) return;
        await write(socket, opening, traffic);
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
  while (bytes.length > 0) {
    const count = await socket.write(bytes);
    traffic.sent += count;
    bytes = bytes.subarray(count);
  }
}

async function writeOn(socket: Deno.Conn, bytes: Uint8Array, traffic: Traffic): Promise<never> {
  for (;;) await write(socket, bytes, traffic);
}

async function readOn(socket: Deno.Conn, traffic: Traffic): Promise<void> {
  for (let count; (count = await socket.read(dropped)) !== null;) traffic.received += count;
}

/** What attackers send to one service. */
interface Messages {
  /** The first message of a connection. */
  opening?: Uint8Array;
  /** The smallest messages, a block of them; to a stream, one chunk of 64 bytes. */
  tiny: Uint8Array;
  /** A block of small messages of several lengths. */
  short?: Uint8Array;
  /** One of the largest messages; to a stream, one chunk of 100 KiB. */
  large?: Uint8Array;
}

const header = decimalHeader();
const shortLengths = Array.from({ length: 65 }, (_, length) => length);
const shortLines = repeat(encodeText(shortLengths.map((length) => "x".repeat(length) + "\n").join("")));
const longLine = encodeText("x".repeat(1024 * 1024) + "\n");
const stream: Messages = { tiny: encodeText("x".repeat(64)), large: encodeText("x".repeat(100 * 1024)) };
/** For services that take any bytes. */
const anything: Messages = { tiny: encodeText("x".repeat(BLOCK)) };

const MESSAGES: Readonly<Record<string, Messages>> = {
  echo: stream,
  dispatch: stream,
  exchange: stream,
  fixed: anything,
  sixteen: anything,
  objects: anything,
  clock: anything,
  delimited: { tiny: repeat(encodeText("\r\n")), short: shortLines, large: longLine },
  lines: { tiny: repeat(encodeText("\n")), short: shortLines, large: longLine },
  tagged: {
    tiny: repeat(encodeText("A1234")),
    short: repeat(encodeText("B".padEnd(17, "x"))),
    large: repeat(encodeText("C".padEnd(301, "x"))),
  },
  chat: {
    opening: header.encode(encodeText("attacker")),
    tiny: repeat(header.encode(new Uint8Array())),
    short: repeat(concat(shortLengths.map((length) => header.encode(encodeText("x".repeat(length)))))),
    large: header.encode(encodeText("x".repeat(1024 * 1024))),
  },
  uppercase: { tiny: encodeText("x") },
  "udp-chat": { tiny: encodeText("x") },
};

/** One kind of attack. */
export interface Attack {
  name: string;
  transport: "TCP" | "UDP";
  attacker: Attacker;
  /** How many attackers there are at once. */
  attackers: number;
  /** Chooses what each of them sends; `undefined` where a service has no such messages. */
  bytes(messages: Messages): Uint8Array | undefined;
}

function attack(name: string, attacker: Attacker, bytes: Attack["bytes"], attackers = 1): Attack {
  return { name, transport: attacker === flood ? "UDP" : "TCP", attacker, attackers, bytes };
}

/** All attacks. */
export const ATTACKS: readonly Attack[] = [
  attack("pipeline-tiny", pipeline, ({ tiny }) => tiny),
  attack("pipeline-short", pipeline, ({ short }) => short),
  attack("pipeline-large", pipeline, ({ large }) => large),
  attack("pipeline-tiny-10", pipeline, ({ tiny }) => tiny, 10),
  attack("pipeline-tiny-200", pipeline, ({ tiny }) => tiny, 200),
  attack("burst", burst, ({ tiny }) => repeat(tiny, BURST)),
  attack("never-read", neverRead, ({ tiny }) => tiny),
  attack("end-at-once", endAndReadOn, () => new Uint8Array(), 10),
  attack("end-halfway", endAndReadOn, ({ tiny, large = tiny }) => large.subarray(0, 5), 10),
  attack("come-and-go", comeAndGo, ({ tiny }) => tiny.subarray(0, FEW), 10),
  attack("flood", flood, ({ tiny }) => tiny, 4),
];

/** What each attacker of a service sends, or `undefined` where the attack makes no sense. */
export function payloadOf({ bytes }: Attack, service: string): Payload | undefined {
  const messages = MESSAGES[service]!;
  const sent = bytes(messages);
  return sent === undefined ? undefined : { opening: messages.opening, bytes: sent };
}
