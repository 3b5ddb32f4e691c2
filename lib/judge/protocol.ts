import type { Framing } from "../framing/framing.ts";
import type { Case } from "./case.ts";
import type { ClientSide } from "./client_side.ts";
import type { DatagramStage } from "./datagrams.ts";
import type { Manner } from "./manner.ts";
import type { Connector, ServerStage } from "./stage.ts";

/** Bytes, or text that is sent as UTF-8. */
export type Data = Uint8Array | string;

/** A run of this project's own client: its arguments and its standard output. */
export interface ClientRun {
  /** Its arguments, besides the address of the server; `{host}` and `{port}` stand for it. */
  readonly args: readonly string[];
  /** What it prints. */
  readonly prints: string | RegExp;
}

/** What all protocols have. */
export interface ProtocolDescription {
  /** The program's name, as in `deno task NAME:server`. */
  readonly name: string;
  /** What the program shows, in a few words. */
  readonly shows: string;
  /** The port of the project's own server. */
  readonly port: number;
  /** Runs of the project's own client, for a server with the default options. */
  readonly clients: readonly ClientRun[];
  /** What the judge of clients must know besides; without it, it judges servers only. */
  readonly client?: ClientSide | undefined;
}

/** An exchange on one connection, written out chunk by chunk. It becomes a case of its own. */
export interface Script extends Omit<Case<never>, "run"> {
  /** The chunks that the client sends, each in a write of its own. */
  readonly chunks: readonly Data[];
  /** Whether the client then ends its side. */
  readonly ends?: boolean;
  /** What must come back. */
  readonly answers: Data;
  /**
   * What the server then does: it sends no more (`stays`, and `stops` if it must then serve others); it ends the
   * connection; it refuses what came, for which it may also reset the connection; or it may do anything, as long as it
   * serves others.
   */
  readonly then: "stays" | "stops" | "ends" | "refuses" | "survives";
}

/** A protocol over a byte stream. */
// deno-lint-ignore no-explicit-any
export interface StreamProtocol<Message = any> extends ProtocolDescription {
  /** The transport. */
  readonly transport: "tcp";
  /** The format of messages on the wire. */
  readonly framing: Framing<Message>;
  /** Its name in recordings and for the proxy; absent for a stream without messages. */
  readonly framed?: string | undefined;
  /** The messages that the server sends first. */
  readonly greeting: readonly Message[];
  /** Messages of a correct client, in order. */
  readonly messages: readonly Message[];
  /** A message that is longer than one read of most programs, if there may be one. */
  readonly long?: Message | undefined;
  /** When the server answers: each message; the first, and ends; all of the stream, at its end; never. */
  readonly answers: "each" | "first" | "end" | "never";
  /** The answer to a message; to all that was sent, if `answers` is `end`. */
  answer(message: Message): Message;
  /**
   * Plays the whole conversation of correct clients, and checks every byte.
   *
   * @param stage Connects to the server.
   * @param manner How the clients cut their bytes into writes.
   * @param messages What they send, if not `messages`.
   * @throws {Wrong} If anything differs from the protocol.
   */
  converse(stage: Connector, manner: Manner, messages?: readonly Message[]): Promise<void>;
  /** Legal but unusual, malformed and hostile streams. */
  readonly scripts: readonly Script[];
  /** Whether the server ends the conversation. */
  readonly ends: boolean;
  /** How much later than others the server may notice that a client has left, in milliseconds. */
  readonly lag: number;
  /** Number of connections that a conversation takes. */
  readonly seats: number;
  /** The start of a message, after which a client falls silent. */
  readonly halfway: Data;
  /** Cases of this protocol alone. */
  readonly cases: readonly Case<ServerStage>[];
}

/** A protocol over datagrams. */
export interface DatagramProtocol extends ProtocolDescription {
  /** The transport. */
  readonly transport: "udp";
  /** Datagrams of a correct client. */
  readonly messages: readonly Data[];
  /** The answer to a datagram; `undefined` if it may be any. */
  answer(message: Uint8Array): Uint8Array | undefined;
  /** Unusual and hostile datagrams. */
  readonly scripts: readonly DatagramScript[];
  /** Cases of this protocol alone. */
  readonly cases: readonly Case<DatagramStage>[];
}

/** A datagram that becomes a case of its own. */
export interface DatagramScript extends Omit<Case<never>, "run"> {
  /** What the client sends. */
  readonly datagram: Data;
}

/** The description of one program's protocol. */
export type Protocol = StreamProtocol | DatagramProtocol;

/** An option of a protocol on which judge and program must agree. */
export interface ProtocolOption {
  /** What it means. */
  readonly help: string;
  /** Its value if it is not given. */
  readonly default: string;
}
