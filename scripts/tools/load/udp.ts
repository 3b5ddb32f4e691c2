import { sourceAddress } from "../../../lib/net/address.ts";
import { DATAGRAM_BUFFER_SIZE } from "../../../lib/net/datagram.ts";
import type { Tapes } from "./answers.ts";
import type { Flow, Plan } from "./plan.ts";
import { kindOf, type Tally } from "./tally.ts";
import { Tape } from "./tape.ts";

/** Number of checks for lost datagrams in the time that an answer may take. */
const SWEEPS = 4;
/** Values that replace the time at which a datagram was sent. */
const ANSWERED = 0;
const LOST = -1;

/** A socket that keeps `inFlight` datagrams in flight. Those not answered in time are lost. */
export class UdpFlow implements Flow {
  answered = 0;
  readonly #socket: Deno.DatagramConn;
  readonly #server: Deno.NetAddr;
  readonly #plan: Plan;
  readonly #tapes: Tapes;
  readonly #tally: Tally;
  /** When each message of the tape was sent, or `ANSWERED` or `LOST`. */
  readonly #sentAt: Float64Array;
  readonly #ended = Promise.withResolvers<void>();
  #next = 0;
  #outstanding = 0;
  #over = false;
  #closed = false;
  #sweeper: ReturnType<typeof setInterval> | undefined;

  constructor(server: Deno.NetAddr, plan: Plan, tapes: Tapes, tally: Tally) {
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: sourceAddress(server), port: 0 });
    this.#server = server;
    this.#plan = plan;
    this.#tapes = tapes;
    this.#tally = tally;
    this.#sentAt = new Float64Array(tapes.sent.messages);
  }

  start(): void {
    const fail = (error: unknown) => this.#fail(error);
    this.#sweeper = setInterval(() => this.#sweep().catch(fail), this.#plan.timeout / SWEEPS);
    this.#fill().then(() => this.#receive()).catch(fail);
  }

  async finish(): Promise<void> {
    this.#over = true;
    if (this.#outstanding === 0) this.#ended.resolve();
    // The sweeper drops datagrams that are not answered in time.
    await this.#ended.promise;
  }

  close(): void {
    clearInterval(this.#sweeper);
    if (!this.#closed) this.#socket.close();
    this.#closed = true;
    this.#ended.resolve();
  }

  async #fill(): Promise<void> {
    const { sent } = this.#tapes;
    while (this.#outstanding < this.#plan.inFlight && !this.#over && !this.#closed) {
      // A datagram that waits for its answer keeps its number.
      while (this.#sentAt[this.#next]! > 0) this.#next = (this.#next + 1) % sent.messages;
      this.#sentAt[this.#next] = performance.now();
      const message = sent.message(this.#next);
      this.#next = (this.#next + 1) % sent.messages;
      this.#outstanding++;
      this.#tally.sent++;
      this.#tally.bytesSent += message.length;
      await this.#socket.send(message, this.#server);
    }
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(DATAGRAM_BUFFER_SIZE);
    while (!this.#closed) {
      const [datagram, from] = await this.#socket.receive(buffer);
      // Deno cannot connect a UDP socket, so anyone can send to it.
      if ((from as Deno.NetAddr).port !== this.#server.port) continue;
      this.#tally.bytesReceived += datagram.length;
      this.#check(datagram);
      if (this.#over && this.#outstanding === 0) return this.#ended.resolve();
      await this.#fill();
    }
  }

  #check(datagram: Uint8Array<ArrayBuffer>): void {
    const number = this.#plan.expect === "any" ? this.#oldest() : Tape.numberOf(datagram);
    const sentAt = this.#sentAt[number];
    if (sentAt === undefined || this.#plan.expect !== "any" && !this.#isMessage(datagram, number)) {
      this.#tally.fail(
        "wrong answer",
        `Wrong answer: a datagram of ${datagram.length} bytes that answers no message`,
      );
    } else if (sentAt <= 0) {
      this.#tally.late++;
    } else {
      this.#tally.latency.add(performance.now() - sentAt);
      this.#sentAt[number] = ANSWERED;
      this.#outstanding--;
      this.answered++;
      this.#tally.answered++;
    }
  }

  #isMessage(datagram: Uint8Array, number: number): boolean {
    const message = this.#tapes.expected.message(number);
    if (datagram.length !== message.length) return false;
    for (let at = 0; at < message.length; at++) if (datagram[at] !== message[at]) return false;
    return true;
  }

  /** The number of the datagram that has waited longest; of the last one sent if none waits. */
  #oldest(): number {
    const { messages } = this.#tapes.sent;
    let number = this.#next;
    for (let seen = 1; seen < messages && this.#sentAt[number]! <= 0; seen++) number = (number + 1) % messages;
    return number;
  }

  async #sweep(): Promise<void> {
    const late = performance.now() - this.#plan.timeout;
    for (const [number, sentAt] of this.#sentAt.entries()) {
      if (sentAt <= 0 || sentAt > late) continue;
      this.#sentAt[number] = LOST;
      this.#outstanding--;
      this.#tally.lost++;
    }
    if (this.#over && this.#outstanding === 0) return this.#ended.resolve();
    await this.#fill();
  }

  #fail(error: unknown): void {
    if (!this.#closed) this.#tally.fail(kindOf(error));
    this.close();
  }
}
