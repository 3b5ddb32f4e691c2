// Members of a chat that check what they hear, for the demo, the soak and the tests.

import { writeAll } from "../../lib/log/mod.ts";
import { framing } from "../../services/chat/protocol.ts";

const messages = framing();

/** A member of a chat at 127.0.0.1. Disposing of it closes its connection. */
export class ChatMember implements AsyncDisposable {
  readonly name: string;
  /** Why it hears no more; `undefined` while it is connected. */
  ended: unknown;
  readonly #socket: Deno.TcpConn;
  readonly #onMessage: (from: string, text: string) => void;
  readonly #reading: Promise<void>;
  #said = 0;
  #closed = false;

  private constructor(name: string, socket: Deno.TcpConn, onMessage: (from: string, text: string) => void) {
    this.name = name;
    this.#socket = socket;
    this.#onMessage = onMessage;
    this.#reading = this.#read();
  }

  /** Joins. The server may not know the name yet. */
  static async join(
    port: number,
    name: string,
    onMessage: (from: string, text: string) => void = () => {},
  ): Promise<ChatMember> {
    const socket = await Deno.connect({ hostname: "127.0.0.1", port });
    socket.setNoDelay(true);
    await writeAll(socket, messages.encode(name));
    return new ChatMember(name, socket, onMessage);
  }

  /** Number of messages said. */
  get said(): number {
    return this.#said;
  }

  /** Says a text. Resolves when the operating system has taken it. */
  async say(text: string): Promise<void> {
    await writeAll(this.#socket, messages.encode(text));
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
      this.ended ??= error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) this.#socket.close();
    this.#closed = true;
    await this.#reading;
  }

  async #read(): Promise<void> {
    const decoder = messages.decoder();
    const buffer = new Uint8Array(256 * 1024);
    let from: string | undefined;
    try {
      for (let length; (length = await this.#socket.read(buffer)) !== null;) {
        for (const message of decoder.push(buffer.subarray(0, length))) {
          if (from !== undefined) this.#onMessage(from, message);
          from = from === undefined ? message : undefined;
        }
        if (decoder.failure !== undefined) throw decoder.failure;
      }
      this.ended ??= "the server ended";
    } catch (error) {
      this.ended ??= error;
    }
  }
}
