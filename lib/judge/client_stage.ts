import { createServer, type Socket } from "node:net";
import { type Level, NobodyThere, Unjudged, Wrong } from "./case.ts";
import type { ClientSide } from "./client_side.ts";
import { Conversation, excerpt, type Treatment } from "./conversation.ts";
import type { Patience } from "./patience.ts";
import { Peer } from "./peer.ts";
import { type Exit, Program } from "./program.ts";
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
      program.endInput();
      const ended = await patience.allows(program.exit);
      if (ended) await patience.allows(drained.promise);
      const [first] = conversations;
      return new Run({
        did: first!.peer.did,
        delivered: first!.delivered,
        gaveUp: first!.gaveUp,
        nudged: first!.nudged,
        problem,
        exit: ended ? await program.exit : undefined,
        again: conversations.length > 1,
        program,
        stage: this,
        control,
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

/** What a client did in one run. */
export class Run {
  readonly #of: ConstructorParameters<typeof Run>[0];
  readonly output: Program["output"];

  /** Takes the result. */
  constructor(
    result: {
      did: string;
      delivered: readonly string[];
      gaveUp: boolean;
      nudged: boolean;
      problem: Wrong | undefined;
      exit: Exit | undefined;
      again: boolean;
      program: Program;
      stage: ClientStage;
      control: Run | undefined;
    },
  ) {
    this.#of = result;
    this.output = result.program.output;
  }

  /** Number of texts that it has shown. */
  get shown(): number {
    return this.output.showsAll(this.#texts);
  }

  /** Whether it showed a message only after its user had typed something. */
  get nudged(): boolean {
    return this.#of.nudged;
  }

  /**
   * Requires that it has taken all that it was sent.
   *
   * @throws {Wrong} If it has not.
   */
  whole(): void {
    const { delivered, problem, control, stage: { side, protocol } } = this.#of;
    if (problem !== undefined) throw problem;
    this.ended();
    const { shown } = this;
    if (control === undefined) {
      const left = protocol.greeting.length > 0 && this.#code === 0;
      if (shown < delivered.length && !(left && shown > 0) && (shown > 0 || this.#code !== 0 || this.#silent)) {
        throw this.#unlike(`${this.#printed}`);
      }
      if (side.ends && side.input.length === 0 && this.#code !== 0) throw this.#unlike(this.#printed);
      return;
    }
    if (shown < Math.min(control.shown, delivered.length) && !this.#inParts) throw this.#unlike(this.#printed);
    if (control.shown === 0 && this.#code !== control.#code) throw this.#unlike(this.#printed);
  }

  /**
   * Requires that it has ended, and has not taken half of an answer for all of it.
   *
   * @param level How bad it is if it has.
   * @throws {Wrong} If it still runs, or believes what it has got.
   */
  failed(level: Level = "must"): void {
    this.ended();
    const { stage: { side }, control, again } = this.#of;
    if (again || this.#code !== 0 || !side.ends) return;
    const known = control === undefined ? [] : words([control.output.text, ...control.#texts].join(" "));
    const said = [...words(this.output.text), ...words(this.#of.program.errors.text)];
    // Any word that it does not say otherwise may tell of the failure.
    if (said.some((word) => !known.some((other) => other.startsWith(word)))) return;
    if (this.#silent) {
      throw this.wrong(`you ended with exit code 0 and said nothing`, {
        level: "should",
        mistake: "An answer that does not come is a failure, of which the user is told",
      });
    }
    throw this.wrong(`${this.#printed}, as if it were all`, {
      level,
      mistake: "A client that does not look how much it has received takes half of an answer for all of it",
    });
  }

  /**
   * Requires that it has ended.
   *
   * @throws {Wrong} If it still runs.
   */
  ended(): void {
    const { exit, again, stage } = this.#of;
    if (exit === undefined && !again) throw this.wrong(`you still ran ${stage.patience.seconds} later`);
  }

  /** Makes the complaint: what the judge did, and then what the client did. */
  wrong(you: string, options: ConstructorParameters<typeof Wrong>[1] = {}): Wrong {
    return new Wrong(`${this.#of.did}; ${you}`, options);
  }

  #unlike(you: string): Wrong {
    const { gaveUp, control, stage: { protocol: { answers } } } = this.#of;
    if (control !== undefined || (!gaveUp && answers !== "end")) return this.wrong(you);
    return gaveUp
      ? this.wrong(`you waited for more, and then ${this.#printed}`, {
        mistake: "A client that reads to the end without ending its own side (shutdown) makes each wait for the other",
      })
      : this.wrong(you, {
        mistake: "close() ends both directions of a connection; shutdown(SHUT_WR) ends only that to the other side",
      });
  }

  get #texts(): string[] {
    return this.#of.stage.side.prints?.slice() ??
      this.#of.delivered.map((text) => text.trim()).filter((text) => text !== "");
  }

  get #inParts(): boolean {
    const { stage: { protocol } } = this.#of;
    return protocol.framed === undefined && protocol.answers !== "never" &&
      this.output.showsInParts(this.#texts.join(""));
  }

  get #code(): number | undefined {
    return this.#of.exit?.code;
  }

  get #silent(): boolean {
    return this.output.text.trim() === "";
  }

  get #printed(): string {
    const { exit, program } = this.#of;
    const printed = this.#silent ? "printed nothing" : `printed ${excerpt(this.output.text)}`;
    return exit === undefined ? `you ${printed}` : `you ${printed} and ${ending(exit, program)}`;
  }
}

/** How a program ended, with the last line of its errors. */
function ending({ code, signal }: Exit, { errors }: Program): string {
  const last = errors.text.trimEnd().split("\n").at(-1)!;
  const by = signal === null ? `ended with exit code ${code}` : `were ended by ${signal}`;
  return last === "" ? by : `${by}: ${excerpt(last)}`;
}

function words(text: string): string[] {
  return text.toLowerCase().match(/\p{L}{2,}/gu) ?? [];
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
