import { NobodyThere, Unjudged, Wrong } from "./case.ts";
import { excerpt } from "./conversation.ts";
import { ending, type Run } from "./client_run.ts";
import type { ClientSide } from "./client_side.ts";
import type { Patience } from "./patience.ts";
import { Program } from "./program.ts";
import type { ProtocolDescription } from "./protocol.ts";
import type { Tap } from "./tap.ts";

/** The name that the judge gives to a client that asks for one. Its UTF-8 has more bytes than it has characters. */
export const NAME = "zoë";

/** How long a client that has ended may take to be seen, as a share of the patience. */
const SEEN = 0.01;

/** What a {@linkcode ClientStage} is made of. */
export interface ClientStageOptions<Protocol extends ProtocolDescription> {
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** The protocol that it speaks. */
  readonly protocol: Protocol;
  /** What the judge knows of the protocol's clients. */
  readonly side: ClientSide;
  /** Where the judge's server listens. */
  readonly hostname: string;
  /** How long the client may take for anything. */
  readonly patience: Patience;
  /** Records the connections. */
  readonly tap?: Tap | undefined;
  /** What the stages of all cases share. */
  readonly shared: SharedByCases;
  /** Ends the client. */
  readonly signal?: AbortSignal | undefined;
}

/** What the stages of all cases share. */
export interface SharedByCases {
  /** Number of connections of the client so far, or of datagrams. */
  connected: number;
  /** The run with a correct server on a good network. */
  control?: Promise<Run> | undefined;
}

/** A client program that is judged, and the protocol that it speaks. */
export abstract class ClientStage<Protocol extends ProtocolDescription, Treatment> {
  /** The protocol that it speaks. */
  readonly protocol: Protocol;
  /** What the judge knows of the protocol's clients. */
  readonly side: ClientSide;
  /** Where the judge's server listens. */
  readonly hostname: string;
  /** How long the client may take for anything. */
  readonly patience: Patience;
  /** Records the connections. */
  protected readonly tap: Tap | undefined;
  /** What the stages of all cases share. */
  protected readonly shared: SharedByCases;
  readonly #command: readonly string[];
  readonly #signal: AbortSignal | undefined;

  /** Describes the client. */
  constructor({ command, protocol, side, hostname, patience, tap, shared, signal }: ClientStageOptions<Protocol>) {
    this.#command = command;
    this.protocol = protocol;
    this.side = side;
    this.hostname = hostname;
    this.patience = patience;
    this.tap = tap;
    this.shared = shared;
    this.#signal = signal;
  }

  /** Number of connections of the client so far, or of datagrams. */
  get connected(): number {
    return this.shared.connected;
  }

  /** The port at which the judge listens: a free one, or that of the protocol if the command has no {port}. */
  get port(): number {
    return this.#command.some((word) => word.includes("{port}")) ? 0 : this.protocol.port;
  }

  /**
   * Starts the client, and plays the server for it. From its second connection on, the server is correct.
   *
   * @param treatment How the server treats it.
   * @param control The run with which this one is compared.
   * @throws {NobodyThere} If it does not connect.
   */
  abstract play(treatment: Treatment, control?: Run): Promise<Run>;

  /** Plays a correct server on a good network. */
  protected abstract playWell(): Promise<Run>;

  /**
   * Plays a correct server on a good network, until the client succeeds once. Other runs are compared with this one.
   *
   * @throws {Wrong} If the client fails even then.
   */
  async control(): Promise<Run> {
    const control = this.shared.control ??= this.#playControl();
    try {
      return await control;
    } catch (error) {
      this.shared.control = undefined;
      throw error;
    }
  }

  async #playControl(): Promise<Run> {
    const began = performance.now();
    let run;
    try {
      run = await this.playWell();
      run.whole();
    } catch (error) {
      // What was wrong at once may be due to a busy machine.
      const isLate = performance.now() - began > this.patience.milliseconds / 2;
      if (isLate || !(error instanceof Wrong || error instanceof Unjudged)) throw error;
      run = await this.playWell();
      run.whole();
    }
    if (run.shown === 0) run.isSteady = (await this.playWell()).output.text === run.output.text;
    return run;
  }

  /** Starts the client for a server at a port, and types what its user has to say. */
  protected start(port: number): Program {
    if (this.#signal?.aborted) throw new Unjudged("Interrupted");
    const words = { host: this.hostname, port: String(port), name: NAME };
    const hasName = this.#command.some((word) => word.includes("{name}"));
    const program = new Program(
      this.#command.map((word) => word.replace(/\{(host|port|name)\}/g, (_, key: keyof typeof words) => words[key])),
    );
    const kill = () => program.kill();
    this.#signal?.addEventListener("abort", kill);
    program.exit.finally(() => this.#signal?.removeEventListener("abort", kill));
    const input = this.side.input.filter((line) => !hasName || line !== NAME);
    const typing = (async () => {
      for (const line of input) await program.type(line);
    })();
    if (this.side.serve === undefined) typing.then(() => program.endInput());
    return program;
  }

  /** Waits a little for the connection or datagram of a client that ended at once, which may not have been seen yet. */
  protected async late(arrival: Promise<unknown>): Promise<void> {
    await this.patience.share(SEEN).allows(arrival);
  }

  /** Explains that the client did not connect. */
  protected async absent(program: Program, port: number): Promise<NobodyThere> {
    const { hostname, patience } = this;
    const why = program.ended ? ending(await program.exit, program) : `still ran after ${patience.seconds}`;
    const { output, errors } = program;
    const printed = output.text === "" || errors.text !== "" ? "" : `; it printed ${excerpt(output.text)}`;
    const hint = this.port === 0 ? "" : "; its command has no {port}, so it must know the port";
    return new NobodyThere(`your program did not come to ${hostname}:${port}, and ${why}${printed}${hint}`);
  }
}
