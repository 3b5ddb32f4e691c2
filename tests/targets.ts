// Programs to attack, and their correct clients, as the protocols describe them.

import { concat } from "@std/bytes/concat";
import { Patience, protocolOf, ServerStage, type StreamProtocol } from "@wirebench/wirebench/judge";
import { inTurns } from "../lib/judge/manner.ts";
import { bytes, type ServerProcess } from "./harness.ts";

/** How long a correct client waits for anything, in milliseconds. */
const PATIENCE = new Patience(20_000);

/** A program to attack. */
export interface Target {
  service: string;
  /** Arguments of the server. */
  args: string[];
  protocol: StreamProtocol;
  /** All that correct clients send, and the longest message of it. To a server that reads nothing: anything. */
  sent: Uint8Array;
  longest: Uint8Array;
  /** Plays a correct client. */
  served(server: ServerProcess): Promise<void>;
}

/** The service that speaks a protocol with these options. */
export function targetOf(service: string, options: Record<string, string> = {}): Target {
  const protocol = protocolOf(service, options) as StreamProtocol;
  const { framing, messages, long } = protocol;
  const encoded = [...messages, ...(long === undefined ? [] : [long])].map((message) => framing.encode(message));
  if (encoded.length === 0) encoded.push(bytes("anything"));
  return {
    service,
    args: Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
    protocol,
    sent: concat(encoded),
    longest: encoded.at(-1)!,
    served: ({ port }) =>
      protocol.converse(new ServerStage({ hostname: "127.0.0.1", port, patience: PATIENCE }), inTurns),
  };
}
