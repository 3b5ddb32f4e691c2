import { CommandError } from "../../lib/cli/errors.ts";
import { DEFAULT_MAX_LENGTH } from "../../lib/framing/framing.ts";
import { Log, plural } from "../../lib/log/mod.ts";
import type { HostPort } from "../../lib/net/address.ts";
import { Broadcast, type Room, type RoomMember, type SlowPolicy, type Subscriber } from "../../lib/net/broadcast.ts";
import type { Connection } from "../../lib/net/connection.ts";
import { ConnectionError } from "../../lib/net/errors.ts";
import { sleep } from "../../lib/net/timer.ts";
import { BATCH_OVERHEAD, BatchReader } from "./_batch.ts";
import { History } from "./_history.ts";
import type { NatsTarget } from "./_nats_connection.ts";
import { type LogOptions, LogSession } from "./_nats_log.ts";
import { firstOf, targetOf } from "./_nats_open.ts";
import { checkRoom, DEFAULT_HISTORY_AGE, DEFAULT_HISTORY_BYTES, DEFAULT_ROOM } from "./_nats_options.ts";
import { Outbox } from "./_outbox.ts";
import { batches, Position } from "./_position.ts";

/** Length of a batch in bytes. At 64 KiB, small messages take 1.6 to 1.9 times as long. */
const BATCH_SIZE = 256 * 1024;
/** Upper bound of the bytes that a message needs beside its text: its id in NATS, the batch, the name, the headers. */
const MESSAGE_OVERHEAD = 512 + BATCH_OVERHEAD;
/** Time for which a leaving member waits for what others have said, in milliseconds. */
const LEAVE_WITHIN = 5000;
/** Time between two sessions, in milliseconds. */
const RETRY_AFTER = 250;

/** Options of `natsRoom`. */
export interface NatsRoomOptions {
  /** The servers: `nats://HOST:PORT`, or `tls://` to encrypt, more of them after commas; user and password before an @. */
  servers: string;
  /**
   * Name of the room: 1 to 64 letters, digits, `_` and `-`.
   *
   * @default {"lobby"}
   */
  room?: string | undefined;
  /**
   * Number of NATS servers that keep the room, 1 or 3; those of a room that exists must match.
   *
   * @default {1}
   */
  replicas?: number | undefined;
  /** The certificate authority that signs for the servers, in PEM. Encrypts. */
  ca?: string | undefined;
  /** Text of a NATS credentials file, `USER:PASSWORD`, or a token. */
  credentials?: string | undefined;
  /**
   * Number of messages that a new member gets first, at most 4 MiB of them.
   *
   * @default {0}
   */
  history?: number | undefined;
  /**
   * Age at which NATS removes messages, in milliseconds. A server that was away for longer has missed some.
   *
   * @default {3600000}
   */
  historyAge?: number | undefined;
  /**
   * Number of bytes of the room above which NATS removes the oldest messages.
   *
   * @default {268435456}
   */
  historyBytes?: number | undefined;
  /**
   * How to treat members that read slower than the others send; as for `Broadcast`.
   *
   * @default {"disconnect"}
   */
  slow?: SlowPolicy | undefined;
  /**
   * The most bytes a member may lag behind the others.
   *
   * @default {16777216}
   */
  maxLag?: number | undefined;
  /**
   * The longest text in bytes. NATS must accept it.
   *
   * @default {number} 1 MiB, or what NATS accepts if that is less
   */
  maxMessage?: number | undefined;
  /** The log; silent unless the program configures logging. */
  log?: Log | undefined;
}

/** How a room was closed. */
export interface NatsRoomReport {
  /** Number of messages that the log has not acknowledged. */
  lost: number;
  /** Number of batches that this server's members have missed, since the log no longer had them. */
  missed: number;
}

/**
 * A room that several chat servers share: a log in NATS JetStream. What members say is appended to it, and members get
 * everything from it, those of the same server too, so that the order is the same for all:
 *
 *     member -> Outbox -> batch -> log -> Position: is it new? -> Broadcast -> members of this server
 *
 * One session with NATS follows another: `#run`. Each appends what waits in the outbox, and follows the log from the
 * position on. It fails as a whole, whatever is wrong.
 */
export class NatsRoom implements Room, AsyncDisposable {
  /** The longest text that fits, in bytes. */
  readonly maxMessage: number;

  readonly #target: NatsTarget;
  readonly #options: LogOptions;
  readonly #log: Log;
  /** What members have said, and the log does not have yet. */
  readonly #outbox: Outbox;
  /** Where this server is in the log. */
  readonly #position = new Position((message, facts) => this.#log.warn(message, facts));
  /** What members here get. */
  readonly #local: Broadcast;
  readonly #history: History;

  readonly #members = new Map<number, Subscriber>();
  #lastMember = 0;
  /** Number of the last own batch that has come back from the log. */
  #lastHeard = 0;
  /** Members that leave once a batch has come back. */
  readonly #leaving = new Set<{ after: number; leave: () => void }>();

  #session: LogSession | undefined;
  #attempts = 0;
  /** Since when NATS is away, and what waited when it could be reached again. */
  #away: { since: number; waiting: string; bytes: number } | undefined;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #closed: Promise<NatsRoomReport> | undefined;
  #flushed: (() => void) | undefined;

  private constructor(target: NatsTarget, options: LogOptions, session: LogSession, given: NatsRoomOptions) {
    this.#target = target;
    this.#options = options;
    this.#session = session;
    this.#log = given.log ?? new Log("Server");
    this.#local = new Broadcast({ slow: given.slow, maxLag: given.maxLag });
    this.#history = new History(given.history ?? 0);
    const fits = session.maxPayload - MESSAGE_OVERHEAD;
    this.maxMessage = given.maxMessage ?? Math.min(DEFAULT_MAX_LENGTH, fits);
    if (this.maxMessage > fits || fits < 1) {
      const limit = plural(session.maxPayload, "byte");
      throw new CommandError(`NATS accepts at most ${limit}: expected --max-message ${fits}, got ${this.maxMessage}`);
    }
    this.#outbox = new Outbox(Math.min(BATCH_SIZE, fits));
  }

  /**
   * Opens a room, and creates it if there is none.
   *
   * @param given Where NATS is, and limits.
   * @returns The room, connected.
   * @throws {CommandError} If that is not possible. The message says why.
   */
  static async open(given: NatsRoomOptions): Promise<NatsRoom> {
    const target = targetOf(given);
    const options = {
      room: checkRoom(given.room ?? DEFAULT_ROOM),
      replicas: given.replicas,
      maxAge: given.historyAge ?? DEFAULT_HISTORY_AGE,
      maxBytes: given.historyBytes ?? DEFAULT_HISTORY_BYTES,
    };
    return await firstOf(target, (server) => NatsRoom.#openAt(server, target, options, given));
  }

  static async #openAt(
    server: HostPort,
    target: NatsTarget,
    options: LogOptions,
    given: NatsRoomOptions,
  ): Promise<NatsRoom> {
    const session = await LogSession.open(server, target, options);
    try {
      const room = new NatsRoom(target, options, session, given);
      await Promise.race([room.#start(session), session.failed]);
      room.#running = room.#run();
      return room;
    } catch (error) {
      session.close();
      throw session.explain(error);
    }
  }

  /** Begins to follow the log, at its end, and waits until the history has been read. */
  async #start(session: LogSession): Promise<void> {
    const from = this.#position.start(session.info, this.#history.maxCount);
    const { last_seq: last } = session.info.state;
    await session.checkAppend(this.#options.room);
    const read = Promise.withResolvers<void>();
    // The last messages may have been deleted, and others may follow all the time.
    const check = (pending: number) => (pending === 0 || this.#position.next > last) && read.resolve();
    check(await this.#follow(session, from, check));
    await read.promise;
    this.#position.open();
  }

  // Members

  subscribe(connection: Connection, onSlow?: (dropped: number) => void): RoomMember {
    const { bytes } = this.#history;
    if (bytes.length > 0) connection.write(bytes).catch(() => {});
    const id = ++this.#lastMember;
    const subscriber = this.#local.subscribe(connection, onSlow);
    this.#members.set(id, subscriber);
    return {
      publish: (chunks) => this.#outbox.add(id, chunks),
      leave: async () => {
        await this.#heardAll(connection.signal);
        await subscriber.leave();
      },
      [Symbol.dispose]: () => {
        subscriber[Symbol.dispose]();
        this.#members.delete(id);
        this.#checkFlushed();
      },
    };
  }

  ready(): Promise<void> | undefined {
    return this.#outbox.ready();
  }

  /** Waits until everything said on this server has come back from the log, for some seconds at most. */
  async #heardAll(signal: AbortSignal): Promise<void> {
    const after = this.#outbox.lastNumber;
    if (after <= this.#lastHeard) return;
    const { promise: heard, resolve: leave } = Promise.withResolvers<void>();
    const leaving = { after, leave };
    this.#leaving.add(leaving);
    await Promise.race([heard, sleep(LEAVE_WITHIN, signal)]);
    this.#leaving.delete(leaving);
  }

  // To the log and from it

  /** Appends batches while the session lasts, one at a time, so that a sender's messages stay in order. */
  async #appendAll(session: LogSession): Promise<void> {
    while (!session.hasFailed) {
      const batch = this.#outbox.next();
      if (batch === undefined) await this.#outbox.changed();
      else {
        await session.append(this.#options.room, batch.bytes);
        this.#appended(batch.number);
      }
    }
  }

  /** The log has a batch, as its answer says, or as it comes back. */
  #appended(number: number): void {
    if (!this.#outbox.remove(number)) return;
    this.#comeBack();
    this.#checkFlushed();
  }

  #follow(session: LogSession, from: number, onBatch: (pending: number) => void = () => {}): Promise<number> {
    const take = (sequence: number, bytes: Uint8Array, pending: number) => {
      this.#take(sequence, bytes);
      onBatch(pending);
    };
    return session.follow(from, take, () => this.#local.ready());
  }

  /** Publishes a batch of the log to the members here, unless they have it. */
  #take(sequence: number, bytes: Uint8Array): void {
    const isNew = this.#position.advance(sequence);
    let batch;
    try {
      batch = new BatchReader(bytes);
    } catch (error) {
      const why = error instanceof Error ? error.message : error;
      if (isNew) this.#log.warn("Message {sequence} of the log is not a batch: {why}", { sequence, why });
      return;
    }
    const { server, number } = batch;
    if (!this.#position.accept(batch)) return;
    if (this.#history.maxCount > 0) batch.forEach((message) => this.#history.add(message));
    if (server !== this.#outbox.server) return void this.#local.publish([batch.messages]);
    // A member does not hear itself.
    batch.forEachMember((member, messages) => (this.#members.get(member) ?? this.#local).publish([messages]));
    this.#lastHeard = number;
    this.#appended(number);
    for (const { after, leave } of this.#leaving) if (after <= number) leave();
  }

  // Sessions

  /** Keeps a session until the room is closed. */
  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const session = this.#session ??= await this.#reopen();
        this.#appendAll(session).catch(session.fail);
        await session.failed;
      } catch (error) {
        this.#goAway(error);
      }
      this.#session?.close();
      this.#outbox.wake(); // Ends the loop of that session.
      this.#session = undefined;
      await sleep(RETRY_AFTER, signal);
    }
  }

  async #reopen(): Promise<LogSession> {
    const { servers } = this.#target;
    const server = servers[this.#attempts++ % servers.length]!;
    const session = await LogSession.open(server, this.#target, this.#options, this.#stop.signal);
    try {
      const from = this.#position.resume(session.info);
      const { waiting, held: bytes } = this.#outbox;
      if (this.#away !== undefined) Object.assign(this.#away, { waiting: messages(waiting), bytes });
      await Promise.race([this.#follow(session, from), session.failed]);
      this.#comeBack();
      return session;
    } catch (error) {
      session.close();
      throw error;
    }
  }

  #goAway(error: unknown): void {
    if (this.#stop.signal.aborted || this.#away !== undefined) return;
    this.#away = { since: performance.now(), waiting: "", bytes: 0 };
    const why = error instanceof Error ? error.message : error;
    this.#log.warn("NATS is away: {why}. Members stay connected, and senders wait", { why });
  }

  /** Not before NATS has taken a batch that waited: a cluster without a majority can be reached, and takes none. */
  #comeBack(): void {
    if (this.#away === undefined || this.#outbox.isAppending) return;
    const { since, waiting, bytes } = this.#away;
    this.#away = undefined;
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    this.#log.info("NATS is back after {seconds} s: {waiting} ({bytes} bytes) waited", { seconds, waiting, bytes });
  }

  // The end

  /**
   * Closes the room: waits until all members have left and the log has what they said, then disconnects.
   *
   * @param timeout Time for that, in milliseconds.
   * @param signal Ends the wait when it aborts.
   * @returns What was lost. Every call returns the same report.
   */
  close(timeout: number = LEAVE_WITHIN, signal: AbortSignal = this.#stop.signal): Promise<NatsRoomReport> {
    return this.#closed ??= this.#close(timeout, signal);
  }

  /** Closes the room, as {@linkcode NatsRoom.close} does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeout: number, signal: AbortSignal): Promise<NatsRoomReport> {
    await new Promise<void>((resolve) => {
      this.#flushed = resolve;
      this.#checkFlushed();
      sleep(timeout, signal).then(resolve);
    });
    this.#stop.abort();
    this.#outbox.close(new ConnectionError("shutdown", "The server is shutting down"));
    for (const { leave } of this.#leaving) leave();
    this.#session?.close();
    await this.#running;
    const report = { lost: this.#outbox.waiting, missed: this.#position.missed };
    if (report.lost > 0) {
      this.#log.warn("{lost} may be lost: NATS has not acknowledged them", { lost: messages(report.lost) });
    }
    if (report.missed > 0) {
      this.#log.warn("Since the start, members here have missed {missed}", { missed: batches(report.missed) });
    }
    return report;
  }

  #checkFlushed(): void {
    if (this.#members.size === 0 && this.#outbox.held === 0) this.#flushed?.();
  }
}

function messages(count: number): string {
  return plural(count, "message");
}
