import type { HostPort } from "../../../lib/net/mod.ts";
import type { FramingName } from "./tape.ts";

/** What counts as a right answer. */
export const EXPECTATIONS = ["echo", "uppercase", "any"] as const;

/** A load, as it was asked for. */
export interface Plan extends HostPort {
  transport: "tcp" | "udp";
  framing: FramingName;
  connections: number;
  /** Bytes of a message, its framing not counted. */
  size: number;
  /** How many messages a connection has under way at once. */
  inFlight: number;
  /** How long to send, in milliseconds. */
  duration: number;
  /** How long an answer, or a connection, may take, in milliseconds. */
  timeout: number;
  expect: (typeof EXPECTATIONS)[number];
  /** Whether each message has a connection of its own. */
  connectEach: boolean;
  /** Messages a second over all connections; `Infinity` for as many as are answered. */
  rate: number;
}

/** One connection's part of a load. */
export interface Flow {
  /** How many of its messages were answered. */
  readonly answered: number;
  /** Begins to send. */
  start(): void;
  /** Sends nothing more; fulfilled when everything is answered, or nothing more will be. */
  finish(): Promise<void>;
  /** Lets go of the socket. */
  close(): void;
}
