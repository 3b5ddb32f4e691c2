import { assert, assertEquals } from "@std/assert";
import { ChatMember } from "../../scripts/shared/chat_member.ts";
import { type ServerProcess, until } from "../harness.ts";

/** A member of a chat that collects what the others say. */
export class Member implements AsyncDisposable {
  /** What it has received: `name text`. */
  readonly heard: string[];
  readonly #member: ChatMember;

  private constructor(member: ChatMember, heard: string[]) {
    this.#member = member;
    this.heard = heard;
  }

  /** Connects, and waits until the server knows the name. */
  static async join(server: ServerProcess, name: string): Promise<Member> {
    const heard: string[] = [];
    const member = await ChatMember.join(server.port, name, (from, text) => heard.push(`${from} ${text}`));
    await server.logged(new RegExp(`"${name}" joined`));
    return new Member(member, heard);
  }

  get name(): string {
    return this.#member.name;
  }

  /** Number of messages said. */
  get said(): number {
    return this.#member.said;
  }

  /** Why it hears no more; `undefined` while it is connected. */
  get ended(): unknown {
    return this.#member.ended;
  }

  /** Says a text. Resolves when the operating system has taken it. */
  say(text: string): Promise<void> {
    return this.#member.say(text);
  }

  /** Says numbered texts of a length, `pause` milliseconds apart, until the signal aborts or the connection ends. */
  talk(stop: AbortSignal, pause: number, length?: number): Promise<void> {
    return this.#member.talk(stop, pause, length);
  }

  /** Waits until it has received so many messages. A cluster of NATS may take 15 s to elect a leader. */
  async hears(count: number): Promise<void> {
    const hears = () => until(() => this.heard.length >= count, () => `${count} messages, got ${this.heard.length}`);
    await hears().catch(hears);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#member[Symbol.asyncDispose]();
  }
}

type Talker = Pick<Member, "name" | "said">;

/** Checks that each listener got every message of each talker once, in the order in which it was said. */
export async function assertAllHeard(listeners: Member[], talkers: Talker[]): Promise<void> {
  const count = talkers.reduce((sum, { said }) => sum + said, 0);
  for (const listener of listeners) await listener.hears(count);
  for (const listener of listeners) assertHeard(listener, talkers);
  for (const listener of listeners) assertEquals(orderOf(listener), orderOf(listeners[0]!), "one order for all");
}

function orderOf({ heard }: Member): string {
  return heard.map((line) => line.slice(0, 16)).join("\n");
}

function assertHeard({ name, heard }: Member, talkers: Talker[]): void {
  const next = new Map(talkers.map((talker) => [talker.name, 0]));
  for (const line of heard) {
    const [from, number] = line.split(/[ .]/) as [string, string];
    const expected = next.get(from);
    assert(Number(number) === expected, `${name} expected ${expected} of ${from}, got ${number}`);
    next.set(from, expected + 1);
  }
  for (const talker of talkers) {
    assertEquals(next.get(talker.name), talker.said, `messages of ${talker.name} at ${name}`);
  }
}
