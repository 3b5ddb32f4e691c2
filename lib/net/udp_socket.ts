import type { Log } from "../log/log.ts";
import { plural } from "../log/plural.ts";
import { formatAddress, type HostPort, normalHost, sourceAddress } from "./address.ts";
import { DATAGRAM_BUFFER_SIZE, MAX_PAYLOAD_IPV4, MAX_PAYLOAD_IPV6 } from "./datagram.ts";
import { ConnectionError } from "./errors.ts";
import { type Clock, systemClock } from "./timer.ts";

/** Maximum number of datagrams kept until they are received. */
const MAX_QUEUED = 64;

/** Thrown when no datagram arrives in time. The socket stays open, so the caller may send and receive again. */
export class NoAnswerError extends ConnectionError {
  /** The class's name. */
  override name = "NoAnswerError";

  /**
   * Creates the error.
   *
   * @param message Who did not answer, and within what time.
   */
  constructor(message: string) {
    super("idle", message);
  }
}

/** A datagram and its sender. */
export interface Datagram {
  /** The bytes, a copy. */
  data: Uint8Array<ArrayBuffer>;
  /** The sender, as {@linkcode formatAddress} shows it. */
  from: string;
}

/** A UDP socket for any number of peers. Each datagram comes with its sender's address. */
export class UdpSocket implements Disposable {
  readonly #socket: Deno.DatagramConn;
  /** Datagrams not received yet. */
  #queue: Datagram[] = [];
  #arrived: PromiseWithResolvers<void> | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #interrupt = () => this.close("shutdown", "Interrupted");
  #closed: ConnectionError | undefined;
  readonly #log: Log | undefined;
  readonly #clock: Clock;

  /**
   * Opens a socket on a free port.
   *
   * @param hostname The address to send from.
   * @param signal Closes the socket when it is aborted.
   * @param log Logs the socket's address at level info, and the size of each datagram at debug.
   * @param clock Measures the time to wait.
   * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
   */
  constructor(hostname: string, signal?: AbortSignal, log?: Log, clock: Clock = systemClock) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    this.#signal = signal;
    signal?.addEventListener("abort", this.#interrupt);
    this.#log = log?.isEnabledFor("debug") ? log : undefined;
    this.#clock = clock;
    log?.info("Bound to {local}", { local: this.local });
    this.#listen();
  }

  /**
   * Opens a socket that can reach several addresses: on the loopback interface if all of them are loopback addresses,
   * otherwise on all interfaces.
   *
   * @param addresses Resolved addresses of one family.
   * @param signal Closes the socket when it is aborted.
   * @param log As for the constructor.
   * @param clock As for the constructor.
   * @returns The open socket.
   * @throws {RangeError} If some are IPv4 and some IPv6.
   */
  static reaching(
    addresses: readonly Deno.NetAddr[],
    signal?: AbortSignal,
    log?: Log,
    clock: Clock = systemClock,
  ): UdpSocket {
    const version6 = addresses.filter(({ hostname }) => hostname.includes(":"));
    if (version6.length > 0 && version6.length < addresses.length) {
      throw new RangeError("Cannot reach IPv4 and IPv6 addresses from one socket");
    }
    signal?.throwIfAborted();
    return new UdpSocket(sourceAddress(...addresses), signal, log, clock);
  }

  /** The socket's own address. */
  get local(): string {
    return formatAddress(this.#socket.addr);
  }

  /**
   * Drops the datagrams not received yet. Call it before asking the next question: a duplicate of the last answer may be
   * among them, an answer to the next question cannot.
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
   * @throws {ConnectionError} If the socket is closed.
   */
  async send(data: Uint8Array, to: Deno.NetAddr): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed;
    const most = to.hostname.includes(":") ? MAX_PAYLOAD_IPV6 : MAX_PAYLOAD_IPV4;
    if (data.length > most) {
      throw new RangeError(`Cannot send a datagram of ${data.length} bytes: expected at most ${most}`);
    }
    await this.#socket.send(data, to);
    this.#log?.debug("Sent {size} to {peer}", { size: plural(data.length, "byte"), peer: formatAddress(to) });
  }

  /**
   * Waits for a datagram from any peer.
   *
   * @param timeout Time to wait in milliseconds. The socket stays open when it runs out.
   * @param late Message of the error then.
   * @returns The datagram and its sender.
   * @throws {NoAnswerError} If the time ran out.
   * @throws {ConnectionError} If the socket is closed.
   */
  async receive(timeout: number, late: string = `No answer within ${timeout / 1000} s`): Promise<Datagram> {
    let isLate = timeout <= 0;
    const cancel = this.#clock.after(timeout, () => {
      isLate = true;
      this.#wake();
    });
    try {
      for (;;) {
        if (this.#closed !== undefined) throw this.#closed;
        // Checked first, so that other senders cannot prolong a wait in several calls.
        if (isLate) throw new NoAnswerError(late);
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
   * @param timeout Time to wait in milliseconds, whatever other peers send. The socket stays open when it runs out.
   * @param stranger Called with the address of each other sender.
   * @param matches Whether to return a datagram; others of this sender are dropped.
   * @returns The bytes, a copy.
   * @throws {NoAnswerError} If the time ran out.
   * @throws {ConnectionError} If the socket is closed.
   */
  async receiveFrom(
    remote: string,
    timeout: number,
    stranger: (from: string) => void = () => {},
    matches: (data: Uint8Array<ArrayBuffer>) => boolean = () => true,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const until = this.#clock.now() + timeout;
    const late = `No answer from ${remote} within ${timeout / 1000} s`;
    for (;;) {
      const { data, from } = await this.receive(until - this.#clock.now(), late);
      if (from !== remote) stranger(from);
      else if (matches(data)) return data;
    }
  }

  /**
   * Closes the socket.
   *
   * @param reason Why the socket is closed.
   * @param message Message of the error that pending calls throw.
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
        // Bounded, like the receive buffer of the operating system.
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
 * Resolves a host to the address that datagrams are sent to, to compare the senders of answers with it.
 *
 * @param target A host name or address, and a port.
 * @returns The first address that the resolver of the operating system returns.
 * @throws {ConnectionError} If the host does not resolve.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow the host.
 *
 * @example
 * ```ts
 * import { resolveUdp } from "./udp_socket.ts";
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
