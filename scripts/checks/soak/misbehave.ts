// Clients that do what clients should not. They go through node:net: Deno has no way to reset a connection.

import { connect, type Socket } from "node:net";
import type { Random } from "../../../services/proxy/random.ts";
import { anyBytes, below, pause, type Trade } from "./correct.ts";
import type { Place } from "./place.ts";

/** How long a bad client waits for its server to close at the most, in milliseconds. */
const HELD = 6000;
/** What one that does not read sends, in bytes at the least: more than a socket's buffers take at first. */
const UNREAD = 200_000;
/** The longest datagram over IPv4. */
const LONGEST_DATAGRAM = 65_507;

/** A connection, with errors of no account. */
interface BadPeer {
  socket: Socket;
  ended: Promise<unknown>;
  /** Resets it; a Unix socket, which knows no reset, is closed. */
  reset(): void;
}

type Deed = (peer: BadPeer, message: Uint8Array, random: Random) => unknown;

/** Part of a message, from one byte to all but one. */
function partOf(message: Uint8Array, random: Random): Uint8Array {
  return message.subarray(0, Math.max(1, below(message.length, random)));
}

/** What is done, by the name under which it is counted. */
const DEEDS: Readonly<Record<string, Deed>> = {
  "came and went": ({ socket }) => socket.end(),
  "reset at once": ({ reset }) => reset(),
  "ended halfway": async ({ socket, ended }, message, random) => {
    socket.end(partOf(message, random));
    await ended;
  },
  "reset halfway": async ({ socket, reset }, message, random) => {
    socket.write(partOf(message, random));
    await pause(random() * 20);
    reset();
  },
  "reset at the answer": async ({ socket, ended, reset }, message) => {
    socket.write(message);
    socket.once("data", reset);
    await Promise.race([ended, pause(200)]);
    reset();
  },
  "left the answer unread": async ({ socket }, message, random) => {
    socket.pause();
    socket.write(message);
    await pause(random() * 20);
  },
  "never read": async ({ socket }, message) => {
    socket.pause();
    for (let sent = 0; sent < UNREAD; sent += Math.max(100, message.length)) socket.write(message);
    await pause(500);
  },
  "stalled halfway": async ({ socket, ended }, message, random) => {
    socket.write(partOf(message, random));
    await ended;
  },
  "a byte at a time": async ({ socket }, message) => {
    for (const byte of message.subarray(0, 20)) {
      socket.write(Uint8Array.of(byte));
      await pause(20);
    }
  },
  "said nonsense": async ({ socket, ended }, _, random) => {
    socket.write(anyBytes(1 + below(2000, random), random));
    await Promise.race([ended, pause(1000)]);
  },
};

/** Plays a bad client, drawn by chance, from its coming to its going. */
export async function misbehave(trade: Trade, place: Place, random: Random, done: Map<string, number>): Promise<void> {
  const { port, path } = place;
  if (trade.transport === "UDP") return await flood(trade, port, random, done);
  const names = Object.keys(DEEDS);
  const name = names[below(names.length, random)]!;
  const message = trade.question(random);
  const socket = path === undefined ? connect(port, "127.0.0.1") : connect(path);
  const reset = () => path === undefined ? socket.resetAndDestroy() : socket.destroy();
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  socket.resume();
  await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), ended]);
  let timer;
  const held = new Promise((resolve) => timer = setTimeout(resolve, HELD));
  await Promise.race([DEEDS[name]!({ socket, ended, reset }, message, random), held]);
  clearTimeout(timer);
  socket.destroy();
  await ended;
  done.set(name, (done.get(name) ?? 0) + 1);
}

/** Sends datagrams of any bytes and lengths, and is gone before the answers. */
async function flood(trade: Trade, port: number, random: Random, done: Map<string, number>): Promise<void> {
  using socket = closing(Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }));
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  for (let sent = below(20, random); sent >= 0; sent--) {
    const datagram = random() < 0.1 ? new Uint8Array(LONGEST_DATAGRAM) : anyBytes(below(100, random), random);
    await socket.datagrams.send(random() < 0.2 ? trade.question(random) : datagram, to);
  }
  await pause(10 + random() * 50);
  done.set("flooded", (done.get("flooded") ?? 0) + 1);
}

/** Datagram sockets are not disposable by themselves. */
function closing(datagrams: Deno.DatagramConn): Disposable & { datagrams: Deno.DatagramConn } {
  return { datagrams, [Symbol.dispose]: () => datagrams.close() };
}
