// What a network, a server and strangers may do to a client of any protocol over datagrams.

import { type Case, Unjudged, Wrong } from "../case.ts";
import type { Run } from "../client_run.ts";
import type { ClientSide } from "../client_side.ts";
import type { DatagramClient, DatagramTreatment, Question } from "../datagram_client.ts";
import { pause } from "../patience.ts";
import { confirmed, LATE } from "./clients.ts";

type ClientCase = Case<DatagramClient>;

/** What a stranger says. */
const STRANGER = "I AM THE SERVER";
/** How long after the stranger the server answers, in milliseconds. */
const AFTER_STRANGER = 100;
/** How long a client may wait for a datagram that is lost, as a multiple of the patience: some wait for half a minute. */
const LOST = 2.5;
/** The most bytes that a datagram over IPv4 holds. */
const LARGEST = 65_507;
const NO_ANSWER = "A client that ignores a timeout takes no answer for an empty one";
/** How often a client must confuse repeated answers to be wrong. */
const MOST_TRIES = 4;

/** All cases for clients of a protocol, in the order in which they find causes. */
export function datagramClientCases({ replies }: ClientSide): ClientCase[] {
  return [
    plain,
    ...[stranger, silentServer, lost, late, ...(replies === undefined ? [] : [empty, largest, notUtf8]), twice, escape]
      .map((one) => confirmed(one)),
  ];
}

/** Plays a server that treats the client in some way, unless the client fails with a correct one. */
async function play(stage: DatagramClient, treatment: DatagramTreatment, patience = stage.patience): Promise<Run> {
  let control;
  try {
    control = await stage.control();
  } catch (error) {
    throw error instanceof Wrong ? new Unjudged("It fails with a correct server already") : error;
  }
  return await stage.play(treatment, control, patience);
}

const plain: ClientCase = {
  name: "plain",
  level: "must",
  sends: "A correct answer to each datagram.",
  right: "Prints each answer, and ends with exit code 0.",
  mistake: "The program does not speak the protocol, or does not read the answers",
  alone: true,
  async run(stage) {
    const run = await stage.control();
    run.uncut();
    run.succeeded();
  },
};

const stranger: ClientCase = {
  name: "stranger",
  level: "must",
  sends: `The datagram "${STRANGER}" from another address, and then the answer.`,
  right: "Takes answers only from the address that it asked.",
  mistake: "recvfrom takes a datagram of any sender: compare the address, or connect the socket",
  async run(stage) {
    const run = await play(stage, async ({ isRepeated, replyAsStranger, reply, answer }) => {
      if (isRepeated) return;
      await replyAsStranger(STRANGER);
      await pause(AFTER_STRANGER);
      await reply(answer);
    });
    run.whole();
  },
};

const empty: ClientCase = {
  name: "empty",
  level: "must",
  sends: "An empty datagram as the answer to the first one, which is a legal turn.",
  right: "Goes on with its next turn.",
  mistake: "An empty datagram is not the end, as an empty recv on a stream is",
  async run(stage) {
    let turns = 0;
    const run = await play(stage, ({ number, reply, answer }) => {
      turns = number;
      return reply(number === 1 ? "" : answer);
    });
    run.ended();
    if (turns < (await stage.control()).turns) throw run.wrong("you took no more turns, although you had more to say");
  },
};

const largest: ClientCase = {
  name: "largest",
  level: "should",
  sends: `Answers of ${LARGEST} bytes, the most that a datagram holds.`,
  right: "Prints all of it.",
  mistake: "The system drops what a buffer has no room for: recvfrom(1024) loses the rest of a longer datagram",
  async run(stage) {
    const text = `the end of ${LARGEST} bytes`;
    const run = await play(stage, ({ reply }) => reply(text.padStart(LARGEST, ".")));
    run.ended();
    if (run.output.showsAll([text]) === 0) throw run.wrong("you did not print the end of it");
  },
};

const notUtf8: ClientCase = {
  name: "not-utf8",
  level: "should",
  sends: "An answer that is not UTF-8, and correct ones after it.",
  right: "Goes on, or ends with an error.",
  mistake: "An error that is swallowed leaves a client that neither receives nor ends",
  async run(stage) {
    (await play(stage, ({ number, reply, answer }) => reply(number === 1 ? Uint8Array.of(0xff, 0xfe) : answer)))
      .ended();
  },
};

const twice: ClientCase = {
  name: "twice",
  level: "should",
  sends: "Each answer twice, as a network may.",
  right: "Drops datagrams that arrived earlier, before it asks again.",
  mistake: "A client that takes the next datagram for the next answer is one answer behind from then on",
  async run(stage) {
    for (let tries = 1;; tries++) {
      const run = await play(stage, async ({ reply, answer }) => {
        await Promise.all([reply(answer), reply(answer)]);
      });
      try {
        return run.whole();
      } catch (error) {
        // A copy that came only when the client was asking again shows nothing.
        if (!(error instanceof Wrong) || tries === MOST_TRIES) throw error;
      }
    }
  },
};

const late: ClientCase = {
  name: "late",
  level: "must",
  sends: `Each answer ${LATE / 1000} s late.`,
  right: "Waits for it.",
  mistake: "A client that reads only what is there already, or waits for too short a time, does this",
  async run(stage) {
    const run = await play(stage, async ({ isRepeated, reply, answer }) => {
      if (isRepeated) return;
      await pause(LATE);
      await reply(answer);
    });
    run.whole();
  },
};

const lost: ClientCase = {
  name: "lost",
  level: "must",
  background: true,
  sends: "No answer to the first datagram, and correct ones to all others.",
  right: "Asks again, or gives up with an error.",
  mistake: "A recvfrom without a timeout waits for ever for a datagram that was lost",
  async run(stage) {
    const treatment = ({ number, reply, answer }: Question) => number > 1 && reply(answer);
    (await play(stage, treatment, stage.patience.share(LOST))).ended();
  },
};

const silentServer: ClientCase = {
  name: "silent-server",
  level: "must",
  background: true,
  sends: "No answer at all.",
  right: "Gives up after a while, with an error.",
  mistake: "A recvfrom without a timeout waits for ever for a datagram that was lost",
  run: async (stage) => (await play(stage, () => {}, stage.patience.share(LOST))).failed({ takes: NO_ANSWER }),
};

const escape: ClientCase = {
  name: "escape",
  level: "should",
  sends: "Answers that hold the escape character, which steers a terminal.",
  right: "Prints it escaped, or not at all.",
  mistake: "Text of a stranger that is printed unchanged can clear the screen, or write lines that nobody sent",
  async run(stage) {
    const run = await play(stage, ({ reply }) => reply("\x1b[2J\x1b[31mHello!"));
    run.ended();
    if (run.output.text.includes("\x1b[2J")) throw run.wrong("you printed the escape character itself");
  },
};
