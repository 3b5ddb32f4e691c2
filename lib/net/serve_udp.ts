import { Log } from "../log/log.ts";
import { plural } from "../log/plural.ts";
import { RateLimit } from "./_rate_limit.ts";
import { blockOf, formatAddress, isLoopback } from "./address.ts";
import { allowList } from "./allow_list.ts";
import { DATAGRAM_BUFFER_SIZE } from "./datagram.ts";
import { reasonOf } from "./errors.ts";
import { checkLimit } from "./limits.ts";
import { LoopShare } from "./loop.ts";
import { describeError, reportError } from "./_report_error.ts";
import type { ServeOptions, Server } from "./server.ts";
import { type ServerTelemetry, serverTelemetry } from "./_telemetry.ts";

/** Pause before the next receive after an error, in milliseconds. */
const ERROR_PAUSE = 100;

/** Default limit of datagrams a second from one address. */
const DEFAULT_RATE = 100;
/** Minimum interval between log records about dropped datagrams, in milliseconds. */
const REPORT_EVERY = 1000;

/** Options of {@linkcode serveUdp}. */
export interface ServeUdpOptions extends ServeOptions {
  /**
   * Maximum number of datagrams a second from one address, also the maximum burst; for IPv6, from one network of 64 bits.
   * More are dropped: the source address may be forged, and its owner must not be flooded with answers. Loopback
   * addresses are unlimited unless this is given.
   *
   * @default {100}
   */
  maxRate?: number | undefined;
  /**
   * Number of bytes by which an answer may be longer than its question. A longer answer is dropped, so that the server
   * cannot be used to amplify traffic to a forged address.
   *
   * @default {0}
   */
  maxGrowth?: number | undefined;
  /**
   * Called with an error on this side, such as a bug in the handler, for which a datagram got no answer. Errors of peers are
   * only logged. Without this function, such an error goes to standard error unless the log is configured.
   */
  onError?: ((error: unknown, where: { peer: Deno.NetAddr }) => void | Promise<void>) | undefined;
}

/** Why a server dropped a datagram, or the answer to it. */
export type DropReason = "too many" | "not allowed" | "too long an answer";

type Handler = (datagram: Uint8Array, from: Deno.NetAddr) => Uint8Array | void | Promise<Uint8Array | void>;

/** A running UDP server. */
export interface UdpServer extends Server {
  /** Number of datagrams dropped, by reason. */
  readonly dropped: ReadonlyMap<DropReason, number>;
  /**
   * Sends a datagram from the server's address.
   *
   * @param datagram At most 65,507 bytes over IPv4; may be empty.
   * @param to The receiver.
   * @returns Resolves when the operating system has taken the datagram or refused it, which is logged.
   */
  send(datagram: Uint8Array, to: Deno.NetAddr): Promise<void>;
  /** Stops receiving and closes the socket. */
  shutdown(): Promise<void>;
}

/**
 * Serves UDP: for each datagram at most one answer.
 *
 * @param options Where to listen, and limits.
 * @param handler Handles a datagram, which is valid until the handler returns or its promise resolves. It may change the
 * datagram in place. Returns the answer, or nothing. After an error no answer is
 * sent; see `onError`.
 * @returns The server, already listening.
 * @throws {Deno.errors.AddrInUse} If another program listens there.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 * @throws {RangeError} If an option is out of range.
 *
 * @example A server that answers with the length
 * ```ts
 * import { connectUdp, serveUdp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveUdp({ port: 0 }, (datagram) => Uint8Array.of(datagram.length));
 * using peer = await connectUdp({ port: server.addr.port });
 * await peer.send(new Uint8Array(7));
 * assertEquals(await peer.receive(), Uint8Array.of(7));
 * ```
 */
export function serveUdp(
  options: ServeUdpOptions,
  handler: (datagram: Uint8Array, from: Deno.NetAddr) => Uint8Array | void | Promise<Uint8Array | void>,
): UdpServer {
  return new UdpService(options, handler);
}

class UdpService implements UdpServer {
  readonly addr: Deno.NetAddr;
  readonly finished: Promise<void>;

  readonly #socket: Deno.DatagramConn;
  readonly #handler: Handler;
  readonly #telemetry: ServerTelemetry | undefined;
  readonly #log: Log;
  readonly #onError: ServeUdpOptions["onError"];
  readonly #tracks: boolean;
  readonly #allows: ((hostname: string) => boolean) | undefined;
  readonly #rate: RateLimit;
  /** Whether loopback addresses are limited too. */
  readonly #limitsLoopback: boolean;
  readonly #maxGrowth: number;
  #last = { hostname: "", isAllowed: false, isLimited: true };
  readonly dropped = new Map<DropReason, number>();
  /** Number of datagrams dropped since the last log record, and the time of that record. */
  #unreported = 0;
  #reportedAt = -Infinity;
  readonly #closed = Promise.withResolvers<void>();
  #stopped = false;
  /** Open while the server receives. */
  #share: LoopShare | undefined;

  constructor(options: ServeUdpOptions, handler: Handler) {
    const { hostname = "127.0.0.1", port = 0, signal, log = new Log("Server") } = options;
    this.#log = log;
    this.#onError = options.onError;
    this.#tracks = log.isEnabledFor("debug");
    this.#allows = options.allow === undefined ? undefined : allowList(options.allow);
    this.#rate = new RateLimit(checkLimit("maxRate", options.maxRate ?? DEFAULT_RATE));
    this.#limitsLoopback = options.maxRate !== undefined;
    this.#maxGrowth = options.maxGrowth ?? 0;
    if (!(this.#maxGrowth >= 0)) throw new RangeError(`Cannot use maxGrowth ${this.#maxGrowth}: expected 0 or more`);
    signal?.throwIfAborted();
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port });
    this.addr = this.#socket.addr as Deno.NetAddr;
    this.#telemetry = serverTelemetry("udp", this.addr);
    this.#handler = this.#telemetry === undefined ? handler : counting(handler, this.#telemetry);
    const stop = () => this.#stop();
    signal?.addEventListener("abort", stop);
    // Does not wait for handlers. A blocked handler may never finish.
    this.finished = this.#closed.promise.finally(() => signal?.removeEventListener("abort", stop));
    this.#receive();
    log.info("Listening at {address}", { address: formatAddress(this.addr) });
    try {
      options.onListen?.(this.addr);
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  async send(datagram: Uint8Array, to: Deno.NetAddr): Promise<void> {
    try {
      await this.#socket.send(datagram, to);
      this.#sent(datagram);
    } catch (error) {
      this.#notSent(error, to);
    }
  }

  #sent({ length }: Uint8Array): void {
    this.#telemetry?.wrote(length);
    this.#telemetry?.sent(1);
  }

  #notSent(error: unknown, to: Deno.NetAddr): void {
    if (this.#stopped) return;
    this.#log.warn("{peer} gets no answer: {error}", { peer: formatAddress(to), error: wordsOf(error) });
  }

  shutdown(): Promise<void> {
    this.#stop();
    return this.finished;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #receive(): Promise<void> {
    // The share is not charged for datagrams. It waits only if the sockets have not been polled for 4 ms.
    const share = this.#share = new LoopShare(true);
    // One buffer for all datagrams. The iterator form allocates one each and is 1.8 times slower.
    const buffer = new Uint8Array(DATAGRAM_BUFFER_SIZE);
    while (!this.#stopped) {
      for (let turn; (turn = share.request(performance.now())) !== undefined;) await turn;
      let datagram, from;
      try {
        [datagram, from] = await this.#socket.receive(buffer) as [Uint8Array, Deno.NetAddr];
      } catch (error) {
        if (this.#stopped) return;
        this.#log.warn("Cannot receive a datagram: {error}", { error: wordsOf(error) });
        await new Promise((resolve) => setTimeout(resolve, ERROR_PAUSE));
        continue;
      }
      if (this.#tracks) this.#tell("Received {size} from", datagram, from);
      const refusal = this.#refuse(from.hostname);
      if (refusal !== undefined) {
        this.#drop(refusal, from);
        continue;
      }
      try {
        const longest = datagram.length + this.#maxGrowth;
        const answer = this.#handler(datagram, from);
        const bytes = answer instanceof Promise ? await answer : answer;
        if (bytes === undefined) continue;
        if (bytes.length > longest) {
          this.#drop("too long an answer", from);
          continue;
        }
        try {
          await this.#socket.send(bytes, from);
          this.#sent(bytes);
          if (this.#tracks) this.#tell("Sent {size} to", bytes, from);
        } catch (error) {
          this.#notSent(error, from);
        }
      } catch (error) {
        this.#failed(error, from);
      }
    }
  }

  #failed(error: unknown, peer: Deno.NetAddr): void {
    const message = "{peer} gets no answer: {error}";
    const facts = { peer: formatAddress(peer), error: describeError(error) };
    if (reasonOf(error) !== "failed") return this.#log.warn(message, facts);
    const sinks = { log: this.#log, onError: this.#onError };
    reportError(sinks, error, { peer }, message, facts);
  }

  #tell(what: string, { length }: Uint8Array, peer: Deno.NetAddr): void {
    this.#log.debug(`${what} {peer}`, { size: plural(length, "byte"), peer: formatAddress(peer) });
  }

  #refuse(hostname: string): DropReason | undefined {
    // Usually the same address as for the previous datagram.
    if (hostname !== this.#last.hostname) {
      const isAllowed = this.#allows?.(hostname) !== false;
      this.#last = { hostname, isAllowed, isLimited: this.#limitsLoopback || !isLoopback(hostname) };
    }
    if (!this.#last.isAllowed) return "not allowed";
    return this.#last.isLimited && !this.#rate.take(blockOf(hostname)) ? "too many" : undefined;
  }

  #drop(reason: DropReason, from: Deno.NetAddr): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
    this.#unreported++;
    if (performance.now() - this.#reportedAt < REPORT_EVERY) return;
    this.#reportedAt = performance.now();
    this.#log.warn("{peer} gets no answer: {reason} ({dropped} dropped)", {
      peer: formatAddress(from),
      reason,
      dropped: this.#unreported,
    });
    this.#unreported = 0;
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#share?.close();
    this.#socket.close();
    this.#closed.resolve();
  }
}

/** Counts what a handler receives, and the time that it takes. */
function counting(handler: Handler, telemetry: ServerTelemetry): Handler {
  return async (datagram, from) => {
    const began = performance.now();
    telemetry.read(datagram.length);
    telemetry.received(1);
    try {
      return await handler(datagram, from);
    } finally {
      telemetry.handled(performance.now() - began);
    }
  };
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
