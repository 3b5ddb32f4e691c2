import type { Patience } from "./patience.ts";
import { Peer, type PeerOptions } from "./peer.ts";

/** Where clients come from: usually new connections to the server that is judged. */
export interface Connector {
  /**
   * Connects to the server.
   *
   * @param name Whom the judge plays, if it plays several.
   */
  connect(name?: string): Promise<Peer>;
  /** How long to wait for anything. */
  readonly patience: Patience;
}

/** The memory of a process in bytes, and the number of its descriptors. */
export interface Footprint {
  /** Resident memory in bytes. */
  readonly memory?: number | undefined;
  /** Number of open descriptors. */
  readonly descriptors?: number | undefined;
}

/** What cases may know besides the connection. */
export interface ServerStageOptions extends PeerOptions {
  /** Measures the process that is judged, if it is known. */
  readonly measure?: (() => Promise<Footprint>) | undefined;
  /** How long the program lets clients be silent, in milliseconds, if it is known. */
  readonly silence?: number | undefined;
  /** Resolves when all cases but those in the background are done. */
  readonly othersDone?: Promise<void> | undefined;
}

/** The server that is judged, for one case. */
export class ServerStage implements Connector {
  readonly #options: ServerStageOptions;
  /** Number of connections made. */
  connected = 0;

  /** Describes where the server listens, and how long to wait for it. */
  constructor(options: ServerStageOptions) {
    this.#options = options;
  }

  /** Measures the process that is judged, if it is known. */
  get measure(): ServerStageOptions["measure"] {
    return this.#options.measure;
  }

  /** How long the program lets clients be silent, in milliseconds, if it is known. */
  get silence(): number | undefined {
    return this.#options.silence;
  }

  /** Resolves when all cases but those in the background are done. */
  get othersDone(): Promise<void> {
    return this.#options.othersDone ?? Promise.resolve();
  }

  /** How long to wait for anything. */
  get patience(): Patience {
    return this.#options.patience;
  }

  /** Connects to the server. */
  async connect(name?: string): Promise<Peer> {
    const peer = await Peer.connect({ ...this.#options, name });
    this.connected++;
    return peer;
  }

  /** The same server with more patience. */
  patient(factor: number): Connector {
    const patience = this.patience.share(factor);
    return { patience, connect: (name) => this.connect(name).then((peer) => peer.with(patience)) };
  }
}
