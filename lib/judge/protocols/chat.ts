import { concat } from "@std/bytes/concat";
import { decimalHeader, encodeText, type Framing, text } from "../../framing/mod.ts";
import { type Case, Wrong } from "../case.ts";
import { ENDLESS_HEADED, MALFORMED_HEADER, NOT_UTF8_HEADED } from "../client_parts.ts";
import { type ClientStage, NAME } from "../client_stage.ts";
import { type Conversation, excerpt } from "../conversation.ts";
import { inTurns, type Manner } from "../manner.ts";
import { pause } from "../patience.ts";
import { type Peer, quote } from "../peer.ts";
import type { StreamProtocol } from "../protocol.ts";
import type { Connector } from "../stage.ts";

const framing: Framing<string> = text(decimalHeader());
const HEADER = 10;
/** When members that meet call each other again, in milliseconds; each time twice as long. */
const CALL_AGAIN = 50;
/** The longest message that the judge reads, in bytes. */
const LONGEST = 1024 * 1024;
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
    messages: ["hello", "", "Grüße aus Köln, 😀"],
    long: "long ".repeat(2000),
    answers: "never",
    answer: (message) => message,
    seats: 2,
    halfway: "12",
    converse,
    scripts: [],
    cases: [],
    clients: [],
    client: {
      input: [NAME],
      ends: false,
      knowsEnd: true,
      unfinished: "A header counts bytes, not characters: take the length of the encoded text, and pad it to ten bytes",
      escape: concat([BOB, "\x1b[2J\x1b[31mHello!"].map((text) => framing.encode(text))),
      notUtf8: concat([framing.encode(BOB), NOT_UTF8_HEADED]),
      malformed: MALFORMED_HEADER,
      endless: ENDLESS_HEADED,
      serve: pushToMember,
      cases: [asItArrives],
    },
  };
}

/** Who speaks to a client that is judged. */
const BOB = "bob";
/** What such a client hears, and what its user types. */
const HEARD = ["I was here first", "Can you hear me?"];
const TYPED = ["hello", "grüße an alle", "and once more"];
/** How long a client may take to show a message until its user types something, as a share of the patience. */
const NUDGE_AFTER = 0.15;

/** Plays the server of a member: its user and another member say something. */
async function pushToMember(conversation: Conversation): Promise<void> {
  const { program, patience, peer } = conversation;
  const lines = TYPED.values();
  const said: string[] = [];
  const messages = conversation.messages();
  const next = async () => {
    while (said.length === 0) {
      const { value, done } = await messages.next();
      if (done) throw new Wrong(`You sent ${peer.heard}, and left the chat`);
      said.push(...value as string[]);
    }
    return said.shift()!;
  };
  const type = async () => {
    const { value: line } = lines.next();
    if (line === undefined) return;
    await program.type(line);
    let got = await next();
    // A client whose name is on its command line says the name that was typed.
    if (got === NAME) got = await next();
    if (got.trim() !== line) throw new Wrong(`I typed ${excerpt(line)}; you sent ${excerpt(got)} (${peer.heard})`);
  };
  const name = await next();
  if (name.trim() === "") throw new Wrong("Your name is empty", { mistake: "A client joins with its name" });
  await type();
  const rounds = conversation.together ? [HEARD] : HEARD.map((text) => [text]);
  for (const texts of rounds) {
    await conversation.send(texts.flatMap((text) => [BOB, text]));
    if (await program.shows(texts.at(-1)!, patience.share(NUDGE_AFTER)) || program.ended) continue;
    await type();
    conversation.nudged = await program.shows(texts.at(-1)!, patience.share(NUDGE_AFTER));
  }
}

const asItArrives: Case<ClientStage> = {
  name: "as-it-arrives",
  level: "must",
  sends: "What others say, while the user types nothing.",
  right: "Prints it as soon as it has come.",
  mistake: "A client that waits in input() looks at its socket only after Enter",
  async run(stage) {
    const run = await stage.control();
    if (run.nudged) throw new Wrong("I sent you what others said; you printed it only after a line had been typed");
  },
};

let joined = 0;

/** Two members meet; each hears what the other says, and nothing else. */
async function converse(
  stage: Connector,
  manner: Manner,
  messages: readonly string[] = chat().messages,
): Promise<void> {
  using ann = await Member.join(stage, "ann", manner);
  using ben = await Member.join(stage, "ben", manner);
  await meet(ann, ben);
  for (const [speaker, listener] of [[ann, ben], [ben, ann]] as const) {
    const rounds = manner.together ? [messages] : messages.map((message) => [message]);
    for (const said of rounds) {
      await Promise.all([speaker.says(said, manner), listener.hears(speaker, said)]);
    }
  }
}

/** Lets members call until each has heard the other, since the server does not tell who has joined. */
export async function meet(ann: Member, ben: Member): Promise<void> {
  let met = false;
  const hearing = Promise.all([ann.hearsCall(ben), ben.hearsCall(ann)]).finally(() => met = true);
  const calls = async () => {
    for (let wait = CALL_AGAIN; !met; wait *= 2) {
      await Promise.all([ann.says([CALL + ann.name]), ben.says([CALL + ben.name])]);
      await Promise.race([hearing, pause(wait)]);
    }
  };
  await Promise.all([hearing, calls()]);
}

/** A member of the chat. */
export class Member implements Disposable {
  readonly name: string;
  readonly peer: Peer;

  private constructor(name: string, peer: Peer) {
    this.name = name;
    this.peer = peer;
  }

  /** Connects, and sends a name that no other member has. */
  static async join(stage: Connector, name: string, manner: Manner = inTurns): Promise<Member> {
    const unique = `${name} ${++joined}`;
    const member = new Member(unique, await stage.connect(unique));
    await member.says([unique], manner);
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
        const [expected, received] = [text, got].map((text) => quote(encodeText(text)));
        throw this.peer.wrong(`you sent me another text of ${speaker.name}: expected ${expected}, got ${received}`);
      }
    }
  }

  /** Waits until it hears another member call. */
  async hearsCall(speaker: Member): Promise<void> {
    await this.#next(speaker, true);
  }

  close(): void {
    this.peer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #next(speaker: Member, call: boolean): Promise<string> {
    for (;;) {
      const name = await this.#message();
      const text = await this.#message();
      if (name === this.name) throw this.peer.wrong(`you sent me my own message ${quote(encodeText(text))}`);
      if (name === speaker.name && text.startsWith(CALL) === call) return text;
    }
  }

  /** Reads one message. */
  async #message(): Promise<string> {
    const header = await this.peer.receive(HEADER);
    const digits = new TextDecoder().decode(header);
    if (!/^\d{1,10} *$/.test(digits)) {
      throw this.peer.wrong(`expected a header of digits and spaces from you, got ${quote(header)}`);
    }
    if (Number(digits) > LONGEST) throw this.peer.wrong(`you announced a message of ${digits.trim()} bytes`);
    const payload = await this.peer.receive(Number(digits));
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
    } catch {
      throw new Wrong(`You sent bytes that are not UTF-8: ${quote(payload)}`);
    }
  }
}
