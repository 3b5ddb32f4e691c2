// What a network and a server may do to a client of any protocol over a byte stream.

import { plural } from "../../log/mod.ts";
import { type Case, Unjudged, Wrong } from "../case.ts";
import type { ClientSide } from "../client_side.ts";
import { NO_CHECK, type Run, SPINS } from "../client_run.ts";
import type { StreamClient } from "../stream_client.ts";
import type { Treatment } from "../conversation.ts";
import { acrossMessages, byteByByte, inOneWrite } from "../manner.ts";
import type { Patience } from "../patience.ts";
import type { StreamProtocol } from "../protocol.ts";

type ClientCase = Case<StreamClient>;

/** The wait before an answer that is late but not lost, in milliseconds. */
export const LATE = 1000;
/** How long a client may take to show a message, as a share of the patience. */
const HEARD = 0.2;
/** How many bytes of a message without end a client may take at most: more than the buffers of a system hold. */
const ENDLESS = 32 * 1024 * 1024;
const NO_TIMEOUT =
  "A recv without a timeout waits for ever; if yours has a long one, give the judge a longer --timeout";
/** How long a write must be blocked for the client to read no more, as a share of the patience. */
const FULL = 0.1;

/** All cases for clients of a protocol, in the order in which they find causes. */
export function clientCases(protocol: StreamProtocol, side: ClientSide): ClientCase[] {
  const { answers, greeting, framed } = protocol;
  const pushes = side.serve !== undefined;
  const cases = [
    ...(side.ends ? [exitCode()] : []),
    ...(side.cases ?? []),
    byteByByteCase(),
    ...(answers !== "never" || greeting.length > 0 ? [silentServer()] : []),
    stalledServer(),
    ...(pushes || answers === "each" ? [twoAtOnce(), readsAcrossMessages()] : []),
    late(),
    end(answers === "end"),
    ...(side.knowsEnd ? [cutOff()] : []),
    reset(),
    ...(side.malformed === undefined ? [] : [malformed(side.malformed)]),
    ...(framed === "header" ? [strictHeader()] : []),
    ...(side.endless === undefined ? [] : [endless(side.endless)]),
    ...(side.notUtf8 === undefined ? [] : [notUtf8(side.notUtf8)]),
    ...(side.escape === undefined ? [] : [escape(side.escape)]),
  ];
  return [plain(), ...cases.map((one) => confirmed(one))];
}

/** Runs a case again if it was wrong without waiting long: a busy machine may have had a part in it. */
export function confirmed<Stage extends { patience: Patience }>(one: Case<Stage>): Case<Stage> {
  return {
    ...one,
    async run(stage) {
      const began = performance.now();
      try {
        await one.run(stage);
      } catch (error) {
        if (!(error instanceof Wrong) || performance.now() - began > stage.patience.milliseconds / 2) throw error;
        await one.run(stage);
      }
    },
  };
}

/** Plays a server that treats the client in some way, unless the client fails with a correct one. */
export async function play(stage: StreamClient, treatment: Treatment): Promise<Run> {
  let control;
  try {
    control = await stage.control();
  } catch (error) {
    throw error instanceof Wrong ? new Unjudged("It fails with a correct server already") : error;
  }
  return await stage.play(treatment, control);
}

function plain(): ClientCase {
  return {
    name: "plain",
    level: "must",
    sends: "The answers of a correct server, each in one write.",
    right: "Sends messages of the protocol, and prints the answers.",
    mistake: "The program does not speak the protocol",
    alone: true,
    run: async (stage) => void await stage.control(),
  };
}

function exitCode(): ClientCase {
  return {
    name: "exit-code",
    level: "must",
    sends: "The answers of a correct server, and the end.",
    right: "Ends with exit code 0.",
    mistake: "A client that reads on after the last answer takes the end, an empty recv, for one more message",
    run: async (stage) => (await play(stage, {})).succeeded(),
  };
}

function byteByByteCase(): ClientCase {
  return {
    name: "byte-by-byte",
    level: "must",
    sends: "The answers, each byte in a write of its own.",
    right: "Reads on until an answer is complete.",
    mistake: "A client that takes one recv for one message does this",
    run: async (stage) => (await play(stage, { manner: byteByByte })).whole(),
  };
}

function twoAtOnce(): ClientCase {
  return {
    name: "two-at-once",
    level: "must",
    sends: "All messages that are due, in one write.",
    right: "Prints each of them.",
    mistake: "A client that drops the bytes after a message in the same recv does this",
    run: async (stage) => (await play(stage, { manner: inOneWrite })).whole(),
  };
}

function readsAcrossMessages(): ClientCase {
  return {
    name: "across-messages",
    level: "must",
    sends: "Writes that contain the end of one message and the start of the next.",
    right: "Keeps the start until the rest arrives.",
    mistake: "A client that drops what it has read beyond a message, or takes one recv for one message, does this",
    run: async (stage) => (await play(stage, { manner: acrossMessages })).whole(),
  };
}

function late(): ClientCase {
  return {
    name: "late",
    level: "must",
    sends: `The first answer ${LATE / 1000} s late.`,
    right: "Waits for it.",
    mistake:
      "A client that reads only what is there already, closes without waiting, or waits for too short a time, does this",
    async run(stage) {
      const run = await play(stage, { delay: LATE });
      run.waited();
      run.whole();
    },
  };
}

function silentServer(): ClientCase {
  return {
    name: "silent-server",
    level: "should",
    background: true,
    sends: "Nothing: the connection stays open.",
    right: "Gives up after a while, with an error.",
    mistake: NO_TIMEOUT,
    run: async (stage) => (await play(stage, { instead: () => {} })).failed({ takes: NO_CHECK }),
  };
}

function stalledServer(): ClientCase {
  return {
    name: "stalled-server",
    level: "should",
    background: true,
    sends: "Half of an answer, and then nothing: the connection stays open.",
    right: "Gives up after a while, with an error.",
    mistake: NO_TIMEOUT,
    run: async (stage) =>
      (await play(stage, { keepsInput: true, instead: (peer, { half }) => peer.send(half) })).failed({
        takes: NO_CHECK,
      }),
  };
}

function cutOff(): ClientCase {
  return {
    name: "cut-off",
    level: "must",
    sends: "Half of an answer, and the end.",
    right: "Ends with an error, and does not take half an answer for a whole one.",
    mistake: SPINS,
    async run(stage) {
      const run = await play(stage, {
        async instead(peer, { half }) {
          await peer.send(half);
          peer.finish();
        },
      });
      run.failed({ takes: NO_CHECK });
    },
  };
}

function reset(): ClientCase {
  return {
    name: "reset",
    level: "must",
    sends: "Half of an answer, and a reset instead of the rest and the end.",
    right: "Ends with an error, and does not take half an answer for a whole one.",
    mistake: "A client that does not expect recv to fail goes on as if there were more",
    async run(stage) {
      const run = await play(stage, {
        async instead(peer, { half }) {
          await peer.sendApart([half]);
          await peer.reset();
        },
      });
      run.failed({ hangs: SPINS, takes: NO_CHECK });
    },
  };
}

function end(lenient: boolean): ClientCase {
  return {
    name: "end",
    level: "must",
    sends: "The end in place of an answer.",
    right: "Ends.",
    mistake: SPINS,
    async run(stage) {
      const run = await play(stage, { instead: (peer) => peer.finish() });
      run.failed({ level: lenient ? "should" : "must", takes: NO_CHECK });
    },
  };
}

function malformed({ what, bytes, mistake }: NonNullable<ClientSide["malformed"]>): ClientCase {
  return {
    name: "malformed",
    level: "must",
    sends: `${what}, and the end.`,
    right: "Ends with an error.",
    mistake,
    async run(stage) {
      const run = await play(stage, {
        async instead(peer) {
          await peer.send(bytes);
          peer.finish();
        },
      });
      run.failed({ hangs: SPINS });
    },
  };
}

function strictHeader(): ClientCase {
  const text = "a header for int() only";
  const header = `${Math.floor(text.length / 10)}_${text.length % 10}`.padEnd(10);
  return {
    name: "strict-header",
    level: "should",
    sends: `The header "${header}", which Python's int() takes for ${text.length}, and ${text.length} bytes.`,
    right: "Takes digits only, and ends with an error.",
    mistake: "int() also takes a sign, underscores and the digits of every script",
    async run(stage) {
      const run = await play(stage, {
        async instead(peer, _answer, { side: { ends }, program, patience }) {
          await peer.send(header + text);
          // A chat client prints a name only with its text.
          if (!ends) {
            await peer.send(header + text);
            await program.shows(text, patience.share(HEARD));
          }
          peer.finish();
        },
      });
      run.ended(SPINS);
      if (run.output.showsAll([text]) > 0) throw run.wrong(`you printed ${JSON.stringify(text)}`);
    },
  };
}

function endless({ what, start, mistake }: NonNullable<ClientSide["endless"]>): ClientCase {
  return {
    name: "endless",
    level: "should",
    sends: `${what}, and up to ${ENDLESS / 1024 / 1024} MiB after it.`,
    right: "Refuses it before it has filled its memory.",
    mistake,
    async run(stage) {
      let taken = 0;
      const run = await play(stage, {
        async instead(peer) {
          await peer.send(start);
          await peer.sendUntilFull(new Uint8Array(64 * 1024).fill(0x78), ENDLESS, stage.patience.share(FULL));
          taken = peer.sent;
          peer.finish();
        },
      });
      if (taken >= ENDLESS) throw run.wrong(`you took ${plural(taken, "byte")}`);
      run.ended();
    },
  };
}

function notUtf8(bytes: Exclude<ClientSide["notUtf8"], undefined>): ClientCase {
  return {
    name: "not-utf8",
    level: "must",
    sends: "A message that is not UTF-8, and then a correct one.",
    right: "Ends with an error, or goes on and prints the next message.",
    mistake: "An error in a thread, or in a loop that swallows it, leaves a client that neither receives nor ends",
    async run(stage) {
      let heard = false;
      const run = await play(stage, {
        async instead(peer, { bytes: answer, texts }, { program, patience }) {
          await peer.sendApart([bytes, answer]);
          const hears = async () => await program.shows(texts.at(-1)!, patience.share(HEARD)) || program.ended;
          // A client that looks at its socket only after Enter is not deaf.
          heard = await hears() || (await program.type("Can you hear me?"), await hears());
          peer.finish();
        },
      });
      if (!heard) throw run.wrong("you neither ended nor printed the correct one");
      run.ended(SPINS);
    },
  };
}

function escape(bytes: Exclude<ClientSide["escape"], undefined>): ClientCase {
  return {
    name: "escape",
    level: "should",
    sends: "Text that holds the escape character, which steers a terminal.",
    right: "Prints it escaped, or not at all.",
    mistake: "Text of a stranger that is printed unchanged can clear the screen, or write lines that nobody sent",
    async run(stage) {
      const run = await play(stage, {
        async instead(peer, _answer, { side: { ends }, program, patience }) {
          await peer.send(bytes);
          if (!ends) await program.shows("[2J", patience.share(HEARD));
          peer.finish();
        },
      });
      if (run.output.text.includes("\x1b[2J")) throw run.wrong("you printed the escape character itself");
    },
  };
}
