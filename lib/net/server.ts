import type { Log } from "../log/log.ts";
import type { ListenAddress } from "./address.ts";

/** Options that every server takes. */
export interface ServeOptions {
  /**
   * Address to listen at. Any address other than a loopback address exposes the server to the network.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string | undefined;
  /** Port to listen at, 0 to 65535. 0 chooses a free one; see `addr`. */
  port?: number | undefined;
  /**
   * Allow list of clients: addresses, or ranges such as `192.168.0.0/16`. By default all clients are allowed.
   */
  allow?: readonly string[] | undefined;
  /** Called once the server listens. */
  onListen?: ((address: ListenAddress) => void) | undefined;
  /** Aborts all connections and ends the server. `shutdown` lets connections finish first. */
  signal?: AbortSignal | undefined;
  /** The log of the server. Unless the program configures the log, only its own errors are written, to standard error. */
  log?: Log | undefined;
}

/** A running server, in the shape of `Deno.HttpServer`. Disposing of it shuts it down. */
export interface Server extends AsyncDisposable {
  /** Address that it listens at. */
  readonly addr: ListenAddress;
  /** Resolves when the server has ended and everything that it opened is closed. */
  readonly finished: Promise<void>;
  /** Stops accepting and lets connections finish. */
  shutdown(): Promise<unknown>;
}
