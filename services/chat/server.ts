/**
 * Chat: forwards every message of a client to all other clients.
 *
 * @module
 */

import { choice, CommandError, integer, type StopRequests } from "../../lib/cli/mod.ts";
import { runTcpServer } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { headedBatches } from "../../lib/framing/headed_batches.ts";
import { decodeText } from "../../lib/framing/text.ts";
import { Log, quoteText } from "../../lib/log/mod.ts";
import { Broadcast, type Room, type RoomMember, type SlowPolicy } from "../../lib/net/broadcast.ts";
import type { Connection } from "../../lib/net/connection.ts";
import { framed } from "../../lib/net/framed.ts";
import { serveTcp, type ServeTcpOptions, type TcpServer } from "../../lib/net/serve_tcp.ts";
import { DEFAULT_BROADCAST, SLOW_POLICIES } from "../../lib/net/broadcast.ts";
import { checkWithoutNats, natsOptions, type NatsValues, roomOptionsOf } from "./_nats/options.ts";
import type { NatsRoom, NatsRoomOptions, NatsRoomReport } from "./_nats/room.ts";
import { checkName, HEADER_LENGTH, PORT } from "./protocol.ts";

export type { NatsRoom, NatsRoomOptions, NatsRoomReport };

/** Time that a server over NATS lets connections finish and appends what they have said, in milliseconds. */
const DRAIN_TIMEOUT = 5000;

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
  /**
   * The room: one of this server in memory, or one that several servers share, from {@linkcode natsRoom}. `slow` and
   * `maxLag` are then those of the room. The server does not close it.
   *
   * @default {Broadcast}
   */
  room?: Room | undefined;
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
  const room = options.room ?? new Broadcast({ slow: options.slow, maxLag: options.maxLag });

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
            if (member === undefined) {
              member = new Member(room, connection, message, log);
              continue;
            }
            // Wait for members that lag.
            const ready = room.ready();
            if (ready !== undefined) await ready;
            member.forward(message);
          }
        }
        await member?.leave();
      } finally {
        member?.[Symbol.dispose]();
      }
    },
  );
}

/**
 * Opens a room that several chat servers share, for {@linkcode serveChat}: a log in NATS JetStream. What the log has
 * acknowledged reaches each member of each server once, and in the same order. While NATS is away, members stay
 * connected, and senders wait. The client of NATS is loaded by the first call.
 *
 * @param options Where NATS is, and limits.
 * @returns The room, connected. Close it after the server.
 * @throws {CommandError} If NATS is not there, refuses the room, or accepts no messages of `maxMessage` bytes.
 *
 * @example Two servers, one room
 * ```ts ignore
 * import { natsRoom, serveChat } from "@wirebench/wirebench/chat";
 *
 * await using room = await natsRoom({ servers: "nats://127.0.0.1:4222" });
 * await using server = serveChat({ port: 1234, room, maxMessage: room.maxMessage });
 * await using otherRoom = await natsRoom({ servers: "nats://127.0.0.1:4222" });
 * await using otherServer = serveChat({ port: 1235, room: otherRoom, maxMessage: otherRoom.maxMessage });
 * ```
 */
export async function natsRoom(options: NatsRoomOptions): Promise<NatsRoom> {
  const { NatsRoom } = await import("./_nats/room.ts");
  return await NatsRoom.open(options);
}

/** A connection that has sent its name. */
class Member implements Disposable {
  /** The name under its header: the first half of everything forwarded from this member. */
  readonly #name: Uint8Array;
  readonly #subscriber: RoomMember;
  readonly #log: Log;
  readonly #who: { name: string; peer: string };

  constructor(room: Room, connection: Connection, message: Uint8Array, log: Log) {
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

/** Serves a room over NATS. At the end, what members have said is appended to its log. */
async function serveOverNats(
  options: Omit<ServeChatOptions, "room"> & Partial<NatsValues>,
  { stop, stopNow }: StopRequests,
): Promise<TcpServer> {
  const room = await Promise.race([natsRoom(await roomOptionsOf(options)), interrupted(stop)]);
  try {
    const server = serveChat({ ...options, room, maxMessage: room.maxMessage });
    const drain = server.shutdown.bind(server);
    server.shutdown = async () => (await Promise.all([drain(), room.close(DRAIN_TIMEOUT, stopNow)]))[0];
    return server;
  } catch (error) {
    await room.close(0);
    throw error;
  }
}

/** Rejects at a request to stop. */
function interrupted(stop: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const giveUp = () => reject(new CommandError("Interrupted"));
    if (stop.aborted) giveUp();
    else stop.addEventListener("abort", giveUp);
  });
}

if (import.meta.main) {
  runTcpServer({
    ...task("chat:server"),
    summary: "Forwards every message of a client to all other clients.",
    port: PORT,
    idleTimeout: Infinity,
    options: { ...options, ...natsOptions },
  }, (options, requests) => {
    if (options.nats !== undefined) return serveOverNats(options, requests);
    checkWithoutNats(options);
    return serveChat({ ...options, room: undefined });
  });
}
