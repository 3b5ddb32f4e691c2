import type { Log } from "../log/log.ts";
import { formatAddress, type HostPort } from "./address.ts";
import { type Clock, systemClock } from "./timer.ts";
import { NoAnswerError, resolveUdp, UdpSocket } from "./udp_socket.ts";

/** Options of {@linkcode connectUdp}. */
export interface ConnectUdpOptions {
  /**
   * Host of the peer.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /** The port, 1 to 65535. */
  port: number;
  /** Closes the socket when it is aborted. */
  signal?: AbortSignal | undefined;
  /** Logs the local address at level info, and the size of each datagram at debug. */
  log?: Log | undefined;
  /**
   * Measures the time to wait for answers.
   *
   * @default {systemClock}
   */
  clock?: Clock | undefined;
}

/** Options of {@linkcode UdpPeer.request}. */
export interface UdpRequestOptions {
  /**
   * Time to wait for an answer to each try, in milliseconds, more than 0.
   *
   * @default {1000}
   */
  timeout?: number | undefined;
  /**
   * Maximum number of times that the request is sent: an integer of 1 or more.
   *
   * @default {3}
   */
  tries?: number | undefined;
  /**
   * Whether a datagram answers this request, for example by a number that the peer repeats. Other datagrams are dropped.
   * Without it, the first datagram from the peer is the answer.
   */
  matches?: ((answer: Uint8Array<ArrayBuffer>) => boolean) | undefined;
}

/**
 * A UDP socket for one peer, like a datagram socket after `connect()` in other languages. Deno has no such call, so this
 * class compares the sender of each datagram and drops those of other peers.
 */
export class UdpPeer implements Disposable {
  /** The peer's resolved address, as {@linkcode formatAddress} shows it. */
  readonly remote: string;
  readonly #socket: UdpSocket;
  readonly #address: Deno.NetAddr;
  /** Settles when the last request has. */
  #requests: Promise<unknown> = Promise.resolve();

  /** Use {@linkcode connectUdp}. */
  constructor(socket: UdpSocket, address: Deno.NetAddr) {
    this.#socket = socket;
    this.#address = address;
    this.remote = formatAddress(address);
  }

  /**
   * Sends one datagram to the peer, and drops datagrams not received yet. Wait for the answer before sending the next one.
   * If no program listens there, no error is reported and no answer comes.
   *
   * @param data At most 65,507 bytes over IPv4; may be empty.
   * @throws {RangeError} If the datagram is longer than one can be.
   * @throws {ConnectionError} If the socket is closed.
   */
  async send(data: Uint8Array): Promise<void> {
    this.#socket.forget();
    await this.#socket.send(data, this.#address);
  }

  /**
   * Waits for a datagram from the peer.
   *
   * @param timeout Time to wait in milliseconds. The socket stays open when it runs out.
   * @returns The bytes, a copy.
   * @throws {NoAnswerError} If the time ran out.
   * @throws {ConnectionError} If the socket is closed.
   */
  async receive(timeout: number = 10_000): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#socket.receiveFrom(this.remote, timeout);
  }

  /**
   * Sends a datagram and waits for the answer; sends it again if none arrives in time. The peer may receive it several
   * times. Requests made at the same time are sent one after the other.
   *
   * Datagrams that arrived before the first try are dropped. A late answer to an earlier request that arrives after it
   * looks like the answer to this one, since UDP does not tell which datagram it answers. Where that matters, number the
   * requests and pass `matches`. An answer to any try of this request is accepted.
   *
   * @param data At most 65,507 bytes over IPv4; may be empty.
   * @param options How long to wait, how often to send, and which datagram is the answer.
   * @returns The answer, a copy.
   * @throws {NoAnswerError} If no try was answered in time. The socket stays open.
   * @throws {ConnectionError} If the socket is closed.
   * @throws {RangeError} If an option is out of range, or the datagram is longer than one can be.
   *
   * @example Numbered requests
   * ```ts
   * import { connectUdp, serveUdp } from "@wirebench/wirebench/net";
   * import { assertEquals } from "@std/assert";
   *
   * await using server = serveUdp({ port: 0 }, (data) => data);
   * using peer = await connectUdp({ port: server.addr.port });
   * const answer = await peer.request(Uint8Array.of(7, 1), { matches: ([number]) => number === 7 });
   * assertEquals(answer, Uint8Array.of(7, 1));
   * ```
   */
  request(data: Uint8Array, options: UdpRequestOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const answer = this.#requests.then(() => this.#request(data, options));
    this.#requests = answer.catch(() => {});
    return answer;
  }

  async #request(
    data: Uint8Array,
    { timeout = 1000, tries = 3, matches }: UdpRequestOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (!(timeout > 0)) throw new RangeError(`Cannot wait ${timeout} ms for an answer: expected more than 0`);
    if (!Number.isInteger(tries) || tries < 1) {
      throw new RangeError(`Cannot try ${tries} times: expected an integer of 1 or more`);
    }
    this.#socket.forget();
    for (let left = tries; left > 0; left--) {
      await this.#socket.send(data, this.#address);
      try {
        return await this.#socket.receiveFrom(this.remote, timeout, undefined, matches);
      } catch (error) {
        if (!(error instanceof NoAnswerError)) throw error;
      }
    }
    const each = tries === 1 ? "" : ` of each of ${tries} tries`;
    throw new NoAnswerError(`No answer from ${this.remote} within ${timeout / 1000} s${each}`);
  }

  /** Closes the socket. */
  close(): void {
    this.#socket.close();
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a UDP socket for one peer.
 *
 * @param options The peer.
 * @returns The open socket. Nothing has been sent, since UDP has no connections.
 * @throws {ConnectionError} If the host does not resolve.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 *
 * @example One question, one answer
 * ```ts
 * import { serveUppercase } from "@wirebench/wirebench/uppercase";
 * import { connectUdp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = serveUppercase({ port: 0 });
 * using peer = await connectUdp({ port: server.addr.port });
 * await peer.send(new TextEncoder().encode("hey"));
 * assertEquals(new TextDecoder().decode(await peer.receive()), "HEY");
 * ```
 */
export async function connectUdp(options: ConnectUdpOptions): Promise<UdpPeer> {
  const target: HostPort = { hostname: options.hostname ?? "127.0.0.1", port: options.port };
  const address = await resolveUdp(target);
  return new UdpPeer(UdpSocket.reaching([address], options.signal, options.log, options.clock ?? systemClock), address);
}
