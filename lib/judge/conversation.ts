import { concat } from "@std/bytes/concat";
import { escapeBytes, plural } from "../log/mod.ts";
import { join } from "./stream.ts";
import { type Decoder, FramingError } from "../framing/mod.ts";
import { Wrong } from "./case.ts";
import type { ClientSide } from "./client_side.ts";
import { inTurns, type Manner } from "./manner.ts";
import { Patience, pause, Stalls } from "./patience.ts";
import { type Peer, quote } from "./peer.ts";
import type { Program } from "./program.ts";
import type { StreamProtocol } from "./protocol.ts";

/** Silence after which a client counts as waiting for an answer, in milliseconds. */
const QUIET = 200;
/** Shortest silence after which a client that ends counts as having given up, in milliseconds. */
const WAITED = 800;

/** Mistakes of clients that wait in vain. */
export const READS_TO_THE_END =
  "A client that reads to the end without ending its own side (shutdown) makes each wait for the other";
export const DROPS = "A client that drops the bytes after a message in the same recv does this";
export const NEEDS_SHUTDOWN =
  "The other side reads to the end, which only shutdown(SHUT_WR) sends while you wait for the answer";

/** What a correct server would send now. */
export interface Answer {
  /** All of its bytes. */
  readonly bytes: Uint8Array;
  /** All but the second half of the last message. */
  readonly half: Uint8Array;
  /** The texts of its messages. */
  readonly texts: readonly string[];
}

/** How the judge's server treats a client. The defaults are those of a correct server on a good network. */
export interface Treatment {
  /** How the answers are cut into writes. */
  readonly manner?: Manner;
  /** Whether the standard input of a client stays open, whose user may still type. */
  readonly keepsInput?: boolean;
  /** The wait before the first answer, in milliseconds. */
  readonly delay?: number;
  /** Replaces the first answer, and ends the conversation. */
  readonly instead?: (peer: Peer, answer: Answer, conversation: Conversation) => unknown;
}

/** The conversation has ended too early. */
class Over extends Error {}

/** One connection of a client with the judge's server. */
export class Conversation {
  /** The judge's end of the connection. */
  readonly peer: Peer;
  /** The client's process. */
  readonly program: Program;
  /** What the judge knows of the protocol's clients. */
  readonly side: ClientSide;
  /** How long the client may take for anything. */
  readonly patience: Patience;
  /** How the client is treated. */
  readonly treatment: Treatment;
  /** The texts of the messages that were sent whole. */
  readonly delivered: string[] = [];
  /** Whether the client left only after it had waited for more, or said its first words only after a long wait. */
  gaveUp: "" | "waited" | "hesitated" = "";
  /** Whether the client sends messages before it has the answers to earlier ones. */
  isAhead = false;
  /** Whether the client showed a message only after its user had typed something. */
  nudged = false;
  /** Whether the client had ended before its first answer was sent. */
  endedFirst = false;
  readonly #protocol: StreamProtocol;
  /** The bytes of messages that are not complete. */
  #bytes: Uint8Array = new Uint8Array();

  /** Makes the judge's server for a connection. */
  constructor(
    { peer, program, protocol, side, patience, treatment }: {
      peer: Peer;
      program: Program;
      protocol: StreamProtocol;
      side: ClientSide;
      patience: Patience;
      treatment: Treatment;
    },
  ) {
    this.peer = peer;
    this.program = program;
    this.side = side;
    this.patience = patience;
    this.treatment = treatment;
    this.#protocol = protocol;
  }

  /** Whether messages are sent together, and not one by one. */
  get together(): boolean {
    return this.treatment.manner?.together ?? false;
  }

  /**
   * Plays the server to the end of the conversation.
   *
   * @throws {Wrong} If the client sends anything that is not a message of the protocol.
   */
  async play(): Promise<void> {
    try {
      await (this.side.serve?.(this) ?? this.#serve());
      this.peer.finish();
    } catch (error) {
      if (!(error instanceof Over)) throw error;
    }
  }

  /**
   * Reads until the client ends its side.
   *
   * @throws {Wrong} If it sends more than the protocol allows.
   */
  async drain(): Promise<void> {
    const { answers, greeting, framing } = this.#protocol;
    const { peer } = this;
    try {
      while (await peer.read() !== null) { /* until the end */ }
    } catch (error) {
      if (!(error instanceof Wrong)) throw error; // It goes on, as its process tells.
    }
    const most = answers === "first"
      ? framing.encode(this.#protocol.messages[0]).length
      : greeting.length > 0
      ? 0
      : Infinity;
    if (peer.received > most) {
      const extra = plural(peer.received - most, "byte");
      throw new Wrong(`You sent ${peer.heard}: ${extra} too many`, { mistake: this.side.unfinished, stalled: 0 });
    }
  }

  /** The client's messages as they arrive: those of one read, or with `together` all until the client waits. */
  async *messages(): AsyncGenerator<unknown[], void, void> {
    const { framing } = this.#protocol;
    const decoder = framing.decoder();
    const { peer } = this;
    for (;;) {
      using stalls = new Stalls();
      const since = performance.now();
      const chunk = await this.#read(decoder.pending);
      const hesitated = performance.now() - since - stalls.milliseconds > WAITED;
      if (chunk === null) {
        const rest = this.#decode(() => decoder.end());
        // A client that waited and then left has given up.
        if (hesitated) this.gaveUp = "waited";
        if (hesitated && rest.length > 0) throw this.#unfinished();
        if (rest.length > 0) yield rest;
        return;
      }
      if (hesitated && peer.received === chunk.length) this.gaveUp = "hesitated";
      const messages = this.#push(decoder, chunk);
      while (this.together) {
        const more = await this.#readSoon();
        if (more === undefined || more === null) break;
        messages.push(...this.#push(decoder, more));
      }
      if (messages.length > 1) this.isAhead = true;
      if (messages.length > 0) yield messages;
    }
  }

  /** Sends messages, or what the case sends instead. */
  async send(messages: readonly unknown[]): Promise<void> {
    const { manner = inTurns, delay = 0, instead } = this.treatment;
    const { framing } = this.#protocol;
    const encoded = messages.map((message) => framing.encode(message));
    let end = 0;
    const ends = encoded.map(({ length }) => end += length);
    const bytes = join(encoded);
    if (instead !== undefined) {
      const middle = Math.ceil(((ends.at(-2) ?? 0) + end) / 2);
      await instead(this.peer, { bytes, half: bytes.subarray(0, middle), texts: messages.map(textOf) }, this);
      throw new Over();
    }
    if (delay > 0 && this.delivered.length === 0) await pause(delay);
    if (this.delivered.length === 0) this.endedFirst = this.program.ended;
    await manner.send(this.peer, bytes, ends);
    this.delivered.push(...messages.map(textOf));
  }

  /** Answers as the protocol says. */
  async #serve(): Promise<void> {
    const { greeting, answers, answer, framing } = this.#protocol;
    const { side: { rounds: most = Infinity, last } } = this;
    if (greeting.length > 0) await this.send(greeting);
    if (answers === "never") return;
    let rounds = 0;
    const all: Uint8Array[] = [];
    for await (const messages of this.messages()) {
      rounds += messages.length;
      if (answers === "end") {
        all.push(...messages.map((message) => framing.encode(message)));
        continue;
      }
      await this.send(messages.map(answer));
      if (answers === "first" || rounds >= most || messages.includes(last)) return;
    }
    if (rounds === 0 && answers !== "end") {
      throw new Wrong(`You connected and closed without sending anything`, {
        mistake: "What is written to a file object stays in its buffer until it is flushed",
      });
    }
    if (answers === "end") {
      await this.send([answer(join(all))]);
    }
  }

  /** Reads what the client sends next. */
  async #read(pending: boolean): Promise<Uint8Array | null> {
    try {
      return await this.peer.read();
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      throw pending ? this.#unfinished() : this.#waits(error);
    }
  }

  /** Reads what arrives soon; `undefined` if nothing does. */
  async #readSoon(): Promise<Uint8Array | null | undefined> {
    try {
      return await this.peer.read(new Patience(QUIET));
    } catch (error) {
      if (error instanceof Wrong) return undefined;
      throw error;
    }
  }

  /** Decodes a chunk. A header must be exactly as programs send it; a decoder accepts other forms too. */
  #push(decoder: Decoder<unknown>, chunk: Uint8Array): unknown[] {
    const messages = this.#decode(() => decoder.push(chunk));
    if (this.#protocol.framed !== "header") return messages;
    this.#bytes = concat([this.#bytes, chunk]);
    for (const expected of messages.map((message) => this.#protocol.framing.encode(message))) {
      const got = this.#bytes.subarray(0, expected.length);
      if (got.some((byte, at) => byte !== expected[at])) {
        throw new Wrong(`You sent ${quote(got)} in place of ${quote(expected)}`, {
          mistake: this.side.unfinished,
          stalled: 0,
        });
      }
      this.#bytes = this.#bytes.subarray(expected.length);
    }
    return messages;
  }

  /** Decodes what the client has sent. */
  #decode(decode: () => unknown[]): unknown[] {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      throw new Wrong(`You sent ${this.peer.heard}. That is no message of the protocol: ${error.message}`, {
        mistake: this.side.unfinished,
        stalled: 0,
      });
    }
  }

  /** Explains what an idle client probably waits for. */
  #waits(silence: Wrong): Wrong {
    const { peer, patience } = this;
    const { answers, framed } = this.#protocol;
    const waited = `for ${patience.seconds} more you neither sent anything nor ended your side`;
    if (peer.received === 0) return new Wrong(silence.evidence, { mistake: this.side.unfinished });
    if (answers === "end") return new Wrong(`You sent ${peer.heard}; ${waited}`, { mistake: NEEDS_SHUTDOWN });
    if (framed === undefined) return peer.wrong(waited, { mistake: READS_TO_THE_END });
    return this.isAhead ? peer.wrong(waited, { mistake: DROPS }) : silence;
  }

  #unfinished(): Wrong {
    return new Wrong(`You sent ${this.peer.heard}, and then waited`, { mistake: this.side.unfinished });
  }
}

/** The text of a message, as a client prints it. */
export function textOf(message: unknown): string {
  if (typeof message === "string") return message;
  if (message instanceof Uint8Array) return new TextDecoder().decode(message);
  return textOf((message as { body: Uint8Array }).body);
}

/** Quotes the end of what a program has written. */
export function excerpt(text: string, most = 60): string {
  const shown = escapeBytes(new TextEncoder().encode(text)).replaceAll('"', '\\"');
  return shown.length <= most ? `"${shown}"` : `"...${shown.slice(-most)}"`;
}
