// What a network and a stranger may do to a server of any protocol over a byte stream.

import { plural } from "../../log/mod.ts";
import { join } from "../stream.ts";
import { type Case, Unjudged, Wrong } from "../case.ts";
import { acrossMessages, byteByByte, inOneWrite, inTurns } from "../manner.ts";
import { pause } from "../patience.ts";
import type { Peer } from "../peer.ts";
import type { Script, StreamProtocol } from "../protocol.ts";
import type { Footprint, ServerStage } from "../stage.ts";

type ServerCase = Case<ServerStage>;

/** What the cases of one run measure. */
interface Footprints {
  /** After the first exchange. */
  before: Footprint | undefined;
}

/** Whether the program ends the connection at a long message, since it limits their length. */
interface Limit {
  isRefused: boolean;
}
const REFUSED = "You refuse a long message: your limit may be lower than its length";

/** How many clients are connected at once. */
const CROWD = 100;
/** After this time a program may have closed the first of them, in milliseconds. */
const LONGEST_CONNECTING = 2000;
/** How many bytes a client sends at most without reading the answers: more than the buffers of a system hold. */
const UNREAD = 16 * 1024 * 1024;
/** How many bytes of messages no system's buffers hold, even if they are made larger. */
const UNBOUNDED = 4 * UNREAD;
/** How long a write must be blocked for the buffers to be full, as a share of the patience. */
const FULL = 0.1;
/** How long buffers are filled at most, in milliseconds: a program that reads single bytes takes minutes for all. */
const FILLING = 5000;
/** How long other clients wait while one is silent, as a share of the patience. */
const HELD_UP = 0.4;

/** By how much a deadline for silent clients may be late, in milliseconds. */
const LATE = 1000;

/** The length of a stream that a program need not hold in memory, in bytes. */
const STREAMED = 64e6;
/** How many descriptors, and bytes of memory, a program may have more than after the first exchange. */
const MORE_DESCRIPTORS = 10;
const MORE_MEMORY = 64e6;

const WAITS =
  "A program that waits for more than the protocol asks for, such as a newline or the client's end, or that " +
  "does not flush its answer, does this";
const DROPS_ANSWERS =
  "A program that closes at the client's end, while answers wait to be sent, loses them; so does a " +
  "send without a loop";
const CONFUSES = "A program that keeps one state for all clients, or sends to all of them, does this";
const ONE_AT_A_TIME = "A program that serves one client at a time, or keeps one state for all clients, does this";
const EXPECTS_NO_LEAVING =
  "A program that does not expect recv to return nothing, or a call to fail, when a client leaves does this";

/** All cases for servers of a protocol, in the order in which they find causes. */
export function streamCases(protocol: StreamProtocol): ServerCase[] {
  const footprints: Footprints = { before: undefined };
  const limit: Limit = { isRefused: false };
  const { answers, messages, long, greeting, scripts, cases } = protocol;
  const speaks = messages.length > 0;
  // Answers that are long enough to fill the buffers.
  const fills = answers === "each" && protocol.framing.encode(protocol.answer(long ?? messages[0])).length >= 100;
  const brief = briefly(protocol);
  const all: ServerCase[] = [
    plain(brief, footprints),
    silentBeside(brief),
    ...(speaks ? [silent] : []),
    ...(greeting.length > 0 ? [...cases, resetAtGreeting(brief)] : []),
    ...(messages.length > 1 && answers !== "end" ? [inTurnsCase(protocol)] : []),
    ...(speaks ? [byteByByteCase(brief)] : []),
    ...(speaks && answers !== "first" ? [twoAtOnce(protocol), readsAcrossMessages(protocol)] : []),
    ...(answers === "each" ? [halfClose(protocol)] : []),
    ...(protocol.ends ? [end(protocol)] : []),
    ...(long === undefined ? [] : [longMessage(protocol, limit)]),
    ...scripts.filter(({ alone }) => !alone).map((script) => scripted(brief, script)),
    ...(fills ? [withoutReading(protocol, limit)] : []),
    // From here on clients do what may end a fragile program: it is known by now how it treats correct ones.
    ...(speaks ? [resetInside(brief)] : []),
    ...(fills ? [neverReads(brief, limit)] : []),
    ...scripts.filter(({ alone }) => alone).map((script) => scripted(brief, script)),
    ...(greeting.length > 0 ? [] : cases),
    ...(answers === "end" ? [streamed] : []),
    ...(speaks ? [stalledBeside(brief)] : []),
    comeAndGo(brief),
    hundred(brief),
    footprint(footprints),
    ...(fills ? [unread(protocol, limit)] : []),
    again(brief),
  ];
  // Clients of other cases would hear each other, and a program that expects nobody to leave would fail in any case.
  return protocol.seats === 1 ? all : all.map((one) => ({ ...one, alone: true }));
}

/**
 * The protocol with a short conversation. Clients beside others use it, so that a program that serves one message on a
 * connection is wrong in few cases only.
 */
export function briefly(protocol: StreamProtocol): StreamProtocol {
  const { answers, messages, converse } = protocol;
  const few = answers === "end" ? messages : messages.slice(0, 1);
  return { ...protocol, converse: (stage, manner) => converse(stage, manner, few) };
}

function plain({ converse }: StreamProtocol, footprints: Footprints): ServerCase {
  return {
    name: "plain",
    level: "must",
    sends: "What a correct client sends, in one write.",
    right: "Answers it exactly.",
    mistake: "The program does not speak the protocol",
    alone: true,
    async run(stage) {
      try {
        await converse(stage, inTurns);
      } catch (error) {
        throw error instanceof Wrong && error.by === "silence"
          ? new Wrong(error.evidence, { mistake: WAITS, by: "silence" })
          : error;
      }
      footprints.before = await stage.measure?.();
    },
  };
}

function inTurnsCase({ converse }: StreamProtocol): ServerCase {
  return {
    name: "in-turns",
    level: "must",
    sends: "Several messages on one connection, each after the answer to the one before.",
    right: "Answers each of them, until the client ends its side.",
    mistake: "A program that answers the first recv of a connection only does this",
    run: (stage) => converse(stage, inTurns),
  };
}

function byteByByteCase({ converse }: StreamProtocol): ServerCase {
  return {
    name: "byte-by-byte",
    level: "must",
    sends: "What a correct client sends, each byte in a write of its own.",
    right: "Reads on until a message is complete.",
    mistake: "A program that takes one recv for one message does this",
    run: (stage) => converse(stage, byteByByte),
  };
}

function twoAtOnce({ converse, framed }: StreamProtocol): ServerCase {
  return {
    name: "two-at-once",
    level: "must",
    sends: "All messages in one write.",
    right: "Answers each of them.",
    mistake: "A program that takes one recv for one message drops or joins the others; one that reads one message " +
      "whenever select returns leaves the others in its buffer" +
      (framed === "lines"
        ? "; so does a file for reading and writing, which forgets what it has read when it writes"
        : ""),
    needs: ["in-turns"],
    run: (stage) => converse(stage, inOneWrite),
  };
}

function readsAcrossMessages({ converse }: StreamProtocol): ServerCase {
  return {
    name: "across-messages",
    level: "must",
    sends: "Writes that each hold the end of one message and the start of the next.",
    right: "Keeps the start until the rest comes.",
    mistake: "A program that drops what it has read beyond a message, or takes one recv for one message, does this",
    needs: ["in-turns"],
    run: (stage) => converse(stage, acrossMessages),
  };
}

function halfClose({ framing, framed, messages, long, answer }: StreamProtocol): ServerCase {
  return {
    name: "half-close",
    level: "must",
    sends: "All messages, then the end of the client's side, before an answer is read.",
    right: "Answers all of them, then ends its side.",
    mistake: "A loop that stops at the first recv, or a program that closes at the client's end, does this",
    needs: ["in-turns", "two-at-once"],
    async run(stage) {
      // A program may limit the length of messages.
      const sent = framed === undefined && long !== undefined ? [...messages, long] : messages;
      using peer = await stage.connect();
      await peer.send(join(sent.map((message) => framing.encode(message))));
      peer.finish();
      await pause(50);
      await peer.expect(join(sent.map((message) => framing.encode(answer(message)))));
      await peer.expectEnd();
    },
  };
}

function end({ converse }: StreamProtocol): ServerCase {
  return {
    name: "end",
    level: "must",
    sends: "The messages of a correct client.",
    right: "Ends its side after the last byte, and closes.",
    mistake: "A program that sends more than the protocol says, or does not close, does this",
    async run(stage) {
      const peer = await stage.connect();
      peer.isKept = true;
      try {
        await converse({ connect: () => Promise.resolve(peer), patience: stage.patience }, inTurns);
        await peer.expectEnd();
      } finally {
        peer.close();
      }
    },
  };
}

function longMessage(protocol: StreamProtocol, limit: Limit): ServerCase {
  const { long } = protocol;
  return {
    name: "long-message",
    level: "must",
    sends: `A message of ${plural(protocol.framing.encode(long).length, "byte")}.`,
    right: "Reads all of it and answers all of it.",
    mistake: "A program that takes one recv, such as recv(1024), for a whole message does this",
    async run(stage) {
      if (protocol.framed !== undefined && protocol.answers === "each") {
        using peer = await stage.connect();
        await peer.send(protocol.framing.encode(long));
        limit.isRefused = await peer.read() === null;
      }
      if (limit.isRefused) throw new Unjudged(REFUSED);
      await protocol.converse(stage, inTurns, [long]);
    },
  };
}

function withoutReading({ framing, long, messages, answer }: StreamProtocol, limit: Limit): ServerCase {
  return {
    name: "without-reading",
    level: "must",
    sends: "Messages until the buffers are full, and the end of the client's side; only then reads all answers.",
    right: "Waits until it can send, sends every byte, and then ends its side.",
    mistake: "A send without a loop loses what the buffer did not take; sendall does not",
    alone: true,
    needs: ["in-turns", "byte-by-byte", "half-close"],
    async run(stage) {
      if (limit.isRefused) throw new Unjudged(REFUSED);
      using peer = await stage.connect();
      const message = long ?? messages[0];
      const sent = framing.encode(message);
      const answered = framing.encode(answer(message));
      await peer.sendUntilFull(sent, UNREAD, stage.patience.share(FULL), stage.patience.of(FILLING));
      peer.finish();
      for (let at = 0; at < peer.sent; at += sent.length) await peer.expect(answered, { mistake: DROPS_ANSWERS });
      await peer.expectEnd();
    },
  };
}

function neverReads(protocol: StreamProtocol, limit: Limit): ServerCase {
  const { framing, long, messages } = protocol;
  return {
    name: "never-reads",
    level: "must",
    sends: "Messages until the buffers are full, without ever reading, while another client talks.",
    right: "Serves the other one meanwhile.",
    mistake: "A program that waits in send for one client holds up all others",
    alone: true,
    tries: 2,
    needs: ["silent-beside"],
    run: (stage) =>
      beside(stage, protocol, "a client did not read its answers", async () => {
        if (limit.isRefused) throw new Unjudged(REFUSED);
        const peer = await stage.connect();
        await peer.sendUntilFull(
          framing.encode(long ?? messages[0]),
          UNREAD,
          stage.patience.share(FULL),
          stage.patience.of(FILLING),
        );
        return peer;
      }),
  };
}

function unread({ framing, long, messages }: StreamProtocol, limit: Limit): ServerCase {
  return {
    name: "unread",
    level: "should",
    sends: `Up to ${UNBOUNDED / 1024 / 1024} MiB of messages, without ever reading the answers.`,
    right: "Reads no more while its answers wait, or drops the client.",
    mistake: "Any stranger can fill the memory of a program that keeps answers without a limit",
    alone: true,
    needs: ["silent-beside"],
    async run(stage) {
      if (limit.isRefused) throw new Unjudged(REFUSED);
      const { patience } = stage;
      using peer = await stage.connect();
      const message = framing.encode(long ?? messages[0]);
      await peer.sendUntilFull(message, UNBOUNDED, patience.share(FULL), patience);
      if (peer.sent >= UNBOUNDED && !peer.isGone) {
        throw peer.wrong("you took all of it, although I read none of your answers");
      }
    },
  };
}

function scripted({ converse }: StreamProtocol, { chunks, ends = false, answers, then, ...words }: Script): ServerCase {
  return {
    ...words,
    async run(stage) {
      {
        using peer = await stage.connect();
        await peer.sendApart(chunks);
        if (ends) peer.finish();
        if (then !== "survives") await peer.expect(answers);
        if (then === "stays" || then === "stops") await peer.expectNoMore();
        if (then === "ends" || then === "refuses") await peer.expectEnd(then === "refuses");
      }
      if (then !== "stays") await stillServes(stage, converse, "afterwards");
    },
  };
}

function silentBeside(protocol: StreamProtocol): ServerCase {
  return {
    name: "silent-beside",
    level: "must",
    sends: "Nothing on one connection, while another client talks.",
    right: "Serves the other one meanwhile.",
    mistake: "A program that serves one client after another, or waits for one client in recv, holds up all others",
    alone: true,
    tries: 2,
    run: (stage) =>
      beside(
        stage,
        protocol,
        "a silent client was connected",
        () => stage.connect(),
        // Only a greeting, or what members say, is for a client that has asked for nothing.
        protocol.answers === "never" ? undefined : (peer) => peer.expectNoMore({ mistake: CONFUSES }),
      ),
  };
}

function stalledBeside(protocol: StreamProtocol): ServerCase {
  return {
    name: "stalled-beside",
    level: "must",
    sends: "Half of a message on one connection, and then nothing, while another client talks.",
    right: "Serves the other one meanwhile.",
    mistake: "A program that reads a whole message from one client before it looks at the others does this",
    alone: true,
    tries: 2,
    needs: ["silent-beside"],
    run: (stage) =>
      beside(stage, protocol, "a client was silent after half of a message", async () => {
        const peer = await stage.connect();
        await peer.sendApart([protocol.halfway]);
        return peer;
      }),
  };
}

/**
 * Checks that other clients are served while one is there, and when it has left. Only if its leaving helps does it hold them
 * up.
 */
async function beside(
  stage: ServerStage,
  { converse }: StreamProtocol,
  what: string,
  connect: () => Promise<Peer>,
  check?: (peer: Peer) => Promise<void>,
): Promise<void> {
  const brief = stage.patience.share(HELD_UP);
  using peer = await connect();
  const others = converse(stage.patient(2), inTurns).then(() => undefined, (error) => error);
  const isServed = await brief.allows(others);
  const confused = await check?.(peer).then(() => undefined, (error) => error);
  peer.close();
  const error = await others;
  if (confused !== undefined) throw confused;
  if (error !== undefined && !(error instanceof Wrong)) throw error;
  if (isServed && error !== undefined) {
    throw new Wrong(`While ${what}, another one was not served: ${error.evidence}`, { mistake: ONE_AT_A_TIME });
  }
  if (isServed) return await stillServes(stage, converse, `after this: ${what}, and has left`, EXPECTS_NO_LEAVING);
  const heldUp = `While ${what}, another one got no answer for ${brief.seconds}; when the first left`;
  if (error === undefined) throw new Wrong(`${heldUp}, it got one`, { by: "silence" });
  throw new Wrong(`${heldUp}, it was not served either: ${error.evidence}`, {
    mistake: "A program that serves one client after another, and ends when one leaves early, does this",
    by: "silence",
  });
}

function resetInside({ converse, halfway }: StreamProtocol): ServerCase {
  return {
    name: "reset",
    level: "must",
    sends: "Half of a message, and a reset; and a reset without a message.",
    right: "Drops that connection, and serves others.",
    mistake: "A program that does not expect recv to fail does this",
    alone: true,
    async run(stage) {
      for (const bytes of ["", halfway]) {
        const peer = await stage.connect();
        await peer.sendApart([bytes]);
        await peer.reset();
      }
      await stillServes(stage, converse, "after a client had reset its connection inside a message");
    },
  };
}

function resetAtGreeting({ converse }: StreamProtocol): ServerCase {
  return {
    name: "reset",
    level: "must",
    sends: "A reset at once, and a reset after the first bytes of the server.",
    right: "Drops that connection, and serves others.",
    mistake: "A program that does not expect send to fail does this",
    alone: true,
    needs: ["silent-beside"],
    async run(stage) {
      const first = await stage.connect();
      await first.reset();
      const second = await stage.connect();
      await second.read();
      await second.reset();
      await stillServes(stage, converse, "after a client had reset its connection");
    },
  };
}

function hundred({ converse, seats }: StreamProtocol): ServerCase {
  return {
    name: "hundred",
    level: "must",
    sends: `Messages on ${CROWD} connections that are open at once.`,
    right: "Serves all of them.",
    mistake: "A program that serves few clients at once leaves the others waiting",
    alone: true,
    needs: ["silent-beside"],
    async run(stage) {
      const peers: Peer[] = [];
      const began = performance.now();
      let connectedIn = 0;
      try {
        await connectMany(stage, (peer) => {
          peer.isKept = true;
          peers.push(peer);
        });
        connectedIn = performance.now() - began;
        const talk = (at: number) => {
          const seated = peers.slice(at * seats, (at + 1) * seats);
          const connect = () => Promise.resolve(seated.pop()!);
          return converse({ connect, patience: stage.patience }, inTurns);
        };
        const groups = Array.from({ length: Math.floor(CROWD / seats) }, (_, at) => at);
        if (seats === 1) await Promise.all(groups.map(talk));
        // All hear what each says: one group after another, as more at once would be a flood.
        else for (const at of groups.filter((at) => at % 5 === 0)) await talk(at);
      } catch (error) {
        if (!(error instanceof Wrong) || connectedIn < LONGEST_CONNECTING) throw error;
        const seconds = Math.round(connectedIn / 1000);
        throw new Unjudged(`Connecting took ${seconds} s, in which you may have closed clients for their silence`);
      } finally {
        for (const peer of peers) peer.close();
      }
    },
  };
}

function comeAndGo({ converse }: StreamProtocol): ServerCase {
  return {
    name: "come-and-go",
    level: "must",
    sends: `Nothing, on ${CROWD} connections that are closed at once, every other one by a reset.`,
    right: "Goes on serving.",
    mistake: "A program that expects every client to stay and to send something, or every call to succeed, does this",
    alone: true,
    needs: ["silent-beside"],
    async run(stage) {
      await connectMany(stage, (peer, number) => number % 2 === 0 ? peer.close() : peer.reset());
      await stillServes(stage, converse, `after ${CROWD} clients had come and gone`);
    },
  };
}

/** A stream that a program need not hold in memory. */
const streamed: ServerCase = {
  name: "endless",
  level: "should",
  sends: `${STREAMED / 1e6} MB before the end of the client's side.`,
  right: "Uses each chunk when it comes, and keeps none.",
  mistake: "Any stranger can fill the memory of a program that collects all of a stream first",
  alone: true,
  async run(stage) {
    const { measure } = stage;
    const before = (await measure?.())?.memory;
    if (measure === undefined || before === undefined) throw new Unjudged("It needs the process id of the program");
    using peer = await stage.connect();
    await peer.send(new Uint8Array(STREAMED));
    const grown = (await measure()).memory! - before;
    if (grown > STREAMED / 2) throw peer.wrong(`your memory grew by ${Math.round(grown / 1e6)} MB`);
  },
};

/**
 * Waits beside all other cases for the server to close a client that says nothing. A run is too short to tell a deadline of
 * a minute from none, so the server is wrong only if its user has said how long it may wait.
 */
const silent: ServerCase = {
  name: "silent",
  level: "should",
  sends: "Nothing, on a connection that stays open.",
  right: "Closes it after a while.",
  mistake: "Any stranger can use up the connections of a program that waits for silent clients for ever",
  background: true,
  needs: ["silent-beside"],
  async run(stage) {
    const { silence } = stage;
    using peer = await stage.connect();
    const began = performance.now();
    const ended = peer.endsWithin(stage.patience.of(silence === undefined ? Infinity : silence + LATE));
    const isOver = silence === undefined ? stage.othersDone.then(() => false) : ended;
    if (await Promise.race([ended, isOver])) return;
    const waited = `${Math.round((performance.now() - began) / 1000)} s`;
    if (silence !== undefined) throw new Wrong(`I said nothing for ${waited}, and you still hold the connection`);
    throw new Unjudged(
      `You held a silent client for ${waited}. If you never close it, any stranger can use up your connections; with ` +
        "--silence SECONDS the judge waits that long for you to close it",
    );
  },
};

function footprint(footprints: Footprints): ServerCase {
  return {
    name: "footprint",
    level: "should",
    sends: "Nothing more, after all clients have left.",
    right: "Has no more descriptors than after the first exchange, and hardly more memory.",
    mistake: "A program that keeps what clients leave behind grows until it cannot serve any more",
    alone: true,
    async run(stage) {
      if (stage.measure === undefined) throw new Unjudged("It needs the process id of the program");
      for (const until = performance.now() + stage.patience.milliseconds;; await pause(200)) {
        const now = await stage.measure();
        const { before } = footprints;
        const grown = (now.descriptors ?? 0) - (before?.descriptors ?? 0);
        const memory = (now.memory ?? 0) - (before?.memory ?? 0);
        if (grown <= MORE_DESCRIPTORS && memory <= MORE_MEMORY) return;
        if (performance.now() < until) continue;
        throw new Wrong(
          grown > MORE_DESCRIPTORS
            ? `You have ${now.descriptors} descriptors after all clients have left, and had ${before?.descriptors} before`
            : `Your memory has grown by ${Math.round(memory / 1e6)} MB, although all clients have left`,
        );
      }
    },
  };
}

function again({ converse }: StreamProtocol): ServerCase {
  return {
    name: "again",
    level: "must",
    sends: "The first exchange once more, after all other cases.",
    right: "Is still there, and answers as before.",
    mistake: "A program that serves one client and exits, or fails because of what clients left behind, does this",
    alone: true,
    run: (stage) => converse(stage, inTurns),
  };
}

/**
 * Connects often, with a pause after each connection: a client whom a short backlog has no room for tries again after a
 * second.
 */
async function connectMany(stage: ServerStage, then: (peer: Peer, number: number) => unknown): Promise<void> {
  let between = 2;
  for (let number = 0; number < CROWD; number++) {
    const began = performance.now();
    await then(await stage.connect(), number);
    if (performance.now() - began > 500) between *= 2;
    await pause(between);
  }
}

/** Checks that another client is still served. */
export async function stillServes(
  stage: ServerStage,
  converse: StreamProtocol["converse"],
  when: string,
  mistake?: string,
): Promise<void> {
  try {
    await converse(stage, inTurns);
  } catch (error) {
    if (error instanceof Wrong) throw new Wrong(`Another client is not served ${when}: ${error.evidence}`, { mistake });
    throw error;
  }
}
