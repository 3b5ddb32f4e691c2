import { decimalHeader, encodeText, text } from "../../framing/mod.ts";
import { decodeBytes } from "../../log/mod.ts";
import { type Case, Wrong } from "../case.ts";
import { ENDLESS_HEADED, MALFORMED_HEADER, NOT_UTF8_HEADED } from "../client_parts.ts";
import type { Conversation } from "../conversation.ts";
import { type Patience, pause } from "../patience.ts";
import { type Peer, quote } from "../peer.ts";
import type { StreamProtocol } from "../protocol.ts";
import type { Connector, ServerStage } from "../stage.ts";
import { stream } from "../stream.ts";

const WELCOME = "Welcome to the server!";
const HEADER = 10;
const framing = text(decimalHeader());
/** Seconds since the epoch, as Python prints a float. */
const TICK = /^The time is (\d+\.\d+(?:e[+-]?\d+)?)$/;
/** How many ticks a client gets, and how often, in milliseconds. */
const TICKS = 3;
const PUSHED_EVERY = 100;
/** By how much a clock may differ from that of the judge, in seconds: it may be another machine's. */
const DIFFERENCE = 24 * 60 * 60;

/**
 * The server speaks first: a welcome, then the time at every interval. The client only listens.
 *
 * @param options The interval in seconds.
 */
export function clock({ interval }: { interval: number }): StreamProtocol<string> {
  return stream({
    name: "clock",
    shows: "length-headed messages that the server pushes",
    port: 1235,
    framing,
    framed: "header",
    greeting: [WELCOME],
    answers: "never",
    converse: welcome,
    lag: 2000 * interval,
    // Both wait for ticks, side by side.
    cases: [ticks(interval), leave(interval)],
    clients: [{ args: ["--count", "3"], prints: /^Welcome to the server!\n(The time is \d{10}\.\d{1,6}\n){2}$/ }],
    client: {
      input: [],
      ends: false,
      knowsEnd: true,
      unfinished: "The client of the clock only listens",
      escape: framing.encode("\x1b[2J\x1b[31mHello!"),
      notUtf8: NOT_UTF8_HEADED,
      malformed: MALFORMED_HEADER,
      endless: ENDLESS_HEADED,
      serve: pushTicks,
    },
  });
}

/** Plays the server: a welcome, and ticks that come sooner than usual. */
async function pushTicks(conversation: Conversation): Promise<void> {
  const now = Math.floor(Date.now() / 1000);
  const ticks = Array.from({ length: TICKS }, (_, at) => `The time is ${now + 3 * at}.25`);
  const rounds = conversation.together ? [[WELCOME, ...ticks]] : [WELCOME, ...ticks].map((text) => [text]);
  for (const messages of rounds) {
    await conversation.send(messages);
    await pause(PUSHED_EVERY);
  }
}

async function welcome(stage: Connector): Promise<void> {
  using peer = await stage.connect();
  await peer.expect(framing.encode(WELCOME));
}

/** Reads a tick, for which the judge waits as long as the interval and its patience allow. */
async function tick(peer: Peer, patience: Patience, interval: number): Promise<number> {
  const first = await peer.read(patience.of(patience.milliseconds + 1000 * interval));
  if (first === null) throw peer.wrong(`you ended the connection, after ${peer.received} bytes`);
  peer.unread(first);
  const header = await peer.receive(HEADER);
  if (!/^\d+ *$/.test(decodeBytes(header))) {
    throw peer.wrong(`expected a header of digits and then spaces from you, got ${quote(header)}`);
  }
  const length = Number(decodeBytes(header));
  if (length > 100) throw peer.wrong(`the header of a tick announces ${length} bytes`);
  const message = decodeBytes(await peer.receive(length));
  const time = Number(TICK.exec(message)?.[1]);
  if (Number.isNaN(time)) {
    throw peer.wrong(`expected "The time is " and seconds with a decimal point, got ${quote(encodeText(message))}`);
  }
  const difference = Math.abs(time - Date.now() / 1000);
  if (difference > DIFFERENCE) throw peer.wrong(`your time ${time} differs from mine by ${Math.round(difference)} s`);
  return time;
}

function ticks(interval: number): Case<ServerStage> {
  return {
    name: "ticks",
    level: "must",
    sends: "Nothing, until two ticks have come.",
    right: "Sends the time at every interval, under a header that counts its bytes.",
    mistake:
      "A program that writes one header for all messages, or formats the time as another language does, does this",
    async run(stage) {
      const { patience } = stage;
      using peer = await stage.connect();
      await peer.expect(framing.encode(WELCOME));
      const [first, second] = [await tick(peer, patience, interval), await tick(peer, patience, interval)];
      if (second <= first) throw new Wrong(`Your time went from ${first} to ${second}`);
    },
  };
}

function leave(interval: number): Case<ServerStage> {
  return {
    name: "leave",
    level: "must",
    sends: "Nothing on three connections: one is closed, one is reset, and one stays.",
    right: "Goes on sending to the one that stays.",
    mistake: "A program that does not expect send to fail ends when a client has left",
    needs: ["silent-beside"],
    async run(stage) {
      using stays = await stage.connect();
      using leaves = await stage.connect();
      const resets = await stage.connect();
      for (const peer of [stays, leaves, resets]) await peer.expect(framing.encode(WELCOME));
      leaves.close();
      await resets.reset();
      // The first write to a connection that was closed succeeds, the second fails.
      for (let due = 1; due <= 3; due++) {
        if (await stays.read(stage.patience.of(stage.patience.milliseconds + 1000 * interval)) !== null) continue;
        throw stays.wrong("you ended that connection too");
      }
    },
  };
}
