// A client of Redis (protocol RESP 2): pipelined commands, and subscriptions. Values are text in UTF-8 and
// integers up to 2^53; any others end the connection.
//
//     deno run --allow-net=127.0.0.1:6379 examples/resp.ts "SET visits 41" "INCR visits" "GET visits"
//     deno run --allow-net=127.0.0.1:6379 examples/resp.ts --subscribe news

import { CommandError, flag, printLine } from "@wirebench/wirebench/cli";
import { customFraming, type DecodedFrame, encodeText, type Framing } from "@wirebench/wirebench/framing";
import { runClient } from "@wirebench/wirebench/launch";
import { type Connection, connectTcp, type ConnectTcpOptions, type Framed, framed } from "@wirebench/wirebench/net";

/** A reply of the server. An error inside an array is a value. */
export type Reply = string | number | null | RedisError | Reply[];

/** An error that the server replied. The connection stays usable. */
export class RedisError extends Error {
  /** The name of the class. */
  override name = "RedisError";
}

const CR = 0x0d;
const LF = 0x0a;
/** Maximum depth of nested arrays. Redis replies to commands with three at most. */
const DEEPEST = 8;

/** Replies in, commands out. Items of incomplete arrays are kept in `state`, so no byte is decoded twice. */
export const resp: Framing<Reply, string[]> = customFraming({
  maxLength: 16 * 1024 * 1024,
  state: (): { items: Reply[]; length: number }[] => [],
  encode: (words: string[]) => encodeText(`*${words.length}\r\n${words.map(bulk).join("")}`),
  decode(bytes, start, end, { state: arrays, indexOf, integer, text, malformed }): DecodedFrame<Reply> | number {
    const line = indexOf(CR, start);
    if (line === -1 || line + 2 > end) return 1;
    if (bytes[line + 1] !== LF) throw malformed("a line feed after a carriage return", line + 1);
    let next = line + 2;
    let message: Reply = null;
    const type = String.fromCharCode(bytes[start]!);
    if (type === "+") message = text(start + 1, line);
    else if (type === "-") message = new RedisError(text(start + 1, line));
    else if (type === ":") message = integer(start + 1, line);
    else if (type === "$" || type === "*") {
      const length = integer(start + 1, line);
      if (length < -1) throw malformed("a length of -1 or more", start + 1, line);
      if (type === "*" && length > 0) {
        if (arrays.length === DEEPEST) throw malformed(`at most ${DEEPEST} levels of arrays`, start);
        arrays.push({ items: [], length });
        return { end: next };
      }
      if (type === "*" && length === 0) message = [];
      if (type === "$" && length >= 0) {
        next += length + 2;
        if (next > end) return next - end;
        if (bytes[next - 2] !== CR || bytes[next - 1] !== LF) throw malformed("\\r\\n", next - 2, next);
        message = text(line + 2, next - 2);
      }
    } else throw malformed("+, -, :, $ or *", start);
    for (let array; (array = arrays.at(-1)) !== undefined; message = array.items) {
      if (array.items.push(message) < array.length) return { end: next };
      arrays.pop();
    }
    return { message, end: next };
  },
});

function bulk(word: string): string {
  return `$${encodeText(word).length}\r\n${word}\r\n`;
}

/** Options of {@linkcode Redis.connect}. */
export interface RedisOptions {
  /** Time to wait for each reply, in milliseconds; 10 seconds by default. */
  timeout?: number;
  /** Makes the connection a subscriber, which takes messages and may send only SUBSCRIBE, UNSUBSCRIBE and PING. */
  onMessage?: (channel: string, message: string) => void | Promise<void>;
}

/** A connection to Redis. */
export class Redis implements AsyncDisposable {
  /** The connection underneath. */
  readonly connection: Connection;
  readonly #replies: Framed<Reply, string[]>;
  readonly #timeout: number;

  private constructor(connection: Connection, { timeout = 10_000, onMessage }: RedisOptions) {
    this.connection = connection;
    this.#timeout = timeout;
    this.#replies = framed(
      connection,
      resp,
      onMessage && {
        isPush: (reply) => Array.isArray(reply) && reply[0] === "message",
        onPush: (reply) => onMessage(String((reply as Reply[])[1]), String((reply as Reply[])[2])),
      },
    );
  }

  /** Connects, as connectTcp does. */
  static async connect(target: ConnectTcpOptions, options: RedisOptions = {}): Promise<Redis> {
    // A subscriber waits for messages as long as it takes.
    const forever = { idleTimeout: Infinity, firstMessageTimeout: Infinity };
    return new Redis(await connectTcp({ ...target, ...(options.onMessage && forever) }), options);
  }

  /** Sends a command. Commands sent without awaiting each are pipelined: they share a write and a round trip. */
  async command(...words: string[]): Promise<Reply> {
    const reply = await this.#replies.request(words, { timeout: this.#timeout });
    if (reply instanceof RedisError) throw reply;
    return reply;
  }

  /** Waits until the server ends the connection. Call it last. */
  async ended(): Promise<void> {
    await this.#replies.receive();
  }

  /** Finishes the connection. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.connection.finish();
  }
}

if (import.meta.main) {
  runClient({
    name: "resp",
    summary: "Sends commands to Redis as one pipeline and prints each reply, or prints the messages of channels.",
    port: 6379,
    operands: { usage: "COMMAND...", help: "The commands, each one argument", most: Infinity },
    options: { subscribe: flag("Subscribe to the operands, which are channels, and print messages until Ctrl-C") },
  }, async ({ values, operands, target, timeout, requests: { stop } }) => {
    const onMessage = (channel: string, message: string) => printLine(JSON.stringify({ channel, message }));
    await using redis = await Redis.connect(target, values.subscribe ? { timeout, onMessage } : { timeout });
    const commands = values.subscribe ? operands.map((channel) => ["SUBSCRIBE", channel]) : operands.map(split);
    const replies = commands.map((words) => redis.command(...words).catch(orRedisError));
    for (const reply of await Promise.all(replies)) {
      await printLine(JSON.stringify(reply, (_, value) => value instanceof RedisError ? value.message : value));
    }
    if (!values.subscribe) return;
    await redis.ended().catch((error) => {
      if (!stop.aborted) throw error; // Ctrl-C closes the connection.
    });
    if (!stop.aborted) throw new CommandError("The server ended the connection");
  });
}

function split(command: string): string[] {
  return command.split(" ").filter((word) => word !== "");
}

function orRedisError(error: unknown): RedisError {
  if (error instanceof RedisError) return error;
  throw error;
}
