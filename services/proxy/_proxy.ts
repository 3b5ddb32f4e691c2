import type { Log } from "../../lib/log/mod.ts";
import type { Endpoint } from "../../lib/net/mod.ts";
import type { Direction } from "../../lib/record/event.ts";
import type { ProxyTap, StepUnit } from "../../lib/record/tap.ts";
import type { Faults } from "./_faults.ts";

/** Counts of what a proxy has forwarded and of the faults it has injected. */
export interface ProxyReport {
  /** Number of connections, or of clients that sent datagrams. */
  connections: number;
  /** Number of connections that ended with a reset: an injected fault, a reset by one side, or an unreachable target. */
  reset: number;
  /** Number of connections that were open at shutdown, and were aborted. */
  aborted: number;
  /** Number of bytes forwarded from clients to the target. */
  up: number;
  /** Number of bytes forwarded from the target to clients. */
  down: number;
  /** Number of faults of each kind that strikes a whole connection or a datagram. */
  faults: Record<"reset" | "stopped" | "lost" | "repeated" | "reordered", number>;
}

/** The checked options of a proxy, for streams and for datagrams. */
export interface ProxyConfig {
  listen: Endpoint;
  to: Endpoint;
  /** The faults in force; another object once they are replaced. */
  faults: Faults;
  /** Whether forwarding is paused. */
  isPaused: boolean;
  /** The seed in force. The faults are another object once it is replaced. */
  seed: number;
  maxConnections: number;
  log: Log;
  tap: ProxyTap | undefined;
  /** The counts, updated as the proxy runs. */
  report: ProxyReport;
}

/** The controls of one connection or client. */
export interface Controls {
  /** Ends all waits, since the faults or the pause have changed. */
  wake(): void;
  /** Lets a unit through. */
  step(way: Direction, unit: StepUnit): void;
  /** Ends one direction. */
  endSide(way: Direction): void;
  /** Resets both sides. */
  reset(): void;
}

/** A running proxy, for streams or for datagrams. */
export interface RunningProxy {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  /** The open connections, or clients, by their numbers. */
  readonly open: ReadonlyMap<number, Controls>;
  /** Aborts every connection, and waits until all sockets are closed. */
  stop(): Promise<void>;
}
