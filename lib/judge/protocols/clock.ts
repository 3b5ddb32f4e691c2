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
/** From this interval on, in seconds, a busy machine hardly changes the time between ticks. */
const LONG_INTERVAL = 1;
/** A tick that takes so many intervals was left out. */
const LATE = 1.75;
const OTHER_INTERVAL = "If another interval is meant, the option interval tells the judge";
const NO_TICKS = "A program that sends no ticks, or sends nobody any more when one client has left, does this";
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
  const first = await peer.read(patience.of(patience.milliseconds + 1000 * interval), { mistake: NO_TICKS });
  if (first === null) throw peer.wrong(`you ended the connection, after ${peer.received} bytes`);
  peer.unread(first);
  const header = await peer.receive(HEADER);
  if (!/^\d+ *$/.test(decodeBytes(header))) {
    throw peer.wrong(`expected a header of digits and then spaces from you, got ${quote(header)}`, { by: "bytes" });
  }
  const length = Number(decodeBytes(header));
  if (length > 100) throw peer.wrong(`the header of a tick announces ${length} bytes`, { by: "bytes" });
  const message = decodeBytes(await peer.receive(length));
  const time = Number(TICK.exec(message)?.[1]);
  if (Number.isNaN(time)) {
    throw peer.wrong(`expected "The time is " and seconds with a decimal point, got ${quote(encodeText(message))}`, {
      by: "bytes",
    });
  }
  const difference = Math.abs(time - Date.now() / 1000);
  if (difference > DIFFERENCE) {
    throw peer.wrong(`your time ${time} differs from mine by ${Math.round(difference)} s`, { by: "bytes" });
  }
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
      let before = await tick(peer, patience, interval);
      for (let tries = 1;; tries++) {
        const now = await tick(peer, patience, interval);
        if (now <= before) throw new Wrong(`Your time went from ${before} to ${now}`, { by: "bytes" });
        const apart = now - before;
        if (apart > interval / 2 || interval < LONG_INTERVAL) return;
        // After a tick that was late the next one may come sooner.
        if (tries === 3) {
          throw peer.wrong(`your ticks are ${seconds(apart)} apart, and not ${seconds(interval)}`, {
            mistake: OTHER_INTERVAL,
            by: "bytes",
          });
        }
        before = now;
      }
    },
  };
}

function leave(interval: number): Case<ServerStage> {
  return {
    name: "leave",
    level: "must",
    sends: "Nothing on three connections: one is closed, one is reset, and one stays.",
    right: "Goes on sending to the one that stays, at every interval.",
    mistake:
      "A program that does not expect send to fail ends when a client has left; one that takes the client out of the " +
      "list through which it loops skips the next one",
    needs: ["silent-beside"],
    tries: 2,
    async run(stage) {
      const { patience } = stage;
      using leaves = await stage.connect();
      const resets = await stage.connect();
      // The last one, which a program serves after those to which it cannot send.
      using stays = await stage.connect();
      for (const peer of [leaves, resets, stays]) await peer.expect(framing.encode(WELCOME));
      leaves.close();
      await resets.reset();
      // The first write to a connection that was closed succeeds, the second fails.
      for (const due of ["first", "second"]) {
        const since = performance.now();
        await tick(stays, patience, interval);
        const waited = (performance.now() - since) / 1000;
        if (waited > interval * LATE && interval >= LONG_INTERVAL) {
          throw new Wrong(`When others had left, the ${due} tick for the one that stayed took ${seconds(waited)}`);
        }
      }
    },
  };
}

function seconds(time: number): string {
  return `${Math.round(time * 10) / 10} s`;
}
