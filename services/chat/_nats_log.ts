import { createInbox, type Msg, type NatsConnection, RequestError, TimeoutError } from "@nats-io/nats-core/internal";
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  DiscardPolicy,
  jetstream,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
  ReplayPolicy,
  StorageType,
  type StreamInfo,
} from "@nats-io/jetstream";
import { CommandError } from "../../lib/cli/errors.ts";
import { formatAddress, type HostPort } from "../../lib/net/address.ts";
import { connectNats, type NatsTarget } from "./_nats_connection.ts";

/** Time in which JetStream must answer a question, in milliseconds. A cluster without a leader does not answer. */
const ANSWER_WITHIN = 2000;
/** Time in which it must acknowledge a batch, in milliseconds. It may write to slow disks. */
const APPEND_WITHIN = 4000;
/** Interval of the heartbeats that a follower gets while nothing is appended, and the longest silence, in milliseconds. */
const HEARTBEAT = 1000;
const LONGEST_SILENCE = 2500;
const CHECK_EVERY = 500;
/** Interval at which a follower checks that it still follows the leader, in milliseconds. */
const LEADER_CHECKED_EVERY = 1000;
/** Number of attempts to get a consumer at the leader. Each succeeds at one of three nodes. */
const PLACEMENTS = 20;
/** Number of waiting batches after which a follower lets the event loop turn. */
const BATCHES_PER_TURN = 16;
/** Codes of errors of the API. */
const STREAM_EXISTS = 10058;
const WRONG_STREAM = 10060;
const UNAVAILABLE = 10008;
/** Status of messages that JetStream sends about a consumer, not from the log. */
const CONTROL = 100;

/** The log of one room. */
export interface LogOptions {
  /** Name of the room. */
  readonly room: string;
  /** Number of servers that keep it; `undefined` accepts any number, and creates it on one. */
  readonly replicas: number | undefined;
  /** Age at which a batch is removed, in milliseconds. */
  readonly maxAge: number;
  /** Size above which the oldest batches are removed, in bytes. */
  readonly maxBytes: number;
}

/** Takes a batch from the log. `pending` is the number of batches that follow it now. */
export type TakeBatch = (sequence: number, bytes: Uint8Array, pending: number) => void;

/** A connection to a log in JetStream. It fails as a whole; its user then opens another. */
export class LogSession {
  /** The log when it was opened. */
  readonly info: StreamInfo;
  /** Length of the longest batch and its id in bytes. */
  readonly maxPayload: number;
  /** Rejects when the session has failed or is closed. */
  readonly failed: Promise<never>;
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;
  /** Fails the session. */
  readonly fail: (error: Error) => void;
  /** Converts an error to one whose message says which server refused what. */
  readonly explain: (error: unknown) => unknown;
  #failed = false;
  #stopFollowing: () => void = () => {};

  private constructor(
    connection: NatsConnection,
    manager: JetStreamManager,
    info: StreamInfo,
    explain: (error: unknown) => unknown,
  ) {
    this.explain = explain;
    this.#connection = connection;
    this.#manager = manager;
    this.#client = jetstream(connection, { timeout: ANSWER_WITHIN });
    this.info = info;
    this.maxPayload = Math.min(connection.info!.max_payload, longestMessage(info));
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    promise.catch(() => {});
    this.fail = (error) => {
      this.#failed = true;
      reject(error);
    };
    connection.closed().then((error) => this.fail(error || new Error("the connection ended")));
  }

  /** Whether it has failed or is closed. */
  get hasFailed(): boolean {
    return this.#failed;
  }

  /**
   * Opens the log of a room, and creates it if there is none.
   *
   * @param server The server to connect to.
   * @param target The credentials and the kind of encryption.
   * @param options The log.
   * @param signal Closes the session when it aborts.
   * @returns The session.
   * @throws {CommandError} If that is not possible.
   */
  static async open(
    server: HostPort,
    target: NatsTarget,
    options: LogOptions,
    signal?: AbortSignal,
  ): Promise<LogSession> {
    const connection = await connectNats(server, target, `wirebench chat ${options.room}`, signal);
    const hasJetStream = connection.info?.jetstream === true;
    const explain = (error: unknown) => explainLog(error, { address: formatAddress(server), hasJetStream, ...options });
    try {
      const manager = await jetstreamManager(connection, { checkAPI: false, timeout: ANSWER_WITHIN });
      return new LogSession(connection, manager, await openStream(manager, options), explain);
    } catch (error) {
      connection.close().catch(() => {});
      throw explain(error);
    }
  }

  /**
   * Appends a batch.
   *
   * @param room Name of the room.
   * @param bytes The batch.
   * @returns Resolves when the log has it.
   */
  async append(room: string, bytes: Uint8Array): Promise<void> {
    try {
      await this.#client.publish(subjectOf(room), bytes, { timeout: APPEND_WITHIN });
    } catch (error) {
      // The end of the connection rejects this first, and says why later.
      await Promise.race([this.failed, nextTurn()]);
      throw this.explain(error);
    }
  }

  /** Checks that this client may append, without appending. */
  async checkAppend(room: string): Promise<void> {
    try {
      await this.#client.publish(subjectOf(room), new Uint8Array(), { expect: { streamName: "none" } });
    } catch (error) {
      if (codeOf(error) !== WRONG_STREAM) throw error;
    }
  }

  /**
   * Follows the log: takes every batch from a sequence on, in order. Fails the session on a gap, a lost consumer, silence,
   * or another leader.
   *
   * The library's ordered consumer receives nothing for up to 90 s after JetStream has lost it, so it is not used.
   *
   * @param from The first sequence to take.
   * @param take Takes a batch. An error that it throws fails the session.
   * @param ready Backpressure: a promise to await before the next batch, or `undefined`. JetStream sends at most some MiB
   * ahead of it.
   * @returns Number of batches that the log has from there on.
   */
  async follow(from: number, take: TakeBatch, ready: () => Promise<void> | undefined): Promise<number> {
    let received = 0;
    let heardAt = performance.now();
    let stopped = false;
    const steps = new Steps(ready, () => stopped || this.#failed, this.fail);
    const receive = (message: Msg) => {
      const { headers, reply = "", data } = message;
      const status = headers?.code ?? 0;
      if (status === 0) {
        const { stream, consumer, pending } = numbersOf(reply);
        if (consumer !== ++received) throw new Error(`expected message ${received}, got ${consumer}`);
        steps.add(() => take(stream, data, pending));
      } else if (status === CONTROL) {
        const last = headers!.get("Nats-Last-Consumer");
        if (last !== "" && Number(last) !== received) throw new Error(`expected ${last} messages, got ${received}`);
        // JetStream waits for this answer before it sends more.
        const flow = reply || headers!.get("Nats-Consumer-Stalled");
        if (flow !== "") steps.add(() => this.#connection.isClosed() || this.#connection.publish(flow));
      } else throw new Error(`JetStream ended the consumer: ${headers!.description}`);
    };

    const inbox = createInbox();
    const { num_pending: pending, cluster } = await this.#consumeAtLeader({
      deliver_subject: inbox,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: from,
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      flow_control: true,
      idle_heartbeat: nanoseconds(HEARTBEAT),
      mem_storage: true,
      num_replicas: 1,
    });
    if (this.#failed) return await this.failed;
    this.#connection.subscribe(inbox, {
      callback: (error, message) => {
        if (stopped || this.#failed) return;
        heardAt = performance.now();
        try {
          if (error !== null) throw error;
          receive(message);
        } catch (error) {
          this.fail(error as Error);
        }
      },
    });
    let checkedAt = heardAt = performance.now();
    const checking = setInterval(() => {
      const now = performance.now();
      // After a pause of this process, what arrived meanwhile is read first.
      if (now - checkedAt > 2 * CHECK_EVERY) heardAt = now;
      checkedAt = now;
      if (now - heardAt > LONGEST_SILENCE) this.fail(new Error(`silent for ${LONGEST_SILENCE} ms`));
    }, CHECK_EVERY);
    const stopWatching = this.#watchLeader(cluster?.leader);
    this.#stopFollowing = () => {
      stopped = true;
      clearInterval(checking);
      stopWatching();
    };
    return pending;
  }

  /**
   * Creates a consumer at the node that leads the log, which sends nothing before it has a subscriber.
   *
   * JetStream creates it at any node that has the log. But when a leader of NATS 2.9 stands still, comes back and finds
   * another leader, it keeps what it has received meanwhile, so the nodes then have the same batches in another order, or
   * not all of them, under the same sequences.
   */
  async #consumeAtLeader(config: Partial<ConsumerConfig>): Promise<ConsumerInfo> {
    const { consumers } = this.#manager;
    const stream = this.info.config.name;
    for (let attempt = 1;; attempt++) {
      const consumer = await consumers.add(stream, config);
      if (consumer.cluster?.leader === await this.#leader() || attempt === PLACEMENTS) return consumer;
      consumers.delete(stream, consumer.name).catch(() => {});
    }
  }

  /** Fails the session when another node than the expected one leads the log. Returns how to stop that. */
  #watchLeader(expected: string | undefined): () => void {
    if (this.info.config.num_replicas === 1) return () => {};
    const check = async () => {
      const leader = await this.#leader();
      if (leader !== expected) throw new Error(`${leader} leads the log, no longer ${expected}`);
    };
    // A node that does not answer in time may be busy.
    const failed = (error: Error) => error instanceof TimeoutError || this.#failed || this.fail(error);
    const checking = setInterval(() => check().catch(failed), LEADER_CHECKED_EVERY);
    return () => clearInterval(checking);
  }

  /** The node that leads the log, if there are several. */
  async #leader(): Promise<string | undefined> {
    return (await this.#manager.streams.info(this.info.config.name)).cluster?.leader;
  }

  /** Closes the connection at once. */
  close(): void {
    this.fail(new Error("the session is closed"));
    this.#stopFollowing();
    this.#connection.close().catch(() => {});
  }
}

/** Steps that run in order, each when the room is ready for it: at once unless others wait. */
class Steps {
  readonly #ready: () => Promise<void> | undefined;
  readonly #isOver: () => boolean;
  readonly #fail: (error: Error) => void;
  readonly #waiting: (() => void)[] = [];
  #running = false;

  constructor(ready: () => Promise<void> | undefined, isOver: () => boolean, fail: (error: Error) => void) {
    this.#ready = ready;
    this.#isOver = isOver;
    this.#fail = fail;
  }

  add(step: () => void): void {
    if (!this.#running && this.#ready() === undefined) return step();
    this.#waiting.push(step);
    if (!this.#running) this.#run().catch(this.#fail);
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let count = 1; this.#waiting.length > 0; count++) {
      const wait = this.#ready();
      if (wait !== undefined) await wait;
      else if (count % BATCHES_PER_TURN === 0) await nextTurn();
      if (this.#isOver()) return;
      this.#waiting.shift()!();
    }
    this.#running = false;
  }
}

/** Lets the event loop turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function subjectOf(room: string): string {
  return `chat.${room}`;
}

function nanoseconds(milliseconds: number): number {
  return milliseconds * 1e6;
}

/** Length of the longest message that the stream accepts, in bytes. */
function longestMessage({ config }: StreamInfo): number {
  return config.max_msg_size === undefined || config.max_msg_size < 0 ? Infinity : config.max_msg_size;
}

/** The code of an error of JetStream's API. */
function codeOf(error: unknown): number | undefined {
  return error instanceof JetStreamApiError ? error.code : undefined;
}

async function openStream(manager: JetStreamManager, options: LogOptions): Promise<StreamInfo> {
  const { room, replicas, maxAge, maxBytes } = options;
  const name = `chat_${room}`;
  let info;
  try {
    info = await manager.streams.info(name);
  } catch (error) {
    if (codeOf(error) !== JetStreamApiCodes.StreamNotFound) throw error;
    info = await manager.streams.add({
      name,
      subjects: [subjectOf(room)],
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      num_replicas: replicas ?? 1,
      max_age: nanoseconds(maxAge),
      max_bytes: maxBytes,
    }).catch((error) => {
      // Another server has created it meanwhile, with other limits.
      if (codeOf(error) === STREAM_EXISTS) return manager.streams.info(name);
      throw error;
    });
  }
  const { num_replicas: has, subjects } = info.config;
  if (replicas !== undefined && has !== replicas) {
    throw new CommandError(`The room ${room} has ${has} ${has === 1 ? "replica" : "replicas"}, not ${replicas}`);
  }
  if (!subjects.includes(subjectOf(room))) {
    throw new CommandError(`The stream ${name} is not a room: expected subject ${subjectOf(room)}, got ${subjects}`);
  }
  return info;
}

/** JetStream does not answer now, as while a cluster elects a leader. */
export class Unavailable extends CommandError {}

function explainLog(
  error: unknown,
  { address, hasJetStream, room, replicas }: LogOptions & { address: string; hasJetStream: boolean },
): unknown {
  if (!(error instanceof Error) || error instanceof CommandError) return error;
  const isSilent = error.cause instanceof RequestError && error.cause.isNoResponders();
  if (isSilent && !hasJetStream) {
    return new CommandError(`NATS at ${address} runs without JetStream: start it with -js`);
  }
  if (isSilent || error instanceof TimeoutError || codeOf(error) === UNAVAILABLE) {
    return new Unavailable(`JetStream at ${address} does not answer`);
  }
  const copies = replicas === undefined ? "" : ` with ${replicas} ${replicas === 1 ? "replica" : "replicas"}`;
  return new CommandError(`NATS at ${address} refuses the room ${room}${copies}: ${error.message}`);
}

/** The sequences in the stream and of the consumer, and what follows, from the subject to acknowledge a message. */
function numbersOf(reply: string): { stream: number; consumer: number; pending: number } {
  // $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>, in newer servers
  // with a domain and an account after ACK.
  const words = reply.split(".");
  const at = words.length === 9 ? 5 : 7;
  return { stream: Number(words[at]), consumer: Number(words[at + 1]), pending: Number(words[at + 3]) };
}
