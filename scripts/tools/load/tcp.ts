import { FramingError } from "../../../lib/framing/mod.ts";
import { writeAll } from "../../../lib/log/mod.ts";
import { type Answers, answersOf, type Tapes, WrongAnswer } from "./answers.ts";
import { FAIR_CONNECTIONS, FairSocket, type LoadSocket } from "./fair_socket.ts";
import type { Flow, Plan } from "./plan.ts";
import { kindOf, type Tally } from "./tally.ts";

/** Connects within the timeout. */
export async function connect(plan: Plan): Promise<LoadSocket> {
  const { hostname, port, timeout } = plan;
  const signal = AbortSignal.timeout(timeout);
  try {
    if (plan.connections > FAIR_CONNECTIONS) return await FairSocket.connect(plan, signal);
    const socket = await Deno.connect({ hostname, port, signal });
    socket.setNoDelay(true);
    return socket;
  } catch (error) {
    throw signal.aborted ? new Deno.errors.TimedOut(`No connection within ${timeout / 1000} s`) : error;
  }
}

/**
 * A connection that keeps `inFlight` messages in flight. The messages that a read allows go out in one write. Reads
 * continue during a write: if both sides only wrote, both would block for ever.
 */
export class TcpFlow implements Flow {
  answered = 0;
  readonly #socket: LoadSocket;
  readonly #plan: Plan;
  readonly #tapes: Tapes;
  readonly #tally: Tally;
  readonly #answers: Answers;
  /** The time at which each message of the tape was last sent. */
  readonly #sentAt: Float64Array;
  readonly #ended = Promise.withResolvers<void>();
  /** The numbers of the message to send next and of the one to be answered next. */
  #next: number;
  #oldest: number;
  #outstanding = 0;
  #writing = false;
  #over = false;
  #closed = false;
  /** With a rate: when the next message is due, the interval of messages, and the timer for the next. */
  #due: number;
  readonly #interval: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  private constructor(socket: LoadSocket, plan: Plan, tapes: Tapes, tally: Tally, index: number) {
    this.#socket = socket;
    this.#plan = plan;
    this.#tapes = tapes;
    this.#tally = tally;
    // Connections start at different messages, so that an answer to another connection is a wrong answer.
    this.#next = this.#oldest = index % tapes.sent.messages;
    this.#sentAt = new Float64Array(tapes.sent.messages);
    this.#answers = answersOf(plan, tapes, this.#next);
    this.#interval = plan.connections / plan.rate * 1000;
    this.#due = this.#interval * (index / plan.connections);
  }

  /** Opens the connection. */
  static async open(plan: Plan, tapes: Tapes, tally: Tally, index: number): Promise<TcpFlow> {
    return new TcpFlow(await connect(plan), plan, tapes, tally, index);
  }

  start(): void {
    this.#due += performance.now();
    this.#send();
    this.#read().catch((error) => this.#fail(error));
  }

  async finish(): Promise<void> {
    this.#over = true;
    clearTimeout(this.#timer);
    if (this.#outstanding === 0) this.#ended.resolve();
    const timer = setTimeout(() => {
      if (!this.#closed) this.#tally.fail("no answer in time");
      this.close();
    }, this.#plan.timeout);
    await this.#ended.promise;
    clearTimeout(timer);
  }

  close(): void {
    if (!this.#closed) this.#socket.close();
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#ended.resolve();
  }

  #send(): void {
    if (this.#writing || this.#over || this.#closed) return;
    const { sent } = this.#tapes;
    const room = Math.min(this.#plan.inFlight - this.#outstanding, sent.messages - this.#next);
    if (room === 0) return;
    const now = performance.now();
    if (this.#interval === 0) {
      this.#sentAt.fill(now, this.#next, this.#next + room);
    } else if (now < this.#due) {
      this.#timer = setTimeout(() => this.#send(), this.#due - now);
      return;
    } else {
      // A message delayed by the previous answer counts from when it was due; a late timer is not the server's delay.
      this.#sentAt[this.#next] = this.#timer === undefined ? this.#due : now;
      this.#timer = undefined;
      this.#due += this.#interval;
    }
    const from = this.#next * sent.messageLength;
    const bytes = sent.bytes.subarray(from, from + room * sent.messageLength);
    this.#next = (this.#next + room) % sent.messages;
    this.#outstanding += room;
    this.#tally.sent += room;
    this.#tally.bytesSent += bytes.length;
    this.#writing = true;
    writeAll(this.#socket, bytes).then(this.#written, (error) => this.#fail(error));
  }

  readonly #written = (): void => {
    this.#writing = false;
    this.#send();
  };

  async #read(): Promise<void> {
    const { messages } = this.#tapes.sent;
    for (;;) {
      const length = await this.#socket.read(this.#answers.buffer());
      if (length === null) return this.#fail(new Error("closed by the server"));
      this.#tally.bytesReceived += length;
      const answers = this.#answers.received(length);
      if (answers === 0) continue;
      if (answers > this.#outstanding) throw new WrongAnswer("more answers than messages");
      const now = performance.now();
      for (let count = 0; count < answers; count++) {
        this.#tally.latency.add(now - this.#sentAt[this.#oldest]!);
        this.#oldest = this.#oldest + 1 === messages ? 0 : this.#oldest + 1;
      }
      this.#outstanding -= answers;
      this.answered += answers;
      this.#tally.answered += answers;
      if (this.#over && this.#outstanding === 0) return this.#ended.resolve();
      this.#send();
    }
  }

  #fail(error: unknown): void {
    if (!this.#closed) fail(this.#tally, error);
    this.close();
  }
}

/** Connects, sends one message, reads the answer and closes, again and again. */
export class ConnectingFlow implements Flow {
  answered = 0;
  readonly #plan: Plan;
  readonly #tapes: Tapes;
  readonly #tally: Tally;
  #next: number;
  #socket: Deno.TcpConn | undefined;
  #over = false;
  #closed = false;
  #done: Promise<void> = Promise.resolve();

  constructor(plan: Plan, tapes: Tapes, tally: Tally, index: number) {
    this.#plan = plan;
    this.#tapes = tapes;
    this.#tally = tally;
    this.#next = index % tapes.sent.messages;
  }

  start(): void {
    this.#done = this.#run();
  }

  async finish(): Promise<void> {
    this.#over = true;
    const timer = setTimeout(() => {
      this.#tally.fail("no answer in time");
      this.close();
    }, this.#plan.timeout);
    await this.#done;
    clearTimeout(timer);
  }

  close(): void {
    this.#closed = true;
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #run(): Promise<void> {
    while (!this.#over && !this.#closed) {
      const began = performance.now();
      try {
        await this.#exchange();
      } catch (error) {
        // No retry: the server may be gone.
        if (!this.#closed) fail(this.#tally, error);
        return this.close();
      }
      this.#tally.latency.add(performance.now() - began);
    }
  }

  async #exchange(): Promise<void> {
    const number = this.#next;
    this.#next = (this.#next + 1) % this.#tapes.sent.messages;
    const { hostname, port } = this.#plan;
    const socket = this.#socket = await Deno.connect({ hostname, port });
    socket.setNoDelay(true);
    const answers = answersOf(this.#plan, this.#tapes, number);
    const message = this.#tapes.sent.message(number);
    this.#tally.sent++;
    this.#tally.bytesSent += message.length;
    await writeAll(socket, message);
    for (let answered = 0; answered === 0;) {
      const length = await socket.read(answers.buffer());
      if (length === null) throw new Error("closed by the server");
      this.#tally.bytesReceived += length;
      answered = answers.received(length);
    }
    this.answered++;
    this.#tally.answered++;
    this.#socket?.close();
    this.#socket = undefined;
  }
}

/** Counts an error. */
export function fail(tally: Tally, error: unknown): void {
  if (error instanceof WrongAnswer || error instanceof FramingError) {
    tally.fail("wrong answer", `Wrong answer: ${error.message}`);
  } else {
    tally.fail(kindOf(error));
  }
}
