import type { Case } from "./case.ts";
import type { StreamClient } from "./stream_client.ts";
import type { Conversation } from "./conversation.ts";
import type { Data } from "./protocol.ts";

/** What the judge knows of a protocol's clients besides the messages. */
export interface ClientSide {
  /** The lines of the client's standard input. */
  readonly input: readonly string[];
  /** The lines that its user types later, while the conversation goes on. */
  readonly typed?: readonly string[];
  /** Whether the client ends by itself once it has its answers; otherwise it may go on until the server ends. */
  readonly ends: boolean;
  /** Number of messages after which the server ends the conversation; any by default. */
  readonly rounds?: number;
  /** The message after which the server ends the conversation. */
  readonly last?: string;
  /** The mistake of a client that sends an incomplete message. */
  readonly unfinished: string;
  /** Whether it can tell an answer that is cut short from a whole one. */
  readonly knowsEnd: boolean;
  /** Whether its datagrams are UTF-8. */
  readonly isText?: boolean;
  /** The answers of a server of datagrams, if the protocol leaves them open. */
  readonly replies?: readonly string[];
  /** Texts that it prints for an answer, if they are not the answer itself. */
  readonly prints?: readonly string[];
  /** An answer, or a message of the server, whose text steers a terminal. */
  readonly escape?: Data | undefined;
  /** A message that is not UTF-8. */
  readonly notUtf8?: Data;
  /** A message that no client accepts. */
  readonly malformed?: { readonly what: string; readonly bytes: Data; readonly mistake: string };
  /** The start of a message without end. */
  readonly endless?: { readonly what: string; readonly start: Data; readonly mistake: string };
  /** Plays the server on one connection, if it does more than answer. */
  serve?(conversation: Conversation): Promise<void>;
  /** Cases of this protocol alone. */
  readonly cases?: readonly Case<StreamClient>[];
}
