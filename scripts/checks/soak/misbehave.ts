// Clients that misbehave. They use node:net, as Deno has no way to reset a connection.

import { connect, type Socket } from "node:net";
import { MAX_PAYLOAD_IPV4 } from "../../../lib/net/datagram.ts";
import type { Random } from "../../../services/proxy/random.ts";
import { anyBytes, below, pause } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Scenario } from "./scenarios.ts";

/** How long a bad client waits for the server to close, in milliseconds. */
const TIMEOUT = 6000;
/** The least number of bytes that a client sends without reading answers: more than socket buffers hold at first. */
const UNREAD = 200_000;

/** A connection whose errors are ignored. */
interface BadPeer {
  socket: Socket;
  ended: Promise<unknown>;
  /** Resets the connection. A Unix socket has no reset, and is closed. */
  reset(): void;
}

type Behaviour = (peer: BadPeer, message: Uint8Array, random: Random) => unknown;

/** The start of a message, of random length: at least one byte, and less than all of a longer message. */
function startOf(message: Uint8Array, random: Random): Uint8Array {
  return message.subarray(0, Math.max(1, below(message.length, random)));
}

/** All behaviours, by the names under which they are counted. */
const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  "connected and left": ({ socket }) => socket.end(),
  "reset at once": ({ reset }) => reset(),
  "ended halfway": async ({ socket, ended }, message, random) => {
    socket.end(startOf(message, random));
    await ended;
  },
  "reset halfway": async ({ socket, reset }, message, random) => {
    socket.write(startOf(message, random));
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
    socket.write(startOf(message, random));
    await ended;
  },
  "a byte at a time": async ({ socket }, message) => {
    for (const byte of message.subarray(0, 20)) {
      socket.write(Uint8Array.of(byte));
      await pause(20);
    }
  },
  "sent random bytes": async ({ socket, ended }, _, random) => {
    socket.write(anyBytes(1 + below(2000, random), random));
    await Promise.race([ended, pause(1000)]);
  },
};

/** Runs a bad client with a random behaviour, and counts it. */
export async function misbehave(
  scenario: Scenario,
  endpoint: Endpoint,
  random: Random,
  counts: Map<string, number>,
): Promise<void> {
  const { port, path } = endpoint;
  if (scenario.protocol.transport === "udp") return await flood(scenario, port, random, counts);
  const names = Object.keys(BEHAVIOURS);
  const name = names[below(names.length, random)]!;
  const message = scenario.message(random);
  const socket = path === undefined ? connect(port, "127.0.0.1") : connect(path);
  const reset = () => path === undefined ? socket.resetAndDestroy() : socket.destroy();
  const ended = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  socket.resume();
  await Promise.race([new Promise((resolve) => socket.once("connect", resolve)), ended]);
  let timer;
  const timeout = new Promise((resolve) => timer = setTimeout(resolve, TIMEOUT));
  await Promise.race([BEHAVIOURS[name]!({ socket, ended, reset }, message, random), timeout]);
  clearTimeout(timer);
  socket.destroy();
  await ended;
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Sends datagrams of random bytes and lengths, and closes the socket before the answers come. */
async function flood(
  scenario: Scenario,
  port: number,
  random: Random,
  counts: Map<string, number>,
): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  try {
    for (let sent = below(20, random); sent >= 0; sent--) {
      const datagram = random() < 0.1 ? new Uint8Array(MAX_PAYLOAD_IPV4) : anyBytes(below(100, random), random);
      await socket.send(random() < 0.2 ? scenario.message(random) : datagram, to);
    }
    await pause(10 + random() * 50);
  } finally {
    socket.close();
  }
  counts.set("flooded", (counts.get("flooded") ?? 0) + 1);
}
