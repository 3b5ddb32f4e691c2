import type { Log } from "../log/log.ts";
import { plural } from "../log/plural.ts";
import { formatAddress, type HostPort, normalHost, sourceAddress } from "./address.ts";
import { DATAGRAM_BUFFER_SIZE, MAX_PAYLOAD_IPV4, MAX_PAYLOAD_IPV6 } from "./datagram.ts";
import { ConnectionError } from "./errors.ts";
import { after } from "./timer.ts";

/** How many datagrams are kept that nobody has asked for. */
const MAX_QUEUED = 64;

/** A datagram and where it came from. */
export interface Datagram {
  /** The bytes; the receiver's own. */
  data: Uint8Array<ArrayBuffer>;
  /** The sender, as {@linkcode formatAddress} shows it. */
  from: string;
}

/** A UDP socket that speaks with anybody: the sender's address comes with each datagram. */
export class UdpSocket implements Disposable {
  readonly #socket: Deno.DatagramConn;
  /** What has come and was not asked for yet. */
  #queue: Datagram[] = [];
  #arrived: PromiseWithResolvers<void> | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #interrupt = () => this.close("shutdown", "Interrupted");
  #closed: ConnectionError | undefined;
  readonly #log: Log | undefined;

  /**
   * Opens a socket on a free port.
   *
   * @param hostname The address to send from.
   * @param signal Closes the socket when it is aborted.
   * @param log Where it is told which address the socket has, at the level info, and each datagram's size, at debug.
   * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
   */
  constructor(hostname: string, signal?: AbortSignal, log?: Log) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    this.#signal = signal;
    signal?.addEventListener("abort", this.#interrupt);
    this.#log = log?.isEnabledFor("debug") ? log : undefined;
    log?.info("Bound to {local}", { local: this.local });
    this.#listen();
  }

  /**
   * Opens a socket that can reach all of some addresses: on the loopback interface if they are there, else on all.
   *
   * @param addresses Resolved addresses of one family.
   * @param signal Closes the socket when it is aborted.
   * @param log As for the constructor.
   * @returns The open socket.
   * @throws {RangeError} If some are IPv4 and some IPv6.
   */
  static reaching(addresses: readonly Deno.NetAddr[], signal?: AbortSignal, log?: Log): UdpSocket {
    const version6 = addresses.filter(({ hostname }) => hostname.includes(":"));
    if (version6.length > 0 && version6.length < addresses.length) {
      throw new RangeError("Cannot reach IPv4 and IPv6 addresses from one socket");
    }
    signal?.throwIfAborted();
    return new UdpSocket(sourceAddress(...addresses), signal, log);
  }

  /** This socket's own address. */
  get local(): string {
    return formatAddress(this.#socket.addr);
  }

  /**
   * Forgets what has come so far: an answer to the next question cannot be among it, but a second copy of the last
   * answer can.
   */
  forget(): void {
    this.#queue = [];
  }

  /**
   * Sends one datagram.
   *
   * @param data At most 65,507 bytes over IPv4; may be empty.
   * @param to A resolved address.
   * @throws {RangeError} If the datagram is longer than one can be.
   */
  async send(data: Uint8Array, to: Deno.NetAddr): Promise<void> {
    const most = to.hostname.includes(":") ? MAX_PAYLOAD_IPV6 : MAX_PAYLOAD_IPV4;
    if (data.length > most) {
      throw new RangeError(`Cannot send a datagram of ${data.length} bytes: expected at most ${most}`);
    }
    await this.#socket.send(data, to);
    this.#log?.debug("Sent {size} to {peer}", { size: plural(data.length, "byte"), peer: formatAddress(to) });
  }

  /**
   * Waits for a datagram from anybody.
   *
   * @param timeout How long, in milliseconds. When it has passed the socket is closed.
   * @param late The words for that.
   * @returns The datagram and its sender.
   * @throws {ConnectionError} If none came in time, or the socket is closed.
   */
  async receive(timeout: number, late: string = `No answer within ${timeout / 1000} s`): Promise<Datagram> {
    const cancel = after(timeout, () => this.close("idle", late));
    try {
      for (;;) {
        if (this.#closed !== undefined) throw this.#closed;
        const datagram = this.#queue.shift();
        if (datagram !== undefined) return datagram;
        await (this.#arrived ??= Promise.withResolvers()).promise;
      }
    } finally {
      cancel();
    }
  }

  /**
   * Waits for a datagram from one sender.
   *
   * @param remote The sender, as {@linkcode formatAddress} shows it.
   * @param timeout How long, in milliseconds, whatever others send meanwhile. When it has passed the socket is closed.
   * @param stranger Called with the address of anybody else who sends something.
   * @returns The bytes; the receiver's own.
   * @throws {ConnectionError} If none came in time, or the socket is closed.
   */
  async receiveFrom(
    remote: string,
    timeout: number,
    stranger: (from: string) => void = () => {},
  ): Promise<Uint8Array<ArrayBuffer>> {
    const until = performance.now() + timeout;
    const late = `No answer from ${remote} within ${timeout / 1000} s`;
    for (;;) {
      const { data, from } = await this.receive(Math.max(0, until - performance.now()), late);
      if (from === remote) return data;
      stranger(from);
    }
  }

  /**
   * Closes the socket.
   *
   * @param reason Why.
   * @param message The words for it, for whoever still waits.
   */
  close(reason: ConnectionError["reason"] = "finished", message: string = "The socket is closed"): void {
    if (this.#closed !== undefined) return;
    this.#closed = new ConnectionError(reason, message);
    this.#signal?.removeEventListener("abort", this.#interrupt);
    this.#socket.close();
    this.#wake();
  }

  /** Closes the socket. */
  [Symbol.dispose](): void {
    this.close();
  }

  #wake(): void {
    this.#arrived?.resolve();
    this.#arrived = undefined;
  }

  async #listen(): Promise<void> {
    const buffer = new Uint8Array(DATAGRAM_BUFFER_SIZE);
    try {
      for (;;) {
        const [data, from] = await this.#socket.receive(buffer);
        this.#log?.debug("Received {size} from {peer}", {
          size: plural(data.length, "byte"),
          peer: formatAddress(from),
        });
        // Like the system's own buffer, what nobody takes out has an end.
        if (this.#queue.length >= MAX_QUEUED) continue;
        this.#queue.push({ data: new Uint8Array(data), from: formatAddress(from) });
        this.#wake();
      }
    } catch (error) {
      this.close("failed", error instanceof Error ? error.message : Deno.inspect(error));
    }
  }
}

/**
 * Resolves a host to the address datagrams will really go to, so that answers can be compared with it.
 *
 * @param target A host name or address, and a port.
 * @returns The first address the system's resolver gives.
 * @throws {ConnectionError} If the host does not resolve.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow the host.
 *
 * @example
 * ```ts
 * import { resolveUdp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * const address = await resolveUdp({ hostname: "127.0.0.1", port: 3000 });
 * assertEquals(address, { transport: "udp", hostname: "127.0.0.1", port: 3000 });
 * ```
 */
export async function resolveUdp({ hostname, port }: HostPort): Promise<Deno.NetAddr> {
  try {
    const { lookup } = await import("node:dns/promises");
    const { address } = await lookup(hostname);
    return { transport: "udp", hostname: normalHost(address), port };
  } catch (error) {
    if ((error as { code?: string }).code === "EPERM") {
      throw new Deno.errors.NotCapable(`Requires net access to "${hostname}:${port}"`, { cause: error });
    }
    throw new ConnectionError("failed", `Cannot resolve host "${hostname}"`, { cause: error });
  }
}
