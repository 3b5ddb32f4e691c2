import type { Log } from "../log/log.ts";
import { formatAddress, type HostPort } from "./address.ts";
import { resolveUdp, UdpSocket } from "./udp_socket.ts";

/** Options of {@linkcode connectUdp}. */
export interface ConnectUdpOptions {
  /**
   * The host to speak with.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /** The port, 1 to 65535. */
  port: number;
  /** Closes the socket when it is aborted. */
  signal?: AbortSignal;
  /** Where it is told which address this side has, at the level info, and each datagram's size, at debug. */
  log?: Log;
}

/**
 * A UDP socket that speaks with one peer only: what `connect()` on a datagram socket is in other languages. Deno
 * has none, so the sender of each datagram is compared here, and others' datagrams are never seen.
 */
export class UdpPeer implements Disposable {
  /** The peer's resolved address, as {@linkcode formatAddress} shows it. */
  readonly remote: string;
  readonly #socket: UdpSocket;
  readonly #address: Deno.NetAddr;

  /** Use {@linkcode connectUdp}. */
  constructor(socket: UdpSocket, address: Deno.NetAddr) {
    this.#socket = socket;
    this.#address = address;
    this.remote = formatAddress(address);
  }

  /**
   * Sends the peer one datagram, and forgets what has come from it so far: so wait for the answer to one before sending
   * the next. That nobody listens there shows only in no answer coming.
   *
   * @param data At most 65,507 bytes over IPv4; may be empty.
   * @throws {RangeError} If the datagram is longer than one can be.
   */
  async send(data: Uint8Array): Promise<void> {
    this.#socket.forget();
    await this.#socket.send(data, this.#address);
  }

  /**
   * Waits for a datagram from the peer.
   *
   * @param timeout How long, in milliseconds. When it has passed the socket is closed.
   * @returns The bytes; the receiver's own.
   * @throws {ConnectionError} If none came in time, or the socket is closed.
   */
  async receive(timeout: number = 10_000): Promise<Uint8Array<ArrayBuffer>> {
    return await this.#socket.receiveFrom(this.remote, timeout);
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
 * @param options Whom to speak with.
 * @returns The open socket. Nothing has been sent: UDP knows no connection.
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
  return new UdpPeer(UdpSocket.reaching([address], options.signal, options.log), address);
}
