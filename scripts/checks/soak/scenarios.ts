// Correct clients of every service. Each knows every byte of every answer in advance.

import { concat } from "@std/bytes/concat";
import { decodeText, encodeText } from "../../../lib/framing/mod.ts";
import { type DatagramProtocol, type Protocol, protocolOf, type StreamProtocol } from "../../../lib/judge/mod.ts";
import { writeAll } from "../../../lib/log/mod.ts";
import { connectUdp } from "../../../lib/net/mod.ts";
import { HEADER_LENGTH } from "../../../services/chat/protocol.ts";
import type { Random } from "../../../services/proxy/random.ts";
import { playGroup } from "./chat.ts";
import {
  anyBytes,
  below,
  connect,
  countAnswer,
  countLatency,
  equal,
  LostError,
  PAUSE,
  pause,
  readAnswer,
  readEnd,
  readExactly,
  type Tally,
} from "./client.ts";
import type { Endpoint } from "./endpoint.ts";

/** A service and how a correct client uses it. */
export interface Scenario {
  /** What it speaks. Its name is that of the service. */
  protocol: Protocol;
  /** TLS over TCP, or a Unix socket instead of TCP. */
  over?: "TLS" | "Unix";
  /** Arguments of the server, besides its deadline. */
  args?: string[];
  /** Makes a message of a client. */
  message(random: Random): Uint8Array;
  /** Runs a correct client from connecting to closing. */
  play(endpoint: Endpoint, random: Random, tally: Tally): Promise<void>;
}

/** The most messages that a client sends. */
const ROUNDS = 20;
/** The interval of a clock, in milliseconds. */
const INTERVAL = 50;
/** The tolerance for the time that a clock sends, in seconds. */
const CLOCK_TOLERANCE = 0.1;
/** How long to wait for the answer to a datagram before sending it again, in milliseconds. */
const ANSWER_TIMEOUT = 1000;
/** How often to send a datagram at most. */
const MAX_ATTEMPTS = 20;

/** A random text without newlines. */
function anyText(random: Random): string {
  return Array.from({ length: 1 + below(20, random) }, () => random().toString(36).slice(2)).join(" é ");
}

/** The protocol of a service over a byte stream. */
function streamOf(service: string, options?: Record<string, string>): StreamProtocol {
  return protocolOf(service, options) as StreamProtocol;
}

/** Encodes the messages of a client. */
function encoded({ framing }: StreamProtocol, messages: readonly unknown[]): Uint8Array {
  return concat(messages.map((message) => framing.encode(message)));
}

/** A service that answers each message, as long as the client stays. */
function answerEach(
  protocol: StreamProtocol,
  messages: (random: Random) => unknown[],
  args: string[] = [],
): Scenario {
  return {
    protocol,
    args,
    message: (random) => encoded(protocol, messages(random)),
    async play(endpoint, random, tally) {
      using socket = await connect(endpoint, tally);
      // From here on, also if the server has not accepted yet: while its queue is full, the system drops connections.
      let began = performance.now();
      for (let round = 1 + below(ROUNDS, random); round > 0; round--) {
        const sent = messages(random);
        const expected = encoded(protocol, sent.map(protocol.answer));
        await Promise.all([writeAll(socket, encoded(protocol, sent)), readAnswer(socket, expected, tally)]);
        countLatency(performance.now() - began, tally);
        await pause(random() * PAUSE);
        began = performance.now();
      }
      await socket.closeWrite();
      await readEnd(socket);
    },
  };
}

/** A service that answers once, after the client has ended its side. */
function answerOnce(protocol: StreamProtocol, message: (random: Random) => Uint8Array): Scenario {
  return {
    protocol,
    message,
    async play(endpoint, random, tally) {
      using socket = await connect(endpoint, tally);
      const began = performance.now();
      const sent = message(random);
      const expected = encoded(protocol, protocol.greeting.length > 0 ? protocol.greeting : [protocol.answer(sent)]);
      const sending = writeAll(socket, sent).then(() => socket.closeWrite());
      await Promise.all([sending, readAnswer(socket, expected, tally)]);
      countLatency(performance.now() - began, tally);
      await readEnd(socket);
      await pause(random() * PAUSE);
    },
  };
}

function datagrams(protocol: DatagramProtocol, args: string[] = []): Scenario {
  return {
    protocol,
    args,
    message: (random) => encodeText(anyText(random)),
    async play({ port }, random, tally) {
      for (let round = 1 + below(ROUNDS, random); round > 0; round--) {
        const datagram = encodeText(anyText(random));
        await exchangeDatagram(port, datagram, protocol.answer(datagram)!, tally);
        await pause(random() * PAUSE);
      }
    },
  };
}

/** Sends a datagram until it is answered, each time from a new socket, so that late answers are not received. */
async function exchangeDatagram(
  port: number,
  message: Uint8Array,
  expected: Uint8Array,
  tally: Tally,
): Promise<void> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    using peer = await connectUdp({ port });
    tally.connections++;
    if (attempt > 0) tally.repeated++;
    const began = performance.now();
    await peer.send(message);
    let got;
    try {
      got = await peer.receive(ANSWER_TIMEOUT);
    } catch {
      continue; // It timed out.
    }
    if (!equal(got, expected)) break;
    countLatency(performance.now() - began, tally);
    return countAnswer(expected, tally);
  }
  throw new LostError(expected.length, `${expected.length} bytes are missing or differ from those expected`);
}

/** The service `fixed` with messages of one length. */
function fixed(length: number, most: number): Scenario {
  const protocol = streamOf("fixed", { length: String(length) });
  const messages = (random: Random) => Array.from({ length: 1 + below(most, random) }, () => anyBytes(length, random));
  return answerEach(protocol, messages, ["--length", String(length)]);
}

function echoOf(service: string, args: string[] = []): Scenario {
  const protocol = { ...streamOf("echo"), name: service };
  return answerEach(protocol, (random) => [anyBytes(1 + below(20_000, random), random)], args);
}

const echo = echoOf("echo");
const linesScenario = answerEach(streamOf("lines"), (random) => [anyText(random)]);

const clockProtocol = streamOf("clock");

/** The service `clock`, each tick of which must be the time. */
const clock: Scenario = {
  protocol: clockProtocol,
  args: ["--interval", String(INTERVAL / 1000)],
  message: (random) => anyBytes(1 + below(100, random), random),
  async play(endpoint, random, tally) {
    let last = Date.now() / 1000;
    using socket = await connect(endpoint, tally);
    await readAnswer(socket, encoded(clockProtocol, clockProtocol.greeting), tally);
    for (let round = 1 + below(ROUNDS, random); round > 0; round--) {
      const due = performance.now() + INTERVAL;
      const length = decodeText(await readExactly(socket, HEADER_LENGTH));
      const tick = decodeText(await readExactly(socket, Number(length)));
      countLatency(performance.now() - due, tally);
      const [, time] = /^The time is (\d+\.\d{1,6})$/.exec(tick) ?? [];
      const isTime = Number(time) > last - CLOCK_TOLERANCE && Number(time) < Date.now() / 1000 + CLOCK_TOLERANCE;
      if (!isTime || length !== String(tick.length).padEnd(HEADER_LENGTH)) {
        throw new LostError(tick.length, `Expected the time, got ${Deno.inspect(length + tick)}`);
      }
      last = Number(time);
      countAnswer(encodeText(length + tick), tally);
    }
  },
};

const chatProtocol = streamOf("chat");

const chat: Scenario = {
  protocol: chatProtocol,
  message: (random) => encoded(chatProtocol, ["stranger", anyText(random)]),
  play: (endpoint, random, tally) => playGroup(endpoint, random, tally, 1 + below(ROUNDS, random), anyText),
};

/** Every service, some also over TLS, at Unix sockets, and with workers or processes. */
export const SCENARIOS: readonly Scenario[] = [
  echo,
  { ...echo, over: "TLS" },
  ...(Deno.build.os === "windows" ? [] : [{ ...echo, over: "Unix" as const }, { ...chat, over: "Unix" as const }]),
  ...(Deno.build.os === "linux"
    ? [
      echoOf("echo", ["--workers", "2"]),
      echoOf("dispatch", ["--mode", "workers", "--workers", "2"]),
      echoOf("dispatch", ["--mode", "processes", "--workers", "2"]),
    ]
    : []),
  echoOf("dispatch"),
  fixed(1, 100),
  fixed(16, 20),
  fixed(500, 5),
  answerEach(streamOf("delimited"), (random) => [anyText(random)]),
  linesScenario,
  { ...linesScenario, over: "TLS" },
  answerEach(streamOf("tagged"), (random) => {
    const [type, length] = ([["A", 4], ["B", 16], ["C", 300]] as const)[below(3, random)]!;
    return [{ type, body: anyBytes(length, random) }];
  }),
  answerOnce(streamOf("sixteen"), (random) => anyBytes(16, random)),
  answerOnce(streamOf("exchange"), (random) => anyBytes(below(20_000, random), random)),
  answerOnce(streamOf("objects"), () => new Uint8Array()),
  clock,
  chat,
  datagrams(protocolOf("uppercase") as DatagramProtocol),
  datagrams(protocolOf("udp-chat", { reply: "Indeed" }) as DatagramProtocol, ["--reply", "Indeed"]),
];

/** The unique name of a scenario. */
export function nameOf({ protocol, over, args = [] }: Scenario): string {
  return [protocol.name, ...args, ...(over === undefined ? [] : [`over ${over}`])].join(" ");
}
