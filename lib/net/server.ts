import type { Log } from "../log/log.ts";
import type { ListenAddress } from "./address.ts";

/** Options that every server takes. */
export interface ServeOptions {
  /**
   * The address to listen at. Any other than a loopback address exposes the server to whoever can reach it.
   *
   * @default {"127.0.0.1"}
   */
  hostname?: string;
  /** The port to listen at, 0 to 65535; 0 takes a free one, which `addr` then tells. */
  port?: number;
  /**
   * Whose connections or datagrams are taken: addresses, or ranges like `192.168.0.0/16`. Everybody's, unless given.
   */
  allow?: readonly string[] | undefined;
  /** Called once the server listens. */
  onListen?: (address: ListenAddress) => void;
  /** Cuts everything off when it is aborted; `shutdown` is the gentle way. */
  signal?: AbortSignal;
  /** Where the server writes what happens; nothing comes of it unless a program configures the log. */
  log?: Log;
}

/** What every running server has, in the shape of `Deno.HttpServer`. Disposing of it shuts it down. */
export interface Server extends AsyncDisposable {
  /** Where it listens. */
  readonly addr: ListenAddress;
  /** Fulfilled when the server has ended and everything it opened is closed. */
  readonly finished: Promise<void>;
  /** Ends the server gently. */
  shutdown(): Promise<unknown>;
}
