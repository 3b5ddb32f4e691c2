import { decimalHeader, encodeText } from "../../../lib/framing/mod.ts";
import { writeAll } from "../../../lib/log/mod.ts";
import { HEADER_LENGTH } from "../../../services/chat/protocol.ts";
import { WrongAnswer } from "./answers.ts";
import type { LoadSocket } from "./fair_socket.ts";
import type { ChatPlan, Flow } from "./plan.ts";
import type { Tally } from "./tally.ts";
import { Tape } from "./tape.ts";
import { connect, fail } from "./tcp.ts";

/** The length of a name in bytes. Equal lengths of names and texts make all messages equally long. */
const NAME = 8;
/** Number of digits at the end of a name. Those before them differ for each run, whose messages may still arrive. */
const DIGITS = 5;
/** How often to repeat a greeting, in milliseconds. */
const GREET_EVERY = 200;
/** How many bytes of a wrong message are shown. */
const SHOWN = 40;
/** The first byte of a greeting. */
const GREETS = 0x68;

const { encode } = decimalHeader();

/** What the members of a chat share: the messages to send and to receive, and who has received them. */
class Script {
  readonly sent: Tape;
  readonly hello: Uint8Array<ArrayBuffer>;
  readonly names: readonly Uint8Array<ArrayBuffer>[];
  /** The length of a message as the others receive it: the sender's name and the text. */
  readonly record: number;
  readonly talkers: number;
  readonly members: Member[] = [];
  /** The members that have joined, by index. */
  readonly joined = new Set([0]);
  /** Number of messages of all talkers that may be sent, and of their deliveries. */
  due = 0;
  delivered = 0;
  over = false;
  readonly #finished = Promise.withResolvers<void>();
  #finishing: Promise<void> | undefined;

  constructor({ size, inFlight, connections, talkers }: ChatPlan) {
    this.talkers = talkers;
    this.sent = new Tape(size, inFlight, "header");
    this.hello = encode(new Uint8Array(size).fill(GREETS));
    const letters = crypto.getRandomValues(new Uint8Array(NAME - DIGITS)).map((byte) => 0x61 + byte % 26);
    const run = String.fromCharCode(...letters);
    const nameOf = (index: number) => encode(encodeText(`${run}${String(index).padStart(DIGITS, "0")}`));
    this.names = Array.from({ length: connections }, (_, index) => nameOf(index));
    this.record = HEADER_LENGTH + NAME + this.sent.messageLength;
  }

  /** Number of deliveries that are missing. */
  get missing(): number {
    return this.due * (this.members.length - 1) - this.delivered;
  }

  /** Stops sending, and waits until all members have received all that was sent. */
  finish(timeout: number, tally: Tally): Promise<void> {
    return this.#finishing ??= this.#finish(timeout, tally);
  }

  async #finish(timeout: number, tally: Tally): Promise<void> {
    this.over = true;
    this.checkFinished();
    const timer = setTimeout(() => {
      tally.fail("not delivered in time", `${this.missing} messages were not delivered within ${timeout / 1000} s`);
      this.end();
    }, timeout);
    await this.#finished.promise;
    clearTimeout(timer);
    tally.lost = this.missing;
  }

  /** Ends the wait if all is delivered. */
  checkFinished(): void {
    if (this.over && this.missing === 0) this.end();
  }

  /** Ends the wait. */
  end(): void {
    this.#finished.resolve();
  }
}

/** A member. It checks the others' messages, and sends its next one when all others have received its last one. */
class Member implements Flow {
  answered = 0;
  readonly #index: number;
  readonly #plan: ChatPlan;
  readonly #script: Script;
  readonly #tally: Tally;
  readonly #socket: LoadSocket;
  readonly #buffer = new Uint8Array(256 * 1024);
  /** Number of bytes of a message that is incomplete. */
  #held = 0;
  /** The number of the next message of each talker. */
  readonly #next: number[];
  /** Number of messages that may be sent, that were, and deliveries of them; when each of the tape was last sent. */
  #goal = 0;
  #sent = 0;
  #deliveries = 0;
  readonly sentAt: Float64Array;
  #writing = false;
  #closed = false;

  constructor(index: number, socket: LoadSocket, plan: ChatPlan, script: Script, tally: Tally) {
    this.#index = index;
    this.#socket = socket;
    this.#plan = plan;
    this.#script = script;
    this.#tally = tally;
    this.#next = Array(script.talkers).fill(0);
    this.sentAt = new Float64Array(script.sent.messages);
    this.#read().catch((error) => this.#fail(error));
  }

  /** Says a name or a greeting. */
  say(message: Uint8Array): Promise<void> {
    return writeAll(this.#socket, message);
  }

  start(): void {
    if (this.#index < this.#script.talkers) this.allow(this.#plan.inFlight);
    this.send();
  }

  finish(): Promise<void> {
    return this.#script.finish(this.#plan.timeout, this.#tally);
  }

  close(): void {
    if (!this.#closed) this.#socket.close();
    this.#closed = true;
    this.#script.end();
  }

  /** Allows more messages. */
  allow(count: number): void {
    this.#goal += count;
    this.#script.due += count;
  }

  /** Counts a delivery of one of its messages. Returns whether it may send another. */
  delivered(): boolean {
    const script = this.#script;
    script.delivered++;
    if (++this.#deliveries % (script.members.length - 1) !== 0 || script.over) return false;
    this.allow(1);
    return true;
  }

  /** Sends the messages that may be sent, in few writes. */
  async send(): Promise<void> {
    if (this.#writing) return;
    this.#writing = true;
    const { sent } = this.#script;
    try {
      while (this.#sent < this.#goal && !this.#closed) {
        const at = this.#sent % sent.messages;
        const count = Math.min(this.#goal - this.#sent, sent.messages - at);
        const bytes = sent.bytes.subarray(at * sent.messageLength, (at + count) * sent.messageLength);
        this.sentAt.fill(performance.now(), at, at + count);
        this.#sent += count;
        this.#tally.sent += count;
        this.#tally.bytesSent += bytes.length;
        await writeAll(this.#socket, bytes);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#writing = false;
  }

  async #read(): Promise<void> {
    const { record } = this.#script;
    for (;;) {
      const length = await this.#socket.read(this.#buffer.subarray(this.#held));
      if (length === null) throw new Error("closed by the server");
      this.#tally.bytesReceived += length;
      const now = performance.now();
      const end = this.#held + length;
      const talkers = new Set<Member>();
      let at = 0;
      for (; end - at >= record; at += record) this.#take(this.#buffer.subarray(at, at + record), now, talkers);
      this.#buffer.copyWithin(0, at, end);
      this.#held = end - at;
      this.#script.checkFinished();
      for (const talker of talkers) talker.send();
    }
  }

  #take(message: Uint8Array, now: number, talkers: Set<Member>): void {
    const { sent, joined, members, names } = this.#script;
    const numberAt = HEADER_LENGTH + NAME - DIGITS;
    if (difference(message, names[0]!, numberAt) !== -1) return; // of another run
    let from = 0;
    for (let at = numberAt; at < HEADER_LENGTH + NAME; at++) from = from * 10 + message[at]! - 0x30;
    const text = message.subarray(HEADER_LENGTH + NAME);
    if (text[HEADER_LENGTH] === GREETS) {
      if (this.#index === 0) joined.add(from);
      return;
    }
    const number = this.#next[from];
    if (number === undefined) throw new WrongAnswer(`got a message of member ${from}, which sends none`);
    const expected = sent.message(number);
    if (difference(text, expected, text.length) !== -1) {
      const show = (message: Uint8Array) => {
        return JSON.stringify(new TextDecoder().decode(message.subarray(HEADER_LENGTH, HEADER_LENGTH + SHOWN)));
      };
      throw new WrongAnswer(
        `member ${this.#index} expected ${show(expected)} from member ${from}, got ${show(text)}`,
      );
    }
    this.#next[from] = (number + 1) % sent.messages;
    this.answered++;
    this.#tally.answered++;
    const talker = members[from]!;
    this.#tally.latency.add(now - talker.sentAt[number]!);
    if (talker.delivered()) talkers.add(talker);
  }

  #fail(error: unknown): void {
    if (!this.#closed) fail(this.#tally, error);
    this.close();
  }
}

/** The offset of the first difference, or -1. */
function difference(one: Uint8Array, other: Uint8Array, length: number): number {
  for (let at = 0; at < length; at++) if (one[at] !== other[at]) return at;
  return -1;
}

/** Opens the members of a chat, spread over its servers. They join one after the other. */
export async function openChat(plan: ChatPlan, tally: Tally, stop: AbortSignal): Promise<Flow[]> {
  const script = new Script(plan);
  const { servers } = plan;
  try {
    for (const index of script.names.keys()) {
      const socket = await connect({ ...plan, ...servers[index % servers.length] });
      const member = new Member(index, socket, plan, script, tally);
      script.members.push(member);
      await greet(member, index, plan, script, tally, stop);
      if (tally.errors.size > 0 || stop.aborted) break;
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    fail(tally, error);
  }
  if (tally.errors.size === 0 && !stop.aborted) return script.members;
  for (const member of script.members) member.close();
  return [];
}

/** Says the member's name, and greets the first member until it receives the greeting: both have joined then. */
async function greet(
  member: Member,
  index: number,
  { timeout }: ChatPlan,
  { joined, names, hello }: Script,
  tally: Tally,
  stop: AbortSignal,
): Promise<void> {
  await member.say(names[index]!);
  const until = performance.now() + timeout;
  while (!joined.has(index)) {
    if (performance.now() > until) {
      throw new Error(`member ${index} cannot reach the first: expected servers of one chat`);
    }
    // The first member may not have joined yet.
    await member.say(hello);
    const repeat = performance.now() + GREET_EVERY;
    while (!joined.has(index) && performance.now() < repeat) {
      if (tally.errors.size > 0 || stop.aborted) return;
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}
