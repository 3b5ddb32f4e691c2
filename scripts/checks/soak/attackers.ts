// Greedy clients. Each sends as fast as Deno allows until its signal is aborted or nothing listens. It reuses its buffers,
// and ignores the bytes that it reads.

import { concat } from "@std/bytes/concat";
import { decimalHeader, encodeText } from "../../../lib/framing/mod.ts";
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

/** The bytes that an attacker sends on each connection: the opening once, then `bytes` in each write. */
export interface Payload {
  opening?: Uint8Array | undefined;
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
/** The pause after a failed connection attempt, in milliseconds. */
const RECONNECT_PAUSE = 10;
/** The length of a few small messages, in bytes: a multiple of the message lengths 1, 2, 5, 10 and 16. */
const FEW = 80;

/** The buffer of all reads. */
const dropped = new Uint8Array(BATCH);

/** Repeats a message as often as it fits into `length` bytes. */
export function repeat(message: Uint8Array, length = BATCH): Uint8Array {
  return concat(Array.from({ length: Math.floor(length / message.length) }, () => message));
}

/** Writes and reads as fast as it can. */
export const pipeline = attacker((socket, bytes, traffic) =>
  Promise.all([writeRepeatedly(socket, bytes, traffic), readAll(socket, traffic)])
);

/** Writes all bytes every half second, and reads as fast as it can. */
export const burst = attacker((socket, bytes, traffic, { signal }) => {
  const bursts = async () => {
    for (;; await sleep(BETWEEN_BURSTS, signal)) await write(socket, bytes, traffic);
  };
  return Promise.all([bursts(), readAll(socket, traffic)]);
});

/** Writes as fast as it can, and reads nothing. */
export const neverRead = attacker(writeRepeatedly);

/** Writes all bytes, half-closes, reads to the end and reconnects. */
export const endAndReadOn = attacker(async (socket, bytes, traffic, end) => {
  await write(socket, bytes, traffic);
  await socket.closeWrite();
  await readAll(socket, traffic).finally(after(READ_TIMEOUT, () => end.abort()));
});

/** Writes all bytes, closes and reconnects. */
export const writeAndClose = attacker(write);

/** Sends the same datagram as fast as it can, and reads no answer. */
export const flood: Attacker = async ({ port }, { bytes }, signal, traffic = noTraffic()) => {
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

/** An attacker that connects, sends the opening and acts, and then starts again. */
function attacker(act: Act): Attacker {
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
  for (;;) await write(socket, bytes, traffic);
}

async function readAll(socket: Deno.Conn, traffic: Traffic): Promise<void> {
  for (let count; (count = await socket.read(dropped)) !== null;) traffic.received += count;
}

/** The messages for one service. */
interface Messages {
  /** The first message of a connection. */
  opening?: Uint8Array;
  /** A batch of the smallest messages; for a byte stream, one chunk of 64 bytes. */
  tiny: Uint8Array;
  /** A batch of small messages of several lengths. */
  short?: Uint8Array;
  /** One of the largest messages; for a byte stream, one chunk of 100 KiB. */
  large?: Uint8Array;
}

const header = decimalHeader();
const shortLengths = Array.from({ length: 65 }, (_, length) => length);
const shortLines = repeat(encodeText(shortLengths.map((length) => "x".repeat(length) + "\n").join("")));
const longLine = encodeText("x".repeat(1024 * 1024) + "\n");
const stream: Messages = { tiny: encodeText("x".repeat(64)), large: encodeText("x".repeat(100 * 1024)) };
/** For services that accept any bytes. */
const anything: Messages = { tiny: encodeText("x".repeat(BATCH)) };

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

/** A kind of attack. */
export interface Attack {
  name: string;
  transport: "TCP" | "UDP";
  attacker: Attacker;
  /** Number of attackers at once. */
  attackers: number;
  /** Chooses the bytes that each of them sends; `undefined` if the service has no such messages. */
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
  attack("come-and-go", writeAndClose, ({ tiny }) => tiny.subarray(0, FEW), 10),
  attack("flood", flood, ({ tiny }) => tiny, 4),
];

/** The bytes that each attacker of a service sends; `undefined` if the attack does not apply. */
export function payloadOf({ bytes }: Attack, service: string): Payload | undefined {
  const messages = MESSAGES[service]!;
  const sent = bytes(messages);
  return sent === undefined ? undefined : { opening: messages.opening, bytes: sent };
}
