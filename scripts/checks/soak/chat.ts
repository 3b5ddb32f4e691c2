// Correct members of a chat.

import { decodeText, encodeText, type HeadedBatch, headedBatches } from "../../../lib/framing/mod.ts";
import { writeAll } from "../../../lib/log/mod.ts";
import { framing, HEADER_LENGTH } from "../../../services/chat/protocol.ts";
import type { Random } from "../../../services/proxy/random.ts";
import { within } from "../../shared/within.ts";
import { below, connect, countAnswer, countLatency, drain, LostError, PAUSE, pause, type Tally } from "./client.ts";
import type { Endpoint } from "./endpoint.ts";

/** Number of members of a group. */
const MEMBERS = 3;
/** The prefix of their names. */
const PREFIX = encodeText("group ");

const { encode } = framing();

/**
 * Joins a few members, each of which sends a message in each round, and checks that each receives the others' messages
 * in order. Messages of other clients are skipped.
 *
 * @param rounds Number of rounds.
 * @param text Makes a message.
 */
export async function playGroup(
  endpoint: Endpoint,
  random: Random,
  tally: Tally,
  rounds: number,
  text: (random: Random) => string,
): Promise<void> {
  const names = Array.from({ length: MEMBERS }, (_, number) => `group ${below(1e9, random)} ${number}`);
  const texts = names.map(() => Array.from({ length: rounds + 1 }, () => text(random)));
  /** The time at which each member sent each of its messages. */
  const sentAt = names.map((): number[] => []);
  const members: Deno.Conn[] = [];
  try {
    await Promise.all(names.map(async () => members.push(await connect(endpoint, tally))));
    await Promise.all(members.map(async (socket, self) => {
      const reader = new Reader(socket, PREFIX);
      /** The number of the last message received from each of the others. */
      const received = new Map(names.filter((_, other) => other !== self).map((name) => [name, -1]));
      const send = (number: number) => {
        sentAt[self]![number] = performance.now();
        return writeAll(socket, encode(texts[self]![number]!));
      };
      await writeAll(socket, encode(names[self]!));
      // A member misses messages sent before it joined, but every member that joined before receives its first one. So
      // once a member has received a message from each of the others, it must miss nothing.
      await send(0);
      for (let round = 0; round <= rounds; round++) {
        if (round > 0) await send(round);
        while ([...received.values()].some((last) => last < round)) {
          const [name, text] = await reader.next();
          const last = received.get(name);
          if (last === undefined) continue;
          const sender = names.indexOf(name);
          const number = last === -1 && text === texts[sender]![0] ? 0 : Math.max(1, last + 1);
          const expected = texts[sender]![number];
          if (text !== expected) {
            const message = `Expected ${Deno.inspect(expected)} from ${name}, got ${Deno.inspect(text)}`;
            throw new LostError(text.length, message);
          }
          received.set(name, number);
          countLatency(performance.now() - sentAt[sender]![number]!, tally);
          countAnswer(encodeText(name + text), tally);
        }
        await pause(random() * PAUSE);
      }
    }));
    await Promise.all(members.map(async (socket) => {
      await socket.closeWrite();
      await drain(socket);
    }));
  } finally {
    for (const socket of members) socket.close();
  }
}

/** Reads the messages that a member receives. */
export class Reader {
  readonly #socket: Deno.Conn;
  readonly #prefix: Uint8Array;
  readonly #decoder = headedBatches().decoder();
  readonly #buffer = new Uint8Array(256 * 1024);
  #messages: Iterator<[name: string, text: string]> = Iterator.from([]);
  /** Whether the next payload is a text, and not a name. */
  #isText = false;
  /** The sender of the next text; `undefined` to skip it. */
  #name: string | undefined;

  /**
   * Makes a reader, which must be the connection's only one.
   *
   * @param socket The connection.
   * @param prefix Messages of senders whose names start otherwise are skipped.
   */
  constructor(socket: Deno.Conn, prefix = new Uint8Array()) {
    this.#socket = socket;
    this.#prefix = prefix;
  }

  /** Reads the sender and the text of the next message. */
  async next(): Promise<[name: string, text: string]> {
    for (;;) {
      const { value } = this.#messages.next();
      if (value !== undefined) return value;
      const count = await within(this.#socket.read(this.#buffer), "a chat message");
      if (count === null) throw new Error("The server ended the chat before all messages came");
      this.#messages = this.#messagesOf(this.#decoder.push(this.#buffer.subarray(0, count)));
    }
  }

  *#messagesOf(blocks: HeadedBatch[]): Generator<[name: string, text: string]> {
    for (const { bytes, ends } of blocks) {
      let start = 0;
      for (const end of ends) {
        const payload = start + HEADER_LENGTH;
        start = end;
        if (!this.#isText) {
          this.#name = this.#hasPrefix(bytes, payload) ? decodeText(bytes.subarray(payload, end)) : undefined;
        } else if (this.#name !== undefined) yield [this.#name, decodeText(bytes.subarray(payload, end))];
        this.#isText = !this.#isText;
      }
    }
  }

  /** Compares bytes, as decoding the names of millions of skipped messages would be too slow. */
  #hasPrefix(bytes: Uint8Array, start: number): boolean {
    const prefix = this.#prefix;
    for (let at = 0; at < prefix.length; at++) if (bytes[start + at] !== prefix[at]) return false;
    return true;
  }
}
