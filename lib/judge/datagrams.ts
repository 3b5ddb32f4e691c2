import { equal } from "@std/assert/equal";
import { plural } from "../log/mod.ts";
import { Wrong, type WrongOptions } from "./case.ts";
import type { Patience } from "./patience.ts";
import { bytesOf, type PeerOptions, quote } from "./peer.ts";
import type { TappedConnection } from "./tap.ts";

/** How often a datagram is sent until it is answered: any may be lost. */
const ATTEMPTS = 4;
const OTHER_SOCKET =
  "A program that answers from another socket than the one it reads does this, and a client that looks " +
  "who answers drops the answer";

/** The server of datagrams that is judged, for one case. */
export class DatagramStage {
  readonly #options: PeerOptions;
  /** The socket of the first client, which all cases share. */
  readonly first: DatagramPeer;
  #opened = 0;

  /** Describes where the server listens, and how long to wait for it. */
  constructor(options: PeerOptions, first: DatagramPeer) {
    this.#options = options;
    this.first = first;
  }

  /** How long to wait for an answer. */
  get patience(): Patience {
    return this.#options.patience;
  }

  /** Number of clients that the program has, or may have, heard: without an answer the first one does not count. */
  get connected(): number {
    return this.#opened + (this.first.isAnswered ? 1 : 0);
  }

  /** Opens a socket. */
  open(): DatagramPeer {
    this.#opened++;
    return new DatagramPeer(this.#options);
  }

  /** Sends a datagram from a new socket, and expects its answer. */
  async expect(datagram: Uint8Array, answer: Uint8Array | undefined): Promise<void> {
    using peer = this.open();
    await peer.ask(datagram, answer);
  }
}

/** A socket that sends datagrams to the server, and takes those that come from it. */
export class DatagramPeer implements Disposable {
  readonly #socket: Deno.DatagramConn;
  readonly #server: Deno.NetAddr;
  readonly #patience: Patience;
  readonly #tapped: TappedConnection | undefined;
  readonly #arrived: Uint8Array[] = [];
  /** Number of datagrams received. */
  received = 0;
  #sent = 0;
  /** The other port from which an answer came. */
  #otherPort: number | undefined;
  #wake = Promise.withResolvers<void>();

  /** Opens a socket. */
  constructor({ hostname, port, patience, tap }: PeerOptions) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: localFor(hostname), port: 0 });
    this.#server = { transport: "udp", hostname, port };
    this.#patience = patience;
    this.#tapped = tap?.opened(`:${(this.#socket.addr as Deno.NetAddr).port}`, true);
    this.#receive();
  }

  /** Whether any datagram has come, from wherever. */
  get isAnswered(): boolean {
    return this.received > 0 || this.#otherPort !== undefined;
  }

  /** How many more datagrams have come than were sent. */
  get surplus(): number {
    return this.received - this.#sent;
  }

  /** Datagrams that have come and were not taken. */
  get waiting(): number {
    return this.#arrived.length;
  }

  /** Sends a datagram. */
  async send(datagram: Uint8Array | string): Promise<void> {
    const bytes = bytesOf(datagram);
    this.#sent++;
    this.#tapped?.passed("up", bytes);
    await this.#socket.send(bytes, this.#server);
  }

  /** Takes the next datagram; `undefined` if none comes in time. */
  async next(patience: Patience = this.#patience): Promise<Uint8Array | undefined> {
    const late = new Error();
    while (this.#arrived.length === 0) {
      try {
        await patience.limit(this.#wake.promise, () => late);
      } catch (error) {
        if (error === late) return undefined;
        throw error;
      }
    }
    return this.#arrived.shift();
  }

  /**
   * Sends a datagram, again if no answer comes, and compares the answer.
   *
   * @param datagram What to send.
   * @param answer The answer, or `undefined` for any.
   * @returns The answer.
   */
  async ask(datagram: Uint8Array | string, answer: Uint8Array | undefined): Promise<Uint8Array> {
    const sent = bytesOf(datagram);
    const patience = this.#patience.share(1 / ATTEMPTS);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      await this.send(sent);
      const got = await this.next(patience);
      if (got === undefined) continue;
      if (answer !== undefined && !equal(got, answer)) {
        throw this.wrong(sent, difference(answer, got));
      }
      return got;
    }
    if (this.#otherPort !== undefined) {
      const you = `the answer came from port ${this.#otherPort}, and not from port ${this.#server.port}`;
      throw this.wrong(sent, you, { mistake: OTHER_SOCKET });
    }
    throw this.wrong(sent, `no answer came within ${this.#patience.seconds}, although I sent it ${ATTEMPTS} times`);
  }

  /** Makes the complaint: what the judge sent, and then what the program did. */
  wrong(sent: Uint8Array, you: string, options: WrongOptions = {}): Wrong {
    return new Wrong(`I sent ${described(sent)}; ${you}`, options);
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.#socket.close();
    this.#tapped?.closed("finished");
  }

  async #receive(): Promise<void> {
    try {
      for (;;) {
        const [datagram, from] = await this.#socket.receive(new Uint8Array(65_536));
        const { port } = from as Deno.NetAddr;
        if (port !== this.#server.port) {
          this.#otherPort = port;
          continue;
        }
        this.received++;
        this.#tapped?.passed("down", datagram);
        this.#arrived.push(new Uint8Array(datagram));
        this.#wake.resolve();
        this.#wake = Promise.withResolvers<void>();
      }
    } catch {
      // The socket is closed.
    }
  }
}

/** The address to bind for a server at a host: loopback needs no other grant than the server's own. */
function localFor(hostname: string): string {
  if (hostname === "localhost" || hostname.startsWith("127.")) return "127.0.0.1";
  if (hostname === "::1") return hostname;
  return hostname.includes(":") ? "::" : "0.0.0.0";
}

function difference(answer: Uint8Array, got: Uint8Array): string {
  if (answer.length !== got.length) return `expected ${described(answer)} back, got ${described(got)}`;
  const at = answer.findIndex((byte, index) => byte !== got[index]);
  const [expected, received] = [answer, got].map((bytes) => quote(bytes.subarray(at)));
  return `byte ${at + 1} of ${answer.length} you answered is wrong: expected ${expected}, got ${received}`;
}

function described(datagram: Uint8Array): string {
  if (datagram.length === 0) return "an empty datagram";
  return `a datagram of ${plural(datagram.length, "byte")}, ${quote(datagram)}`;
}
