import { assert, assertEquals } from "@std/assert";
import { decimalHeader, text } from "@wirebench/wirebench/framing";
import { headed, RawPeer, type ServerProcess, until, within } from "../harness.ts";

/** A member of a chat that collects what the others say. */
export class Member implements AsyncDisposable {
  readonly name: string;
  /** What it has received: `name text`. */
  readonly heard: string[] = [];
  /** Why it received no more; `undefined` while it is connected. */
  ended: unknown;
  readonly #peer: RawPeer;
  readonly #reading: Promise<void>;
  #said = 0;

  private constructor(name: string, peer: RawPeer) {
    this.name = name;
    this.#peer = peer;
    this.#reading = this.#read();
  }

  /** Connects, and waits until the server knows the name. */
  static async join(server: ServerProcess, name: string): Promise<Member> {
    const peer = await server.connect();
    await peer.send(headed(name));
    await server.logged(new RegExp(`"${name}" joined`));
    return new Member(name, peer);
  }

  /** Number of messages said. */
  get said(): number {
    return this.#said;
  }

  /** Says a text. Resolves when the operating system has taken it. */
  async say(text: string): Promise<void> {
    await this.#peer.send(headed(text));
    this.#said++;
  }

  /** Says numbered texts of a length, `pause` milliseconds apart, until the signal aborts or the connection ends. */
  async talk(stop: AbortSignal, pause: number, length = 10): Promise<void> {
    try {
      while (!stop.aborted) {
        await this.say(String(this.#said).padEnd(length, "."));
        if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
      }
    } catch (error) {
      this.ended = error;
    }
  }

  /** Waits until it has received so many messages. A cluster of NATS may take 15 s to elect a leader. */
  async hears(count: number): Promise<void> {
    const hears = () => until(() => this.heard.length >= count, () => `${count} messages, got ${this.heard.length}`);
    await hears().catch(hears);
  }

  /** Ends its side, and waits for the other. */
  async leave(): Promise<void> {
    await this.#peer.end();
    await within(this.#reading, `the end of ${this.name}`);
    this.#peer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer.close();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const decoder = text(decimalHeader()).decoder();
    const buffer = new Uint8Array(256 * 1024);
    let from: string | undefined;
    try {
      for (let length; (length = await this.#peer.socket.read(buffer)) !== null;) {
        for (const message of decoder.push(buffer.subarray(0, length))) {
          if (from === undefined) from = message;
          else {
            this.heard.push(`${from} ${message}`);
            from = undefined;
          }
        }
        if (decoder.failure !== undefined) throw decoder.failure;
      }
      this.ended = "the server ended";
    } catch (error) {
      this.ended = error;
    }
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
