import { createServer, type Socket } from "node:net";
import { Unjudged, Wrong } from "./case.ts";
import { Run } from "./client_run.ts";
import { ClientStage } from "./client_stage.ts";
import { Conversation, type Treatment } from "./conversation.ts";
import { Stalls } from "./patience.ts";
import { Peer } from "./peer.ts";
import type { StreamProtocol } from "./protocol.ts";

/** How long a client may take to end if that is not what is judged, as a share of the patience. */
const ENDS_SOON = 0.1;

/** A client over a byte stream. */
export class StreamClient extends ClientStage<StreamProtocol, Treatment> {
  /** Plays the server for the client's connections; for all but the first, a correct one. */
  override async play(treatment: Treatment, control?: Run): Promise<Run> {
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
      this.shared.connected++;
      connected.resolve();
      const complain = (error: unknown) => {
        if (!(error instanceof Wrong)) throw error;
        problem ??= error;
      };
      conversation.play().catch(complain).finally(over.resolve)
        .then(() => conversation.drain()).catch(complain)
        .then(drained.resolve, drained.reject);
    });
    using stalls = new Stalls();
    await using program = this.start(listener.port);
    try {
      await patience.allows(Promise.race([connected.promise, program.exit]));
      if (conversations.length === 0) await this.late(connected.promise);
      if (conversations.length === 0) throw await this.absent(program, listener.port);
      await Promise.race([program.exit, over.promise]);
      if (!treatment.keepsInput) program.endInput();
      // Whether a client that goes on until the server ends then ends too is judged in its own case.
      const wait = side.ends || treatment.instead !== undefined ? patience : patience.share(ENDS_SOON);
      const ended = problem === undefined && await wait.allows(program.exit);
      if (ended) await patience.allows(drained.promise);
      const [first] = conversations;
      return new Run({
        program,
        side,
        patience,
        did: first!.peer.did,
        delivered: first!.delivered,
        exit: ended || program.ended ? await program.exit : undefined,
        stalled: stalls.milliseconds,
        control,
        problem,
        again: conversations.length > 1,
        hasLeft: treatment.keepsInput === true && first!.peer.end !== undefined,
        gaveUp: first!.gaveUp,
        isAhead: first!.isAhead,
        nudged: first!.nudged,
        endedFirst: first!.endedFirst,
        isStream: protocol.framed === undefined && protocol.answers !== "never",
        mayLeave: protocol.greeting.length > 0,
        endsRequest: protocol.answers === "end",
      });
    } finally {
      for (const { peer } of conversations) peer.close();
    }
  }

  /** Plays a correct server on a good network. */
  protected override playWell(): Promise<Run> {
    return this.play({});
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
