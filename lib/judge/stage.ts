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

/** The server that is judged, for one case. */
export class ServerStage implements Connector {
  readonly #options: PeerOptions;
  /** Number of connections made. */
  connected = 0;

  /** Describes where the server listens, and how long to wait for it. */
  constructor(options: PeerOptions) {
    this.#options = options;
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
