import { TruncatedMessageError } from "../../lib/framing/errors.ts";
import { fixed } from "../../lib/framing/fixed.ts";
import type { Framing } from "../../lib/framing/framing.ts";
import type { Framed } from "../../lib/net/mod.ts";

/** The tutorial's 3000 and 1060 belong to uppercase and lines here. */
export const PORT = 3002;

/** The length of both messages in bytes. */
const LENGTH = 16;
/** The client's message. */
export const GREETING = "Hi there, server";
/** The server's answer. */
export const FAREWELL = "Farewell, client";

/** Messages of exactly 16 bytes. */
export const framing: Framing<Uint8Array> = fixed(LENGTH);

/** Reads exactly 16 bytes, in as many reads as it takes. */
export async function readSixteen(messages: Framed<Uint8Array>): Promise<Uint8Array> {
  const message = await messages.receive();
  if (message === undefined) throw new TruncatedMessageError("message", LENGTH, 0);
  return message;
}
