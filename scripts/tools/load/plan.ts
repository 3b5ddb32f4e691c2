import type { HostPort } from "../../../lib/net/mod.ts";

/** The names of the checks of answers. */
export const EXPECTATIONS = ["echo", "uppercase", "any"] as const;

/** A load as the options describe it. */
export interface Plan extends HostPort {
  transport: "tcp" | "udp";
  /** The name of the framing. */
  framing: string;
  connections: number;
  /** Length of a message in bytes, without its framing. */
  size: number;
  /** Messages in flight on each connection. */
  inFlight: number;
  /** How long to send, in milliseconds. */
  duration: number;
  /** How long to wait for a connection or an answer, in milliseconds. */
  timeout: number;
  expect: (typeof EXPECTATIONS)[number];
  /** Whether to open a connection for each message. */
  connectEach: boolean;
  /** Messages a second over all connections; `Infinity` to send as fast as answers arrive. */
  rate: number;
  /** For a chat: the servers that its members connect to, in turns, and the number of members that send. */
  servers?: readonly HostPort[];
  talkers?: number;
}

/** A load on a chat: each message must reach all other members, in order. */
export type ChatPlan = Plan & { servers: readonly HostPort[]; talkers: number };

/** Whether a load is on a chat. */
export function isChat(plan: Plan): plan is ChatPlan {
  return plan.servers !== undefined;
}

/** A connection of a load. */
export interface Flow {
  /** Number of its messages that were answered. */
  readonly answered: number;
  /** Starts to send. */
  start(): void;
  /** Stops sending, and waits until all is answered or lost. */
  finish(): Promise<void>;
  /** Closes the socket. */
  close(): void;
}
