import type { Log } from "../log/log.ts";
import { formatAddress, type HostPort } from "./address.ts";
import { resolveUdp, UdpSocket } from "./udp_socket.ts";

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
   */
  async send(data: Uint8Array): Promise<void> {
    this.#socket.forget();
    await this.#socket.send(data, this.#address);
  }

  /**
   * Waits for a datagram from the peer.
   *
   * @param timeout Time to wait in milliseconds. The socket is closed when it runs out.
   * @returns The bytes, a copy.
   * @throws {ConnectionError} If the time ran out or the socket is closed.
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
  return new UdpPeer(UdpSocket.reaching([address], options.signal, options.log), address);
}
