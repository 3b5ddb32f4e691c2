import type { Endpoint } from "../../lib/net/mod.ts";
import type { Log } from "../../lib/log/mod.ts";
import type { Faults } from "./_faults.ts";

/** What has passed through a proxy, and what it did to it. */
export interface ProxyReport {
  /** How many connections there were, or clients that sent datagrams. */
  connections: number;
  /** How many of them ended with a reset: a fault, one that a side made, a target that could not be reached. */
  reset: number;
  /** How many of them were open when the proxy was shut down, and cut off. */
  cut: number;
  /** How many bytes went from clients to the target. */
  up: number;
  /** How many bytes went from the target to clients. */
  down: number;
  /** How many times each fault happened that happens once: to a connection, to a datagram. */
  faults: Record<"reset" | "stopped" | "lost" | "repeated" | "reordered", number>;
}

/** What both kinds of proxies are given. */
export interface Setting {
  listen: Endpoint;
  to: Endpoint;
  faults: Faults;
  seed: number;
  maxConnections: number;
  log: Log;
  /** Where to count. */
  report: ProxyReport;
}

/** A proxy at work, whatever it passes on. */
export interface Proxying {
  readonly addr: Deno.NetAddr | Deno.UnixAddr;
  /** How many connections are open. */
  readonly connections: number;
  /** Cuts everything off, and waits until all is closed. */
  stop(): Promise<void>;
}
