import { createServer, type Socket } from "node:net";
import { NobodyThere, Unjudged, Wrong } from "./case.ts";
import { ending, Run } from "./client_run.ts";
import type { ClientSide } from "./client_side.ts";
import { Conversation, type Treatment } from "./conversation.ts";
import type { Patience } from "./patience.ts";
import { Peer } from "./peer.ts";
import { Program } from "./program.ts";
import type { StreamProtocol } from "./protocol.ts";
import type { Tap } from "./tap.ts";

/** The name that the judge gives to a client that asks for one. Its UTF-8 has more bytes than it has characters. */
export const NAME = "zoë";

/** A client program that is judged, and the protocol that it speaks. */
export class ClientStage {
  readonly command: readonly string[];
  readonly protocol: StreamProtocol;
  readonly side: ClientSide;
  readonly hostname: string;
  readonly patience: Patience;
  readonly tap: Tap | undefined;
  /** Number of connections of the client so far. */
  connected = 0;
  #control: Promise<Run> | undefined;

  /** Describes the client. */
  constructor({ command, protocol, side, hostname, patience, tap }: {
    command: readonly string[];
    protocol: StreamProtocol;
    side: ClientSide;
    hostname: string;
    patience: Patience;
    tap?: Tap | undefined;
  }) {
    this.command = command;
    this.protocol = protocol;
    this.side = side;
    this.hostname = hostname;
    this.patience = patience;
    this.tap = tap;
  }

  /**
   * Plays a correct server on a good network, once. Other runs are compared with this one.
   *
   * @throws {Wrong} If the client fails already then.
   */
  control(): Promise<Run> {
    return this.#control ??= this.play().then((run) => {
      run.whole();
      return run;
    });
  }

  /** The port at which the judge listens: any, unless the command says nothing of a port. */
  get port(): number {
    return this.command.some((word) => word.includes("{port}")) ? 0 : this.protocol.port;
  }

  /**
   * Starts the client, and plays the server for it. A client that comes again is treated well.
   *
   * @throws {NobodyThere} If it does not connect.
   */
  async play(treatment: Treatment = {}, control?: Run): Promise<Run> {
    const { patience, protocol, side, hostname, tap } = this;
    const conversations: Conversation[] = [];
    let problem: Wrong | undefined;
    const connected = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    const drained = Promise.withResolvers<void>();
    await using listener = await Listener.open(hostname, this.port, (socket) => {
      const peer = new Peer(socket, { patience, tap, accepted: true });
      const conversation = new Conversation({
        peer,
        program,
        protocol,
        side,
        patience,
        treatment: conversations.length === 0 ? treatment : {},
      });
      conversations.push(conversation);
      this.connected++;
      connected.resolve();
      const complain = (error: unknown) => {
        if (!(error instanceof Wrong)) throw error;
        problem ??= error;
      };
      conversation.play().catch(complain).finally(over.resolve)
        .then(() => conversation.drain()).catch(complain)
        .then(drained.resolve, drained.reject);
    });
    await using program = this.#start(listener.port);
    try {
      const came = await patience.allows(Promise.race([connected.promise, program.exit]));
      if (conversations.length === 0) throw await this.#absent(program, came, listener.port);
      await Promise.race([program.exit, over.promise]);
      if (!treatment.keepsInput) program.endInput();
      const ended = await patience.allows(program.exit);
      if (ended) await patience.allows(drained.promise);
      const [first] = conversations;
      return new Run({
        program,
        side,
        patience,
        did: first!.peer.did,
        delivered: first!.delivered,
        exit: ended ? await program.exit : undefined,
        control,
        problem,
        again: conversations.length > 1,
        gaveUp: first!.gaveUp,
        isAhead: first!.isAhead,
        nudged: first!.nudged,
        isStream: protocol.framed === undefined && protocol.answers !== "never",
        mayLeave: protocol.greeting.length > 0,
        endsRequest: protocol.answers === "end",
      });
    } finally {
      for (const { peer } of conversations) peer.close();
    }
  }

  #start(port: number): Program {
    const words = { host: this.hostname, port: String(port), name: NAME };
    const asksName = this.command.every((word) => !word.includes("{name}"));
    const command = this.command.map((word) =>
      word.replace(/\{(host|port|name)\}/g, (_, key: keyof typeof words) => words[key])
    );
    const program = new Program(command);
    const input = this.side.input.filter((line) => asksName || line !== NAME);
    const typing = (async () => {
      for (const line of input) await program.type(line);
    })();
    if (this.side.serve === undefined) typing.then(() => program.endInput());
    return program;
  }

  async #absent(program: Program, came: boolean, port: number): Promise<NobodyThere> {
    const { hostname, patience } = this;
    const why = came ? ending(await program.exit, program) : `still ran after ${patience.seconds}`;
    return new NobodyThere(`your program did not connect to ${hostname}:${port}, and ${why}`);
  }
}

/** A server socket that takes connections with half-open ends. Disposing of it closes it. */
class Listener implements AsyncDisposable {
  readonly port: number;
  readonly #server: ReturnType<typeof createServer>;

  private constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.port = (server.address() as { port: number }).port;
  }

  static async open(hostname: string, port: number, onConnection: (socket: Socket) => void): Promise<Listener> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, onConnection);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(new Unjudged(`I cannot listen at ${hostname}:${port}: ${error.message}`)));
      server.listen(port, hostname, resolve);
    });
    return new Listener(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
