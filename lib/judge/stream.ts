import { concat } from "@std/bytes/concat";
import type { Framing } from "../framing/framing.ts";
import type { Manner } from "./manner.ts";
import type { Peer } from "./peer.ts";
import type { StreamProtocol } from "./protocol.ts";
import type { Connector } from "./stage.ts";

/** A description of a protocol over a byte stream, without what has a default. */
export type StreamDescription<Message> =
  & Pick<StreamProtocol<Message>, "name" | "port" | "framing">
  & Partial<StreamProtocol<Message>>;

/**
 * Describes a protocol over a byte stream. By default the client speaks first, and each message is answered with itself.
 *
 * @param description What differs from the default.
 * @returns The protocol.
 *
 * @example A protocol of one's own: texts in upper case
 * ```ts
 * import { judge, stream } from "@wirebench/wirebench/judge";
 * import { lengthPrefix, text } from "@wirebench/wirebench/framing";
 * import { framed, serveTcp } from "@wirebench/wirebench/net";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = text(lengthPrefix({ bytes: 2 }));
 * await using server = serveTcp({ port: 0 }, async (connection) => {
 *   const messages = framed(connection, framing);
 *   for await (const message of messages) await messages.send(message.toUpperCase());
 * });
 * const shouting = stream({
 *   name: "shouting",
 *   port: server.addr.port,
 *   framing,
 *   messages: ["one", "two", "three"],
 *   answer: (message) => message.toUpperCase(),
 * });
 * const findings = await judge(shouting, { only: ["plain", "two-at-once", "byte-by-byte"] });
 * assertEquals(findings.map(({ verdict }) => verdict), ["right", "right", "right"]);
 * ```
 */
export function stream<Message>(description: StreamDescription<Message>): StreamProtocol<Message> {
  const protocol: StreamProtocol<Message> = {
    transport: "tcp",
    shows: "",
    clients: [],
    greeting: [],
    messages: [],
    answers: "each",
    answer: (message) => message,
    scripts: [],
    cases: [],
    seats: 1,
    lag: 0,
    ends: description.answers === "first" || description.answers === "end",
    halfway: halfOf(description.messages?.map((message) => description.framing.encode(message))[0]),
    converse: (stage, manner, messages) => converse({ ...protocol, ...(messages && { messages }) }, stage, manner),
    ...description,
  };
  return protocol;
}

/** Sends the messages of a correct client, and expects all answers. */
async function converse<Message>(
  { framing, framed, messages, answers, answer }: StreamProtocol<Message>,
  stage: Connector,
  manner: Manner,
): Promise<void> {
  using peer = await stage.connect();
  const encode = (messages: readonly Message[]) => messages.map((message) => framing.encode(message));
  if (answers === "end") {
    await send(peer, encode(messages), manner);
    peer.finish();
    await peer.expect(framing.encode(answer(join(encode(messages)) as Message)));
    return await peer.expectNoMore();
  }
  const rounds = manner.together ? [messages] : messages.map((message) => [message]);
  for (const sent of rounds) {
    await peer.whileSending(send(peer, encode(sent), manner), peer.expect(join(encode(sent.map(answer)))));
  }
  if (answers === "each") peer.finish();
  const due = encode(messages.slice(0, 1))[0]!.length;
  if (framed !== undefined && peer.sentBefore! < due) {
    throw peer.wrong(`you answered after ${peer.sentBefore} of ${due} bytes`, { by: "bytes" });
  }
  await peer.expectNoMore();
}

function halfOf(message: Uint8Array = new Uint8Array()): Uint8Array {
  return message.subarray(0, Math.ceil(message.length / 2));
}

async function send(peer: Peer, messages: Uint8Array[], manner: Manner): Promise<void> {
  let end = 0;
  await manner.send(peer, join(messages), messages.map(({ length }) => end += length));
}

/** Joins chunks into one array. */
export function join(chunks: Uint8Array[]): Uint8Array {
  return chunks.length === 1 ? chunks[0]! : concat(chunks);
}

/** The framing of a stream without messages: every chunk is one. */
export const chunks: Framing<Uint8Array> = {
  encode: (message) => new Uint8Array(message),
  decoder: () => ({
    pending: false,
    failure: undefined,
    push: (chunk) => chunk.length === 0 ? [] : [new Uint8Array(chunk)],
    end: () => [],
  }),
};
