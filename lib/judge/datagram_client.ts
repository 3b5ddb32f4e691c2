import { plural } from "../log/mod.ts";
import { Unjudged, Wrong } from "./case.ts";
import { Run } from "./client_run.ts";
import { ClientStage } from "./client_stage.ts";
import { textOf } from "./conversation.ts";
import { Stalls } from "./patience.ts";
import { bytesOf, quote } from "./peer.ts";
import type { Data, DatagramProtocol } from "./protocol.ts";
import type { TappedConnection } from "./tap.ts";

/** How many datagrams a client may repeat without an end. */
const REPEATS = 10;

/** A datagram of the client, and how to reply to it. */
export interface Question {
  /** Its number among the client's datagrams, from 1. */
  readonly number: number;
  /** Whether the client has repeated it before it was answered. */
  readonly isRepeated: boolean;
  /** What a correct server answers. */
  readonly answer: Uint8Array;
  /** Sends a datagram to the client from the server's address. */
  reply(datagram: Data): Promise<void>;
  /** Sends a datagram to the client from another address. */
  replyAsStranger(datagram: Data): Promise<void>;
}

/** How the judge's server treats a client: what it does with each datagram. */
export type DatagramTreatment = (question: Question) => unknown;

/** A client of datagrams. */
export class DatagramClient extends ClientStage<DatagramProtocol, DatagramTreatment> {
  override async play(treatment: DatagramTreatment, control?: Run, patience = this.patience): Promise<Run> {
    const { side, hostname } = this;
    using server = new Socket(hostname, this.port);
    using stranger = new Socket(hostname, 0);
    using stalls = new Stalls();
    await using program = this.start(server.port);
    const delivered: string[] = [];
    const asked = new Map<string, number>();
    const open = new Set<string>();
    const did: string[] = [];
    let tapped: TappedConnection | undefined;
    let again = false;
    let problem: Wrong | undefined;
    let arrived = Promise.withResolvers<void>();
    const serving = server.each(async (datagram, from) => {
      this.shared.connected++;
      tapped ??= this.tap?.opened(`${from.hostname}:${from.port}`, true);
      tapped?.passed("up", datagram);
      arrived.resolve();
      arrived = Promise.withResolvers();
      const text = textOf(datagram);
      const times = (asked.get(text) ?? 0) + 1;
      asked.set(text, times);
      if (times > REPEATS) again = true;
      if (side.isText && !isUtf8(datagram)) {
        problem ??= new Wrong(`You sent ${quote(datagram)}`, { mistake: "The text is UTF-8, not another encoding" });
      }
      let isNew = times === 1;
      const send = (socket: Socket, as: string) => async (data: Data) => {
        const bytes = bytesOf(data);
        did.push(`${as} ${quote(bytes)}`);
        tapped?.passed("down", bytes);
        await socket.send(bytes, from);
      };
      const isRepeated = open.has(text);
      open.add(text);
      await treatment({
        number: server.received,
        isRepeated,
        answer: this.#answer(datagram, asked.size),
        reply: async (data) => {
          await send(server, "answered")(data);
          // However often a question is asked and answered, its answer is shown once.
          if (isNew) delivered.push(textOf(bytesOf(data)));
          isNew = false;
        },
        replyAsStranger: send(stranger, "sent as a stranger"),
      });
      if (!isRepeated) open.delete(text);
    });
    while (!program.ended && !again && await patience.allows(Promise.race([arrived.promise, program.exit]))) {
      // Each datagram of the client begins a new wait.
    }
    if (server.received === 0) await this.late(arrived.promise);
    if (server.received === 0) throw await this.absent(program, server.port);
    const exit = program.ended ? await program.exit : undefined;
    server.close();
    await serving;
    tapped?.closed("finished");
    const heard = `I got ${plural(server.received, "datagram")}`;
    return new Run({
      program,
      side,
      patience,
      did: did.length === 0 ? `${heard} and answered nothing` : `${heard} and ${did.slice(0, 4).join(", ")}`,
      delivered,
      exit,
      stalled: stalls.milliseconds,
      control,
      again,
      problem,
      turns: server.received,
    });
  }

  protected override playWell(): Promise<Run> {
    return this.play(({ reply, answer }) => reply(answer));
  }

  /** What a correct server answers: as the protocol says, or any text. */
  #answer(datagram: Uint8Array, number: number): Uint8Array {
    return this.protocol.client?.replies === undefined
      ? this.protocol.answer(datagram) ?? datagram
      : bytesOf(this.protocol.client.replies[(number - 1) % this.protocol.client.replies.length]!);
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** A socket for datagrams. Disposing of it closes it. */
class Socket implements Disposable {
  /** Number of datagrams received. */
  received = 0;
  readonly #socket: Deno.DatagramConn;
  #closed = false;

  constructor(hostname: string, port: number) {
    try {
      this.#socket = Deno.listenDatagram({ transport: "udp", hostname, port });
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      throw new Unjudged(`I cannot listen at ${hostname}:${port}: another program does`);
    }
  }

  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  /** Passes on each datagram until the socket is closed. */
  async each(take: (datagram: Uint8Array, from: Deno.NetAddr) => Promise<void>): Promise<void> {
    const taking: Promise<void>[] = [];
    while (!this.#closed) {
      try {
        const [datagram, from] = await this.#socket.receive();
        this.received++;
        taking.push(take(datagram, from as Deno.NetAddr));
      } catch {
        // The last datagram found nobody, or the socket is closed.
      }
    }
    await Promise.all(taking);
  }

  /** Sends a datagram, which a client that has left does not get. */
  async send(datagram: Uint8Array, to: Deno.NetAddr): Promise<void> {
    try {
      await this.#socket.send(datagram, to);
    } catch {
      // It has left.
    }
  }

  close(): void {
    if (!this.#closed) this.#socket.close();
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
