import { credsAuthenticator, tokenAuthenticator, usernamePasswordAuthenticator } from "@nats-io/nats-core/internal";
import type { Authenticator } from "@nats-io/nats-core/internal";
import { CommandError } from "../../lib/cli/errors.ts";
import { DEFAULT_MAX_LENGTH } from "../../lib/framing/framing.ts";
import { Log, plural } from "../../lib/log/mod.ts";
import { formatAddress, type HostPort } from "../../lib/net/address.ts";
import { Broadcast, type Room, type RoomMember, type SlowPolicy, type Subscriber } from "../../lib/net/broadcast.ts";
import type { Connection } from "../../lib/net/connection.ts";
import { ConnectionError } from "../../lib/net/errors.ts";
import { after, sleep } from "../../lib/net/timer.ts";
import { type Batch, BATCH_OVERHEAD, BatchReader, BatchWriter } from "./_batch.ts";
import { History } from "./_history.ts";
import { parseNatsAddress } from "./_nats_address.ts";
import { type NatsTarget, NobodyListens } from "./_nats_connection.ts";
import { type LogOptions, LogSession, Unavailable } from "./_nats_log.ts";
import { checkRoom, DEFAULT_HISTORY_AGE, DEFAULT_HISTORY_BYTES, DEFAULT_ROOM } from "./_nats_options.ts";
import { batches, Position } from "./_position.ts";

/** Length of a batch in bytes. At 64 KiB, small messages take 1.6 to 1.9 times as long. */
const BATCH_SIZE = 256 * 1024;
/** Number of bytes that may wait for the log. Senders then wait. */
const MAX_HELD = 1024 * 1024;
/** Upper bound of the bytes that a message needs beside its text: its id in NATS, the batch, the name, the headers. */
const MESSAGE_OVERHEAD = 512 + BATCH_OVERHEAD;
/** Time for which a leaving member waits for what others have said, in milliseconds. */
const LEAVE_WITHIN = 5000;
/** Time between two attempts to connect, in milliseconds. */
const RETRY_AFTER = 250;
/** Time in which JetStream must be available at the start, in milliseconds. A leader is elected within that time. */
const START_WITHIN = 15_000;

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
 * everything from it, those of the same server too, so that the order is the same for all.
 */
export class NatsRoom implements Room, AsyncDisposable {
  /** The longest text that fits, in bytes. */
  readonly maxMessage: number;

  readonly #target: NatsTarget;
  readonly #options: LogOptions;
  readonly #log: Log;
  readonly #local: Broadcast;
  /** Names this server in batches, and changes with each start. */
  readonly #server = crypto.getRandomValues(new BigUint64Array(1))[0]!;
  readonly #batchSize: number;
  readonly #history: History;

  readonly #members = new Map<number, Subscriber>();
  #lastMember = 0;

  /** What members have said: messages to come, complete batches, and the batch that is being appended. */
  #filling = new BatchWriter();
  #full: Batch[] = [];
  #inFlight: Batch | undefined;
  #lastNumber = 0;
  /** Number of bytes of complete batches. */
  #complete = 0;
  /** Number of the last own batch that has come back from the log. */
  #lastHeard = 0;
  #newMessage = Promise.withResolvers<void>();
  /** Senders that wait for space, and members that wait for messages said before they leave. */
  readonly #senders: PromiseWithResolvers<void>[] = [];
  readonly #leaving = new Set<{ after: number; leave: () => void }>();

  readonly #position = new Position((message, facts) => this.#log.warn(message, facts));

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
    this.#batchSize = Math.min(BATCH_SIZE, fits);
  }

  /**
   * Opens a room, and creates it if there is none.
   *
   * @param given Where NATS is, and limits.
   * @returns The room, connected.
   * @throws {CommandError} If that is not possible. The message says why.
   */
  static async open(given: NatsRoomOptions): Promise<NatsRoom> {
    const { tls, credentials, servers } = parseNatsAddress(given.servers);
    const authenticator = authenticatorOf(given.credentials ?? credentials);
    const trust = given.ca === undefined ? (tls ? {} : undefined) : { caCerts: [given.ca] };
    // Chat servers spread over the servers of NATS.
    const first = Math.floor(Math.random() * servers.length);
    const target = { servers: [...servers.slice(first), ...servers.slice(0, first)], tls: trust, authenticator };
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

  subscribe(connection: Connection, onSlow?: (dropped: number) => void): RoomMember {
    const { bytes } = this.#history;
    if (bytes.length > 0) connection.write(bytes).catch(() => {});
    const id = ++this.#lastMember;
    const subscriber = this.#local.subscribe(connection, onSlow);
    const forget = () => {
      this.#members.delete(id);
      this.#checkFlushed();
    };
    const publish = (chunks: readonly Uint8Array[]) => this.#append(id, chunks);
    this.#members.set(id, subscriber);
    return new NatsMember(subscriber, publish, () => this.#heardAll(connection.signal), forget);
  }

  ready(): Promise<void> | undefined {
    if (this.#held < MAX_HELD) return undefined;
    if (this.#stop.signal.aborted) return Promise.reject(stopping());
    const sender = Promise.withResolvers<void>();
    this.#senders.push(sender);
    return sender.promise;
  }

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
    for (const sender of this.#senders.splice(0)) sender.reject(stopping());
    for (const { leave } of this.#leaving) leave();
    this.#session?.close();
    await this.#running;
    const report = { lost: this.#waiting, missed: this.#position.missed };
    if (report.lost > 0) {
      this.#log.warn("{lost} may be lost: NATS has not acknowledged them", { lost: messages(report.lost) });
    }
    if (report.missed > 0) {
      this.#log.warn("Since the start, members here have missed {missed}", { missed: batches(report.missed) });
    }
    return report;
  }

  #checkFlushed(): void {
    if (this.#members.size === 0 && this.#held === 0) this.#flushed?.();
  }

  /** Number of bytes that wait for the log. */
  get #held(): number {
    return this.#complete + (this.#filling.count === 0 ? 0 : this.#filling.length);
  }

  /** Number of messages that wait for the log. */
  get #waiting(): number {
    return [this.#inFlight, ...this.#full, this.#filling].reduce((sum, batch) => sum + (batch?.count ?? 0), 0);
  }

  #append(member: number, chunks: readonly Uint8Array[]): void {
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    if (this.#filling.count > 0 && this.#filling.length + length + BATCH_OVERHEAD > this.#batchSize) {
      this.#completeBatch();
    }
    this.#filling.add(member, chunks);
    this.#newMessage.resolve();
  }

  #completeBatch(): void {
    const batch = this.#filling.finish(this.#server, ++this.#lastNumber);
    this.#filling = new BatchWriter(Math.min(2 * batch.bytes.length, this.#batchSize));
    this.#complete += batch.bytes.length;
    this.#full.push(batch);
  }

  /** Appends batches while the session lasts, one at a time, so that a sender's messages stay in order. */
  async #appendAll(session: LogSession): Promise<void> {
    while (!session.hasFailed) {
      if (this.#inFlight === undefined && this.#full.length === 0 && this.#filling.count > 0) this.#completeBatch();
      const batch = this.#inFlight ??= this.#full.shift();
      if (batch === undefined) {
        this.#newMessage = Promise.withResolvers();
        await this.#newMessage.promise;
        continue;
      }
      await session.append(this.#options.room, batch.bytes);
      this.#appended(batch);
    }
  }

  /** The log has a batch, as its answer says, or as it comes back. */
  #appended(batch: Batch): void {
    if (this.#inFlight !== batch) return;
    this.#inFlight = undefined;
    this.#complete -= batch.bytes.length;
    this.#comeBack();
    this.#checkFlushed();
    this.#releaseSenders();
  }

  async #releaseSenders(): Promise<void> {
    while (this.#held < MAX_HELD && this.#senders.length > 0) {
      this.#senders.shift()!.resolve();
      // The sender publishes before this goes on.
      await undefined;
    }
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
    if (!this.#position.accept(batch)) return;
    if (this.#history.maxCount > 0) batch.forEach((message) => this.#history.add(message));
    if (batch.server !== this.#server) return void this.#local.publish([batch.messages]);
    batch.forEachMember((member, messages) => (this.#members.get(member) ?? this.#local).publish([messages]));
    this.#lastHeard = batch.number;
    if (this.#inFlight?.number === batch.number) this.#appended(this.#inFlight);
    for (const { after, leave } of this.#leaving) if (after <= batch.number) leave();
  }

  /** Waits until everything said on this server has come back from the log, for some seconds at most. */
  async #heardAll(signal: AbortSignal): Promise<void> {
    const after = this.#lastNumber + Math.sign(this.#filling.count);
    if (after <= this.#lastHeard) return;
    const { promise: heard, resolve: leave } = Promise.withResolvers<void>();
    const leaving = { after, leave };
    this.#leaving.add(leaving);
    await Promise.race([heard, sleep(LEAVE_WITHIN, signal)]);
    this.#leaving.delete(leaving);
  }

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
      this.#newMessage.resolve(); // Ends the loop of that session.
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
      if (this.#away !== undefined) Object.assign(this.#away, { waiting: messages(this.#waiting), bytes: this.#held });
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
    if (this.#away === undefined || this.#inFlight !== undefined) return;
    const { since, waiting, bytes } = this.#away;
    this.#away = undefined;
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    this.#log.info("NATS is back after {seconds} s: {waiting} ({bytes} bytes) waited", { seconds, waiting, bytes });
  }
}

/** A member of a {@linkcode NatsRoom}. */
class NatsMember implements RoomMember {
  readonly publish: (chunks: readonly Uint8Array[]) => void;
  readonly #subscriber: RoomMember;
  readonly #heardAll: () => Promise<void>;
  readonly #forget: () => void;

  constructor(
    subscriber: RoomMember,
    publish: (chunks: readonly Uint8Array[]) => void,
    heardAll: () => Promise<void>,
    forget: () => void,
  ) {
    this.#subscriber = subscriber;
    this.publish = publish;
    this.#heardAll = heardAll;
    this.#forget = forget;
  }

  async leave(): Promise<void> {
    await this.#heardAll();
    await this.#subscriber.leave();
  }

  [Symbol.dispose](): void {
    this.#subscriber[Symbol.dispose]();
    this.#forget();
  }
}

function messages(count: number): string {
  return plural(count, "message");
}

function stopping(): ConnectionError {
  return new ConnectionError("shutdown", "The server is shutting down");
}

/** Calls a function with one server after the other until it succeeds. JetStream may be electing a leader. */
async function firstOf<Value>(target: NatsTarget, open: (server: HostPort) => Promise<Value>): Promise<Value> {
  const began = performance.now();
  for (;;) {
    const errors: unknown[] = [];
    for (const server of target.servers) {
      try {
        return await open(server);
      } catch (error) {
        errors.push(error);
      }
    }
    const isSoon = errors.some((error) => error instanceof Unavailable) && performance.now() - began < START_WITHIN;
    if (!isSoon) throw errors.find((error) => !(error instanceof NobodyListens)) ?? nobodyListens(target);
    await new Promise((resolve) => after(RETRY_AFTER, () => resolve(undefined)));
  }
}

function nobodyListens({ servers }: NatsTarget): CommandError {
  const addresses = servers.map(formatAddress).join(", ");
  return new CommandError(`No NATS server at ${addresses}: start one with nats-server -js, or check --nats`);
}

function authenticatorOf(credentials: string | undefined): Authenticator | undefined {
  if (credentials === undefined) return undefined;
  if (credentials.includes("-----BEGIN")) return credsAuthenticator(new TextEncoder().encode(credentials));
  const [user, password] = credentials.trim().split(/:(.*)/s);
  return password === undefined ? tokenAuthenticator(user!) : usernamePasswordAuthenticator(user!, password);
}
