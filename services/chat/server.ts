/**
 * Chat: forwards every message of a client to all other clients.
 *
 * @module
 */

import { choice, integer } from "../../lib/cli/mod.ts";
import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { decodeText, headedBatches } from "../../lib/framing/mod.ts";
import { Log, quoteText } from "../../lib/log/mod.ts";
import { Broadcast, type SlowPolicy, type Subscriber } from "../../lib/net/broadcast.ts";
import type { Connection } from "../../lib/net/connection.ts";
import { framed } from "../../lib/net/framed.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { DEFAULT_BROADCAST, SLOW_POLICIES } from "../../lib/net/broadcast.ts";
import { checkName, HEADER_LENGTH, PORT } from "./protocol.ts";

/** Options of {@linkcode serveChat}. */
export interface ServeChatOptions extends ServeTcpOptions {
  /**
   * The longest name or text accepted, in bytes.
   *
   * @default {1048576}
   */
  maxMessage?: number | undefined;
  /**
   * How to treat a member that reads slower than the others send.
   *
   * @default {"disconnect"}
   */
  slow?: SlowPolicy | undefined;
  /**
   * The most bytes a member may lag behind the others before that.
   *
   * @default {16777216}
   */
  maxLag?: number | undefined;
}

/**
 * Serves chat: a client's first message is its name; the server forwards each later message to all other clients, as two
 * messages, the name and the text. A member may listen without ever sending, so by default there is no idle timeout.
 *
 * @param options Where to listen, and limits; the default port is 1234.
 * @returns The running server.
 *
 * @example A correct peer to test against
 * ```ts
 * import { serveChat } from "@wirebench/wirebench/chat";
 * import { decimalHeader, text } from "@wirebench/wirebench/framing";
 * import { connectTcp, framed } from "@wirebench/wirebench/net";
 *
 * await using server = serveChat({ port: 0 });
 * using connection = await connectTcp({ port: server.addr.port });
 * const messages = framed(connection, text(decimalHeader()));
 * await messages.send("alice");
 * await messages.send("Hey");
 * ```
 */
export function serveChat(options: ServeChatOptions = {}): TcpServer {
  const log = options.log ?? new Log("Server");
  const framing = headedBatches({ maxLength: options.maxMessage });
  const room = new Broadcast({ slow: options.slow, maxLag: options.maxLag });

  return serveTcp(
    { ...options, port: options.port ?? PORT, idleTimeout: options.idleTimeout ?? Infinity, log },
    async (connection) => {
      let member: Member | undefined;
      try {
        for await (const { bytes, ends } of framed(connection, framing)) {
          let start = 0;
          for (const end of ends) {
            const message = bytes.subarray(start, end);
            start = end;
            if (member === undefined) member = new Member(room, connection, message, log);
            else member.forward(message);
            // Wait for members that lag before reading on.
            const ready = room.ready();
            if (ready !== undefined) await ready;
          }
        }
        await member?.leave();
      } finally {
        member?.[Symbol.dispose]();
      }
    },
  );
}

/** A connection that has sent its name. */
class Member implements Disposable {
  /** The name under its header: the first half of everything forwarded from this member. */
  readonly #name: Uint8Array;
  readonly #subscriber: Subscriber;
  readonly #log: Log;
  readonly #who: { name: string; peer: string };

  constructor(room: Broadcast, connection: Connection, message: Uint8Array, log: Log) {
    const name = decodeMessage(message);
    checkName(name);
    this.#name = new Uint8Array(message);
    this.#log = log;
    this.#who = { name: quoteText(name), peer: connection.remote };
    this.#subscriber = room.subscribe(connection, (dropped) => {
      const effect = dropped > 0 ? "{dropped} bytes dropped" : "the others wait";
      log.warn(`{name} at {peer} is too slow: ${effect}`, { ...this.#who, dropped });
    });
    log.info("{name} joined from {peer}", this.#who);
  }

  /** Forwards a message unchanged to all other members. */
  forward(message: Uint8Array): void {
    // Name and text in one write: the tutorial's client expects both in one read.
    this.#subscriber.publish([this.#name, message]);
    if (this.#log.showsMessages) this.#log.said(this.#who.peer, "Server", message.subarray(HEADER_LENGTH));
  }

  /** Waits until all messages of the others are written. */
  leave(): Promise<void> {
    return this.#subscriber.leave();
  }

  [Symbol.dispose](): void {
    this.#subscriber[Symbol.dispose]();
    this.#log.info("{name} left from {peer}", this.#who);
  }
}

/** Decodes the text of a message that includes its header. */
function decodeMessage(message: Uint8Array): string {
  return decodeText(message.subarray(HEADER_LENGTH));
}

const options = {
  slow: choice("How to treat a member that does not keep up", SLOW_POLICIES, DEFAULT_BROADCAST.slow),
  maxLag: integer(
    "BYTES",
    "Most bytes a member may lag behind the others, and most the room keeps",
    DEFAULT_BROADCAST.maxLag,
    { least: 1 },
  ),
};

if (import.meta.main) {
  runTcpServer({
    ...task("chat:server"),
    summary: "Forwards every message of a client to all other clients.",
    port: PORT,
    idleTimeout: Infinity,
    options,
  }, serveChat);
}
