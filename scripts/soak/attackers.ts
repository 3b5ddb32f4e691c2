// Clients that ask for more than their share. Each goes on, as fast as Deno allows, until its signal is aborted or
// nobody listens: no byte is looked at, and every buffer is used again.

import { concat } from "@std/bytes/concat";
import { decimalHeader, encodeText } from "../../lib/framing/mod.ts";
import { after, sleep } from "../../lib/net/mod.ts";
import { connectTo, type Place } from "./place.ts";

/** What attackers have done so far. */
export interface Effort {
  connections: number;
  /** Bytes, or datagrams, that were sent. */
  sent: number;
  /** Bytes that were read. */
  received: number;
}

/** What an attacker sends on each of its connections: the opening once, then what it writes in one piece. */
export interface Load {
  opening?: Uint8Array | undefined;
  bytes: Uint8Array;
}

/** One attacker. It takes what the server does to it, a reset or a refusal, and connects again. */
export type Attacker = (place: Place, load: Load, signal: AbortSignal, effort?: Effort) => Promise<void>;

/** How much small messages are written at once. */
const BLOCK = 256 * 1024;
/** The same for a burst. */
const BURST = 4 * 1024 * 1024;
/** How long a burst waits for the next one, in milliseconds. */
const BETWEEN_BURSTS = 500;
/** How long to read on after the end of one's own side at the most, in milliseconds: a clock goes on for ever. */
const READ_ON = 500;
/** How long to wait when a connection cannot be made, in milliseconds. */
const NOT_CONNECTED_PAUSE = 10;
/** A few small messages, whole ones of every service: a multiple of 1, 2, 5, 10 and 16 bytes. */
const FEW = 80;

/** Whatever is read goes here. */
const dropped = new Uint8Array(BLOCK);

/** As many of a message as fit into so many bytes. */
export function repeat(message: Uint8Array, length = BLOCK): Uint8Array {
  return concat(Array.from({ length: Math.floor(length / message.length) }, () => message));
}

/** Writes as fast as it can, and reads the answers as fast as it can. */
export const pipeline = attacker((socket, bytes, effort) =>
  Promise.all([writeOn(socket, bytes, effort), readOn(socket, effort)])
);

/** Writes everything at once, reads the answers as fast as it can, and does it again half a second later. */
export const burst = attacker((socket, bytes, effort, { signal }) => {
  const bursts = async () => {
    for (;; await sleep(BETWEEN_BURSTS, signal)) await write(socket, bytes, effort);
  };
  return Promise.all([bursts(), readOn(socket, effort)]);
});

/** Writes as fast as it can, and reads nothing. */
export const neverRead = attacker(writeOn);

/** Writes everything, ends its side, and reads on; again and again. */
export const endAndReadOn = attacker(async (socket, bytes, effort, end) => {
  await write(socket, bytes, effort);
  await socket.closeWrite();
  await readOn(socket, effort).finally(after(READ_ON, () => end.abort()));
});

/** Connects, writes everything and closes; again and again. */
export const comeAndGo = attacker(write);

/** Sends one datagram as fast as it can, and reads no answer. */
export const flood: Attacker = async ({ port }, { bytes }, signal, effort = idle()) => {
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  effort.connections++;
  try {
    for (; !signal.aborted; effort.sent++) await socket.send(bytes, to);
  } finally {
    socket.close();
  }
};

function idle(): Effort {
  return { connections: 0, sent: 0, received: 0 };
}

/** What is done with one connection, until it fails; its end can be waited for, and made. */
type Act = (socket: Deno.Conn, bytes: Uint8Array, effort: Effort, end: AbortController) => Promise<unknown>;

/** Connects, sends the opening and acts, again and again. */
function attacker(act: Act): Attacker {
  return async (place, { opening = new Uint8Array(), bytes }, signal, effort = idle()) => {
    while (!signal.aborted) {
      let socket;
      try {
        socket = await connectTo(place);
      } catch (error) {
        if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound) return;
        await sleep(NOT_CONNECTED_PAUSE, signal);
        continue;
      }
      effort.connections++;
      const end = new AbortController();
      end.signal.addEventListener("abort", () => socket.close());
      const stop = () => end.abort();
      signal.addEventListener("abort", stop);
      try {
        if (signal.aborted) return;
        await write(socket, opening, effort);
        await act(socket, bytes, effort, end);
      } catch {
        // The server ended it, or the signal did.
      } finally {
        signal.removeEventListener("abort", stop);
        stop();
      }
    }
  };
}

async function write(socket: Deno.Conn, bytes: Uint8Array, effort: Effort): Promise<void> {
  while (bytes.length > 0) {
    const count = await socket.write(bytes);
    effort.sent += count;
    bytes = bytes.subarray(count);
  }
}

async function writeOn(socket: Deno.Conn, bytes: Uint8Array, effort: Effort): Promise<never> {
  for (;;) await write(socket, bytes, effort);
}

async function readOn(socket: Deno.Conn, effort: Effort): Promise<void> {
  for (let count; (count = await socket.read(dropped)) !== null;) effort.received += count;
}

/** What attackers send to one service. */
interface Messages {
  /** What comes first on a connection. */
  opening?: Uint8Array;
  /** The smallest there are, as many as are written at once; to a stream, one small chunk. */
  tiny: Uint8Array;
  /** Small ones of several lengths. */
  short?: Uint8Array;
  /** The largest accepted, or nearly. */
  large?: Uint8Array;
}

const header = decimalHeader();
const shortLengths = Array.from({ length: 65 }, (_, length) => length);
const shortLines = repeat(encodeText(shortLengths.map((length) => "x".repeat(length) + "\n").join("")));
const longLine = encodeText("x".repeat(1024 * 1024) + "\n");
const stream: Messages = { tiny: encodeText("x".repeat(64)), large: encodeText("x".repeat(100 * 1024)) };
/** For services that understand any bytes, or read none. */
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

/** What is done to a server, by the name under which it is told. */
export interface Attack {
  name: string;
  transport: "TCP" | "UDP";
  attacker: Attacker;
  /** How many of these there are at once. */
  attackers: number;
  /** What each of them sends; nothing where a service has no such messages. */
  bytes(messages: Messages): Uint8Array | undefined;
}

function attack(name: string, attacker: Attacker, bytes: Attack["bytes"], attackers = 1): Attack {
  return { name, transport: attacker === flood ? "UDP" : "TCP", attacker, attackers, bytes };
}

/** All of them. */
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

/** What one attacker of a service sends, or nothing where the attack makes no sense. */
export function loadOf({ bytes }: Attack, service: string): Load | undefined {
  const messages = MESSAGES[service]!;
  const sent = bytes(messages);
  return sent === undefined ? undefined : { opening: messages.opening, bytes: sent };
}
