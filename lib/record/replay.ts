import { concat } from "@std/bytes/concat";
import { writeAll } from "../log/mod.ts";
import { ByteQueue } from "./_byte_queue.ts";
import type { RecordedEvent } from "./event.ts";

/** The server that a recording is replayed against. */
export type ReplayTarget =
  | { readonly transport: "tcp" | "udp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** Options of {@linkcode replay}. */
export interface ReplayOptions {
  /** The server. */
  to: ReplayTarget;
  /**
   * Whether to leave out the times between events, except for short pauses between connections. The replay still waits for
   * answers: it sends each piece only after as many bytes have arrived from the server as in the recording. Where one
   * connection affects another without an answer, as joining a chat does, the recorded times keep the order better.
   *
   * @default {false}
   */
  asFast?: boolean | undefined;
  /**
   * The longest wait for a connection, for bytes that the server sent in the recording, and for the server to read, in
   * milliseconds.
   *
   * @default {10000}
   */
  timeout?: number | undefined;
  /** Stops the replay when it aborts. */
  signal?: AbortSignal | undefined;
  /** Called after each step, with the number of steps done and of all steps. */
  onProgress?: ((done: number, all: number) => void) | undefined;
}

/** The first place at which a server's answer differs from the recording. */
export interface ReplayDifference {
  /** Offset in the bytes from the server, over all datagrams. */
  readonly at: number;
  /** The number of the datagram, from 1; absent for streams. */
  readonly datagram?: number | undefined;
  /** The first bytes expected from there on; none if the end was expected. */
  readonly expected: Uint8Array;
  /** The first bytes received from there on; none if nothing more was received. */
  readonly received: Uint8Array;
  /** What happened in place of the bytes, if none were received. */
  readonly instead?: string | undefined;
}

/** The result of replaying one connection. */
export interface ReplayedConnection {
  /** Its number in the recording. */
  readonly connection: number;
  /** Number of bytes sent to the server. */
  readonly sent: number;
  /** Number of bytes received from it. */
  readonly received: number;
  /** The first difference; absent if there is none. */
  readonly difference?: ReplayDifference | undefined;
}

const DEFAULT_TIMEOUT = 10_000;
/**
 * The longest pause with `asFast` before a step of another connection, in milliseconds: a server may read connections in
 * another order than that in which their bytes arrived.
 */
const SETTLE = 20;
/** The number of bytes of a difference that are kept. */
const KEPT = 32;
const MAX_DATAGRAM = 65_536;

/**
 * Plays the client's side of a recording against a server, and compares what comes back. The server receives the pieces
 * that the proxy passed on, in the recorded order and at the recorded times. A reset is replayed as an ordinary end.
 *
 * @param events The events of the recording. Those after a skip are left out.
 * @param options The server, and how to replay.
 * @returns Each connection, in the order of their beginnings.
 * @throws {Deno.errors.ConnectionRefused} If no server listens there.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 * @throws {DOMException} With the name `TimeoutError`, if connecting takes too long.
 * @throws The signal's reason, if it was aborted.
 *
 * @example
 * ```ts
 * import { replay } from "@wirebench/wirebench/record";
 * import { serveEcho } from "@wirebench/wirebench/echo";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveEcho({ port: 0 });
 * const to = { transport: "tcp", hostname: "127.0.0.1", port: server.addr.port } as const;
 * const [connection] = await replay([
 *   { t: 0, k: "open", c: 1, peer: "127.0.0.1:50000" },
 *   { t: 10, k: "in", c: 1, w: "up", at: 0, d: btoa("Hey") },
 *   { t: 20, k: "out", c: 1, w: "up", at: 0, n: 3 },
 *   { t: 30, k: "in", c: 1, w: "down", at: 0, d: btoa("Hex") },
 * ], { to });
 * assertEquals(connection!.difference!.at, 2);
 * ```
 */
export async function replay(events: readonly RecordedEvent[], options: ReplayOptions): Promise<ReplayedConnection[]> {
  const { asFast = false, signal, onProgress } = options;
  const { steps, answers } = scriptOf(events);
  const peers = new Map<number, Peer>();
  const wake = () => peers.forEach((peer) => peer.wake());
  signal?.addEventListener("abort", wake);
  const began = performance.now();
  const first = steps[0]?.t ?? 0;
  try {
    for (const [index, step] of steps.entries()) {
      const previous = steps[index - 1] ?? step;
      if (!asFast) await sleep(began + (step.t - first) / 1000 - performance.now(), signal);
      else if (previous.c !== step.c) await sleep(Math.min((step.t - previous.t) / 1000, SETTLE), signal);
      signal?.throwIfAborted();
      let peer = peers.get(step.c);
      if (peer === undefined) {
        peer = await Peer.connect(step.c, answers.get(step.c) ?? [], options);
        peers.set(step.c, peer);
      }
      await peer.run(step);
      onProgress?.(index + 1, steps.length);
    }
    signal?.throwIfAborted();
  } finally {
    signal?.removeEventListener("abort", wake);
    for (const peer of peers.values()) await peer.close();
  }
  return [...peers.values()];
}

/** One step of a replay. The first step of a connection opens it. */
type Step =
  & { readonly t: number; readonly c: number }
  & (
    | { readonly k: "open" }
    | { readonly k: "send"; readonly bytes: Uint8Array }
    | { readonly k: "end" }
    /** Wait until so many bytes or datagrams have arrived. */
    | { readonly k: "expect"; readonly count: number }
    /** Wait for the server's end. */
    | { readonly k: "expectEnd" }
    | { readonly k: "close" }
  );

/** The steps, and what the server sent on each connection: its reads, or its datagrams. */
interface Script {
  steps: Step[];
  answers: Map<number, Uint8Array[]>;
}

/**
 * Derives the steps from the events. Waiting at each step for what the server had sent by then keeps causes before their
 * effects, on all connections together.
 */
function scriptOf(events: readonly RecordedEvent[]): Script {
  const steps: Step[] = [];
  const answers = new Map<number, Uint8Array[]>();
  const queues = new Map<number, ByteQueue>();
  const datagrams = new Map<string, Uint8Array>();
  /** Where the client of a connection ended its side, which the proxy has not passed on yet. */
  const ends = new Map<number, number>();
  const passed = new Map<number, number>();
  const listOf = (c: number) => answers.get(c) ?? answers.set(c, []).get(c)!;
  const queueOf = (c: number) => queues.get(c) ?? queues.set(c, new ByteQueue()).get(c)!;
  for (const event of events) {
    if (event.k === "skip") break;
    if (!("c" in event)) continue;
    const { t, c } = event;
    if (event.k === "open") {
      steps.push({ t, c, k: "open" });
    } else if (event.k === "in") {
      const bytes = Uint8Array.fromBase64(event.d);
      if (event.w === "up") {
        if (event.i === undefined) queueOf(c).push(event.at, bytes);
        else datagrams.set(`${c} ${event.i}`, bytes);
        continue;
      }
      const list = listOf(c);
      list.push(bytes);
      steps.push({ t, c, k: "expect", count: event.i === undefined ? event.at + bytes.length : list.length });
    } else if (event.k === "out" && event.w === "up") {
      const { at, n, i } = event;
      const bytes = i === undefined ? queueOf(c).take(at, n) : datagrams.get(`${c} ${i}`) ?? new Uint8Array();
      steps.push({ t, c, k: "send", bytes });
      passed.set(c, at + n);
      if (ends.get(c) === at + n) steps.push({ t, c, k: "end" });
    } else if (event.k === "end" && event.w === "up") {
      if ((passed.get(c) ?? 0) === event.at) steps.push({ t, c, k: "end" });
      else ends.set(c, event.at);
    } else if (event.k === "fault" && event.w === "up" && event.kind === "end") {
      steps.push({ t, c, k: "end" });
    } else if (event.k === "end") {
      steps.push({ t, c, k: "expectEnd" });
    } else if (event.k === "close") {
      steps.push({ t, c, k: "close" });
    }
  }
  return { steps, answers };
}

/** A connection of the replay. */
abstract class Peer implements ReplayedConnection {
  readonly connection: number;
  sent = 0;
  received = 0;
  difference: ReplayDifference | undefined;
  readonly #timeout: number;
  readonly #signal: AbortSignal | undefined;
  #closed = false;
  #wake = () => {};

  constructor(connection: number, { timeout = DEFAULT_TIMEOUT, signal }: ReplayOptions) {
    this.connection = connection;
    this.#timeout = timeout;
    this.#signal = signal;
  }

  static async connect(connection: number, answers: Uint8Array[], options: ReplayOptions): Promise<Peer> {
    const { to } = options;
    if (to.transport === "udp") return new DatagramPeer(to, connection, answers, options);
    if (to.transport === "unix") return new StreamPeer(await Deno.connect(to), connection, answers, options);
    const { timeout = DEFAULT_TIMEOUT, signal } = options;
    const signals = [AbortSignal.timeout(timeout), ...(signal === undefined ? [] : [signal])];
    const socket = await Deno.connect({ hostname: to.hostname, port: to.port, signal: AbortSignal.any(signals) });
    socket.setNoDelay(true);
    return new StreamPeer(socket, connection, answers, options);
  }

  /** Runs a step. After a connection has ended too early, its steps do nothing. */
  async run(step: Step): Promise<void> {
    if (this.#closed) return;
    switch (step.k) {
      case "send":
        return await this.#send(step.bytes);
      case "end":
        return await this.end();
      case "expect":
        return await this.#expect(() => this.arrived >= step.count);
      case "expectEnd":
        return await this.#expect(() => this.ended && !this.hasMore);
      case "close":
        return await this.close();
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.disconnect();
  }

  /** Checks again the condition that a step waits for. */
  wake(): void {
    this.#wake();
  }

  /** Sends bytes. If the server does not read them in time, the connection is closed. */
  async #send(bytes: Uint8Array): Promise<void> {
    let isSent = false;
    const sending = this.send(bytes).finally(() => {
      isSent = true;
      this.#wake();
    });
    await this.#until(() => isSent);
    if (isSent) this.sent += bytes.length;
    else await this.#fail(`a server that read nothing for ${this.#timeout / 1000} s`);
    await sending;
  }

  /** Waits until the condition holds. If it does not in time, or before the server's end, the connection is closed. */
  async #expect(holds: () => boolean): Promise<void> {
    await this.#until(() => holds() || this.ended);
    if (!holds()) await this.#fail(`nothing within ${this.#timeout / 1000} s`);
  }

  /** Waits until the condition holds, the time is over, or the signal aborts. */
  async #until(holds: () => boolean): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#wake();
    }, this.#timeout);
    while (!holds() && !isLate && !this.#signal?.aborted) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    clearTimeout(timer);
  }

  async #fail(late: string): Promise<void> {
    this.difference ??= this.missing(late);
    await this.close();
  }

  /** Number of bytes or datagrams that have arrived. */
  abstract readonly arrived: number;
  /** Whether the server has ended its side. */
  abstract readonly ended: boolean;
  protected abstract send(bytes: Uint8Array): Promise<void>;
  protected abstract end(): Promise<void>;
  /** Whether more has arrived than the recording has. */
  protected abstract readonly hasMore: boolean;
  /** The difference if what is expected next does not arrive; `late` says what happens at a timeout. */
  protected abstract missing(late: string): ReplayDifference;
  protected abstract disconnect(): Promise<void>;
}

class StreamPeer extends Peer {
  readonly #socket: Deno.Conn;
  readonly #expected: Uint8Array;
  readonly #reading: Promise<void>;
  /** How the server's side ended. */
  #end: string | undefined;
  /** The first bytes after all that were expected. */
  #more = new Uint8Array();

  constructor(socket: Deno.Conn, connection: number, answers: Uint8Array[], options: ReplayOptions) {
    super(connection, options);
    this.#socket = socket;
    this.#expected = concat(answers);
    this.#reading = this.#read();
  }

  override get arrived(): number {
    return this.received;
  }

  override get ended(): boolean {
    return this.#end !== undefined;
  }

  protected override async send(bytes: Uint8Array): Promise<void> {
    // A write fails after the server has closed the connection. The missing answer is the difference to report.
    await writeAll(this.#socket, bytes).catch(() => {});
  }

  protected override async end(): Promise<void> {
    await this.#socket.closeWrite().catch(() => {});
  }

  protected override get hasMore(): boolean {
    return this.received > this.#expected.length;
  }

  protected override missing(late: string): ReplayDifference {
    const at = Math.min(this.received, this.#expected.length);
    const expected = this.#expected.slice(at, at + KEPT);
    const received = this.#more.slice();
    return received.length > 0 ? { at, expected, received } : { at, expected, received, instead: this.#end ?? late };
  }

  protected override async disconnect(): Promise<void> {
    this.#socket.close();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await this.#socket.read(buffer);
        if (count === null) break;
        this.#compare(buffer.subarray(0, count));
        this.wake();
      }
      this.#end = "the end";
    } catch {
      this.#end = "a reset";
    }
    this.wake();
  }

  #compare(bytes: Uint8Array): void {
    const start = this.received;
    this.received += bytes.length;
    const { length } = this.#expected;
    if (this.difference === undefined) {
      const within = bytes.subarray(0, Math.max(0, length - start));
      const found = within.findIndex((byte, index) => byte !== this.#expected[start + index]);
      if (found !== -1) {
        const at = start + found;
        this.difference = {
          at,
          expected: this.#expected.slice(at, at + KEPT),
          received: bytes.slice(found, found + KEPT),
        };
      }
    }
    if (this.received > length && this.#more.length < KEPT) {
      const more = bytes.subarray(Math.max(0, length - start));
      this.#more = concat([this.#more, more]).subarray(0, KEPT);
    }
  }
}

class DatagramPeer extends Peer {
  readonly ended = false;
  protected readonly hasMore = false;
  readonly #socket: Deno.DatagramConn;
  readonly #to: Deno.NetAddr;
  readonly #expected: Uint8Array[];
  readonly #receiving: Promise<void>;
  #arrived = 0;

  constructor(
    { hostname, port }: Extract<ReplayTarget, { port: number }>,
    connection: number,
    answers: Uint8Array[],
    options: ReplayOptions,
  ) {
    super(connection, options);
    this.#to = { transport: "udp", hostname: hostname === "localhost" ? "127.0.0.1" : hostname, port };
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: sourceFor(this.#to.hostname), port: 0 });
    this.#expected = answers;
    this.#receiving = this.#receive();
  }

  override get arrived(): number {
    return this.#arrived;
  }

  protected override async send(bytes: Uint8Array): Promise<void> {
    await this.#socket.send(bytes, this.#to);
  }

  protected override end(): Promise<void> {
    return Promise.resolve();
  }

  protected override missing(instead: string): ReplayDifference {
    const expected = this.#expected[this.#arrived]!.slice(0, KEPT);
    return { at: this.received, datagram: this.#arrived + 1, expected, received: new Uint8Array(), instead };
  }

  protected override async disconnect(): Promise<void> {
    this.#socket.close();
    await this.#receiving;
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(MAX_DATAGRAM);
    try {
      for (;;) {
        const [bytes, from] = await this.#socket.receive(buffer);
        if ("port" in from && from.port === this.#to.port) this.#compare(bytes);
        this.wake();
      }
    } catch {
      // Closed.
    }
  }

  #compare(bytes: Uint8Array): void {
    const expected = this.#expected[this.#arrived++];
    const start = this.received;
    this.received += bytes.length;
    if (expected === undefined) return;
    let same = 0;
    while (same < bytes.length && bytes[same] === expected[same]) same++;
    if (same === bytes.length && same === expected.length) return;
    this.difference ??= {
      at: start + same,
      datagram: this.#arrived,
      expected: expected.slice(same, same + KEPT),
      received: bytes.slice(same, same + KEPT),
      ...(same === bytes.length ? { instead: "the end of the datagram" } : {}),
    };
  }
}

/** The address to send datagrams from: loopback for a loopback address. */
function sourceFor(hostname: string): string {
  if (hostname.includes(":")) return hostname === "::1" ? "::1" : "::";
  return hostname.startsWith("127.") ? "127.0.0.1" : "0.0.0.0";
}

/** Waits, or throws the signal's reason. */
function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  if (milliseconds <= 0 || signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
}
