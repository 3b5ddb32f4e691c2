import { concat } from "@std/bytes/concat";
import { decimalHeader, encodeText, type Framing, text } from "../../framing/mod.ts";
import { type Case, Wrong } from "../case.ts";
import { asItArrives, chatEscape, chatNotUtf8, nameApart, pushToMember, TYPED } from "../cases/chat_client.ts";
import { ENDLESS_HEADED, MALFORMED_HEADER } from "../client_parts.ts";
import { NAME } from "../client_stage.ts";
import { inTurns, type Manner } from "../manner.ts";
import { Patience, pause } from "../patience.ts";
import { bytesOf, type Peer, quote, STRIPS } from "../peer.ts";
import type { Data, StreamProtocol } from "../protocol.ts";
import type { Connector, ServerStage } from "../stage.ts";

const framing: Framing<string> = text(decimalHeader());
const HEADER = 10;
/** When members that meet call again, in milliseconds; each wait is twice as long. */
const CALL_AGAIN = { first: 50, longest: 400 };
/** The longest message that the judge reads, in bytes. */
const LONGEST = 1024 * 1024;
/** How many bytes one member does not read: more than the buffers of a system hold. */
const UNREAD = 12e6;
/** How many long messages are sent at once at most. */
const BATCH = 16;
/** How long a stranger waits for being refused, as a share of the patience. */
const REFUSAL = 0.4;
/** The pause after a name, in milliseconds. */
const AFTER_NAME = 20;
/** The start of texts by which members find out who has joined. */
const CALL = "is anybody here? ";

/**
 * A client sends its name, then each message. The server sends each message to every other client: the sender's name and
 * the text, in one write. Closing leaves.
 */
export function chat(): StreamProtocol<string> {
  return {
    name: "chat",
    transport: "tcp",
    shows: "many clients, every message sent on to all the others",
    port: 1234,
    framing,
    framed: "header",
    greeting: [],
    messages: MESSAGES,
    long: LONG,
    answers: "never",
    ends: false,
    answer: (message) => message,
    seats: 2,
    lag: 0,
    halfway: "12",
    converse,
    scripts: [],
    cases: CASES,
    clients: [],
    client: {
      input: [NAME],
      typed: TYPED,
      ends: false,
      knowsEnd: true,
      unfinished:
        "Before each text goes its length in ten bytes, digits and then spaces. It counts the bytes of the encoded text, " +
        "not its characters",
      escape: chatEscape,
      notUtf8: chatNotUtf8,
      malformed: MALFORMED_HEADER,
      endless: ENDLESS_HEADED,
      serve: pushToMember,
      cases: [asItArrives, nameApart],
    },
  };
}

const MESSAGES = ["hello", "how are you?", "bye"];
const LONG = "long ".repeat(800);
/** Number of members so far, for their names. */
let joined = 0;
/** The names of all members that the judge has played. */
const names = new Set<string>();
const SENDS_BACK = "A program that sends a message to all members, also to the one that said it, does this";
const OTHER_NAME = "A program that keeps one name for all members, such as in a variable that they share, does this";
const ANNOUNCES = "A program that tells members who joins or leaves sends messages that no member has said";

/** Two members meet; each hears what the other says, and nothing else. */
async function converse(
  stage: Connector,
  manner: Manner,
  messages: readonly string[] = MESSAGES,
): Promise<void> {
  using ann = await Member.join(stage, "ann", manner);
  using ben = await Member.join(stage, "ben", manner);
  await meet(ann, ben);
  for (const [speaker, listener] of [[ann, ben], [ben, ann]] as const) {
    const rounds = manner.together ? [messages] : messages.map((message) => [message]);
    for (const said of rounds) {
      await speaker.peer.whileSending(speaker.says(said, manner), listener.hears(speaker, said));
    }
  }
}

/**
 * Lets new members call until each has heard the other, since the server does not tell who has joined. They have said
 * nothing else so far.
 */
export async function meet(ann: Member, ben: Member): Promise<void> {
  await callUntil([ann, ben], Promise.all([ann.hearsCall(ben, true), ben.hearsCall(ann, true)]));
}

async function callUntil(callers: readonly Member[], heard: Promise<unknown>): Promise<void> {
  let isHeard = false;
  const hearing = heard.finally(() => isHeard = true);
  const call = async () => {
    for (let wait = CALL_AGAIN.first; !isHeard; wait = Math.min(2 * wait, CALL_AGAIN.longest)) {
      await Promise.all(callers.map((caller) => caller.says([CALL + caller.name])));
      await new Patience(wait).allows(hearing);
    }
  };
  await Promise.all([hearing, call()]);
}

/** A member of the chat. */
export class Member implements Disposable {
  readonly name: string;
  readonly peer: Peer;
  /** The messages of others that it skipped, except calls. */
  readonly skipped: [name: string, text: string][] = [];

  private constructor(name: string, peer: Peer) {
    this.name = name;
    this.peer = peer;
  }

  /** Connects, and sends a name that no other member has. */
  static async join(stage: Connector, name: string, manner: Manner = inTurns): Promise<Member> {
    const unique = `${name} ${++joined}`;
    names.add(unique);
    const member = new Member(unique, await stage.connect(unique));
    await member.says([unique], manner);
    // A program that reads one message in each recv is wrong in the cases about that.
    if (!manner.together) await pause(AFTER_NAME);
    return member;
  }

  /** Sends texts. */
  async says(texts: readonly string[], manner: Manner = inTurns): Promise<void> {
    const messages = texts.map((text) => framing.encode(text));
    let end = 0;
    await manner.send(this.peer, concat(messages), messages.map(({ length }) => end += length));
  }

  /** Expects texts of another member, in order. Skips calls, and what strangers say. */
  async hears(speaker: Member, texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      const got = await this.#next(speaker, false);
      if (got !== text) {
        const you = `you sent me another text of ${speaker.name}: expected ${described(text)}, got ${described(got)}`;
        throw this.peer.wrong(you, { by: "bytes", ...(got === text.trim() && { mistake: STRIPS }) });
      }
    }
  }

  /** Lets another member call until it is heard here: the server does not tell who has joined. */
  async hearsCallOf(speaker: Member): Promise<void> {
    await callUntil([speaker], this.hearsCall(speaker));
  }

  /** Waits until it hears another member call, who may have said something before, unless `first`. */
  async hearsCall(speaker: Member, first = false): Promise<void> {
    await this.#next(speaker, true, first);
  }

  close(): void {
    this.peer.close();
  }

  [Symbol.dispose](): void {
    this.peer[Symbol.dispose]();
  }

  async #next(speaker: Member, call: boolean, first = false): Promise<string> {
    for (;;) {
      const name = await this.#message();
      const text = await this.#message();
      const isCall = text.startsWith(CALL);
      if (isCall && text !== CALL + name && names.has(name)) {
        throw this.peer.wrong(`you sent me the message ${described(text)} of ${name}`, {
          by: "bytes",
          mistake: OTHER_NAME,
        });
      }
      if (name === this.name) {
        throw this.peer.wrong(`you sent me my own message ${described(text)}`, { by: "bytes", mistake: SENDS_BACK });
      }
      const isOfSpeaker = name === speaker.name;
      if (isOfSpeaker && isCall === call) return text;
      if (isCall) continue;
      if (
        isOfSpeaker ? first : !names.has(name) && [this, speaker].some((one) => `${name} ${text}`.includes(one.name))
      ) {
        throw this.peer.wrong(`you sent me ${described(text)} of ${described(name)}, which nobody said`, {
          by: "bytes",
          mistake: ANNOUNCES,
        });
      }
      if (!isOfSpeaker) this.skipped.push([name, text]);
    }
  }

  /** Reads one message. */
  async #message(): Promise<string> {
    const header = await this.peer.receive(HEADER);
    const digits = new TextDecoder().decode(header);
    if (!/^\d{1,10} *$/.test(digits)) {
      throw this.peer.wrong(`expected a header of digits and spaces from you, got ${quote(header)}`, { by: "bytes" });
    }
    if (Number(digits) > LONGEST) throw this.peer.wrong(`you announced a message of ${digits.trim()} bytes`);
    const payload = await this.peer.receive(Number(digits));
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
    } catch {
      throw new Wrong(`You sent bytes that are not UTF-8: ${quote(payload)}`, { by: "bytes" });
    }
  }
}

function described(text: string): string {
  const bytes = encodeText(text);
  return `${quote(bytes)}${bytes.length > 40 ? ` (${bytes.length} bytes)` : ""}`;
}

/** Two members, who have met. */
async function pair(stage: Connector): Promise<Disposable & { ann: Member; ben: Member }> {
  const ann = await Member.join(stage, "ann");
  const ben = await Member.join(stage, "ben");
  await meet(ann, ben);
  return { ann, ben, [Symbol.dispose]: () => [ann, ben].forEach((member) => member.close()) };
}

/** A member says something, and the other must hear it. */
async function talk({ ann, ben }: { ann: Member; ben: Member }, text = "still here?"): Promise<void> {
  for (const [speaker, listener] of [[ann, ben], [ben, ann]] as const) {
    await speaker.says([text]);
    await listener.hears(speaker, [text]);
  }
}

/** A case in which a member says texts, and the other hears them. */
function says(
  words: Omit<Case<never>, "level" | "run">,
  texts: readonly string[],
  manner = inTurns,
): Case<ServerStage> {
  return { level: "must", ...words, run: (stage) => converse(stage, manner, texts) };
}

/** A case in which a stranger sends bytes that end its connection, and members notice nothing. */
function refuses(
  words: Omit<Case<never>, "run" | "right">,
  openings: readonly (Data | (() => Data))[],
  { ends = false } = {},
): Case<ServerStage> {
  return {
    ...words,
    right: "Ends that connection, and passes on nothing of it.",
    alone: true,
    async run(stage) {
      using members = await pair(stage);
      for (const opening of openings) {
        const bytes = typeof opening === "function" ? opening() : opening;
        using stranger = await stage.connect();
        await stranger.sendApart([bytes]);
        if (ends) stranger.finish();
        const isRefused = await stranger.endsWithin(stage.patience.share(REFUSAL));
        try {
          await talk(members);
        } catch (error) {
          if (!(error instanceof Wrong)) throw error;
          throw new Wrong(`${stranger.did}; then the members were not served: ${error.evidence}`, { level: "must" });
        }
        const [passedOn] = [...members.ann.skipped, ...members.ben.skipped].filter(([name]) => !names.has(name));
        if (passedOn !== undefined) {
          const [name, text] = passedOn.map((part) => quote(encodeText(part)));
          throw stranger.wrong(`you passed ${text} of ${name} on to the others`, { by: "bytes" });
        }
        if (!isRefused) throw stranger.wrong("you kept the connection open");
      }
    },
  };
}

function headed(payload: Data): Uint8Array {
  const bytes = bytesOf(payload);
  return concat([encodeText(`${bytes.length}`.padEnd(HEADER)), bytes]);
}

function afterName(bytes: Data): () => Data {
  return () => concat([headed(`eve ${++joined}`), bytesOf(bytes)]);
}

const CASES: readonly Case<ServerStage>[] = [
  {
    name: "one-write",
    level: "must",
    sends: "A short message, when nothing else is under way.",
    right: "Sends its name and its text to the others in one write.",
    mistake:
      "A program that sends name and text apart does this: a client that expects both in one read loses its place",
    alone: true,
    async run(stage) {
      using members = await pair(stage);
      const { ann, ben } = members;
      // Two writes may be read as one, so several are looked at.
      for (let round = 1; round <= 5; round++) {
        await talk(members);
        await ann.says(["alone"]);
        const first = await ben.peer.read();
        const name = headed(ann.name);
        if (first?.length === name.length) throw ben.peer.wrong("you sent me a name, and its text in another write");
        ben.peer.unread(first ?? new Uint8Array());
        await ben.hears(ann, ["alone"]);
      }
    },
  },
  says({
    name: "empty",
    sends: "An empty text between two others.",
    right: "Passes it on: a length of 0 is legal.",
    mistake: "A program that takes no bytes for the end of the stream does this",
  }, ["before", "", "after"]),
  says({
    name: "not-ascii",
    sends: "A text with letters that ASCII does not have.",
    right: "Counts bytes, not characters, and passes on UTF-8.",
    mistake: "A program that decodes ASCII, or whose headers count characters instead of bytes, does this",
  }, ["Grüße aus Köln", "after"]),
  says(
    {
      name: "character-cut",
      needs: ["not-ascii"],
      sends: "A text, cut inside a character of several bytes.",
      right: "Decodes a text when all of it is there.",
      mistake: "A program that decodes what one recv brings does this",
    },
    ["Grüße 😀"],
    { together: false, send: (peer, bytes) => peer.sendApart([bytes.subarray(0, -2), bytes.subarray(-2)]) },
  ),
  says({
    name: "control",
    sends: "A text with control characters.",
    right: "Passes it on unchanged: clients escape what they show.",
    mistake: "A program that changes texts does this",
  }, ["\x1b[2J\x07\0\n", "after"]),
  {
    name: "leave",
    level: "must",
    sends: "Messages of two members, while others leave, by an end, by a reset, and inside a message.",
    right: "Goes on serving the others.",
    mistake:
      "A program that does not expect send or recv to fail loses the sender, or everybody, when a member has left",
    alone: true,
    async run(stage) {
      using members = await pair(stage);
      for (let round = 0; round < 6; round++) {
        const leaves = await Member.join(stage, "cleo");
        await leaves.hearsCallOf(members.ann);
        if (round % 3 === 2) await leaves.peer.sendApart(["12        inside"]);
        if (round % 2 === 0) await leaves.peer.reset();
        else leaves.close();
        await talk(members);
        await talk(members);
      }
    },
  },
  {
    name: "never-reads",
    level: "must",
    sends: "12 MB of messages, which one of three members does not read.",
    right: "Drops that member when its share of memory is used; the others notice nothing.",
    mistake: "A program that waits in send for one member holds up all others",
    alone: true,
    needs: ["silent-beside"],
    async run(stage) {
      using members = await pair(stage);
      const { ann, ben } = members;
      using deaf = await Member.join(stage, "deaf");
      await deaf.hearsCallOf(ann);
      // Few at first, so that the other one keeps up.
      let texts = [LONG];
      ben.peer.with(stage.patience.share(0.6));
      for (let sent = 0; sent < UNREAD; sent += texts.length * LONG.length) {
        try {
          await ann.peer.whileSending(ann.says(texts), ben.hears(ann, texts));
          if (texts.length < BATCH) texts = [...texts, LONG];
        } catch (error) {
          if (!(error instanceof Wrong && error.by === "silence")) throw error;
          deaf.close();
          const heard = await ben.peer.with(stage.patience).read().catch(() => null);
          const then = heard === null ? "nor when that one had left" : "until that one left";
          const seconds = stage.patience.share(0.6).seconds;
          throw new Wrong(
            `While a member did not read, another one got nothing for ${seconds} after ${ben.peer.received} bytes, ${then}`,
            { by: "silence" },
          );
        }
      }
    },
  },
  refuses({
    name: "wrong-header",
    level: "must",
    sends:
      "Headers that are not a length: letters, a negative number, nothing but spaces, in place of a name and after one.",
    mistake: "A program that gives any header to int fails, or believes it",
  }, ["abcdefghij", afterName("-5        "), "          ", afterName("GET / HTTP/1.1\r\n\r\n")]),
  refuses({
    name: "loose-header",
    level: "should",
    sends: "Headers that only int accepts: a sign, an underscore.",
    mistake: "A program that gives any header to int accepts what others refuse",
  }, [afterName("+5        hello"), afterName("1_0       hello, you")]),
  refuses({
    name: "too-long",
    level: "should",
    sends: "A header of ten gigabytes.",
    mistake: "A program without a limit collects what any stranger sends, until its memory is full",
  }, [afterName("9999999999 and so on")]),
  refuses(
    {
      name: "cut-off",
      level: "must",
      sends: "A message that announces more than comes before the end.",
      mistake: "A program that takes what it has for a message when the stream ends, or waits on, does this",
    },
    [afterName("12        hello")],
    { ends: true },
  ),
  refuses({
    name: "name",
    level: "must",
    sends: "Names that are empty, or hold control characters, and a text after each.",
    mistake: "A program that takes any name lets a stranger speak without a name, or steer the terminals of others",
  }, [
    concat([headed(""), headed("I have no name")]),
    concat([headed("eve\x1b[2J"), headed("I clear your screen")]),
    concat([headed("eve\nann"), headed("I am two lines")]),
  ]),
  refuses({
    name: "not-utf8",
    level: "must",
    sends: "A name and a text that are not UTF-8.",
    mistake: "A program that passes on any bytes breaks the clients that decode them",
  }, [
    concat([headed(Uint8Array.of(0xff, 0xfe)), headed("my name is no text")]),
    afterName(headed(Uint8Array.of(0xc3, 0x28))),
  ]),
];
