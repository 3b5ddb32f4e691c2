import type { Patience } from "./patience.ts";
import { Peer } from "./peer.ts";
import type { Tap } from "./tap.ts";

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

/** Where a server that is judged listens, and how long to wait for it. */
export class ServerStage implements Connector {
  readonly hostname: string;
  readonly port: number;
  readonly patience: Patience;
  /** Records the connections. */
  readonly tap: Tap | undefined;

  /** Describes where the server listens. */
  constructor({ hostname, port, patience, tap }: {
    hostname: string;
    port: number;
    patience: Patience;
    tap?: Tap | undefined;
  }) {
    this.hostname = hostname;
    this.port = port;
    this.patience = patience;
    this.tap = tap;
  }

  connect(name?: string): Promise<Peer> {
    const { hostname, port, patience, tap } = this;
    return Peer.connect({ hostname, port, patience, tap, name });
  }

  /** The same server with more patience. */
  patient(factor: number): ServerStage {
    return new ServerStage({ ...this, patience: this.patience.share(factor) });
  }
}
