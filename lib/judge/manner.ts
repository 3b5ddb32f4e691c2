import type { Peer } from "./peer.ts";

/** How a client or a server cuts its bytes into writes, which changes nothing for a right program. */
export interface Manner {
  /** Whether all messages are sent together, and not each after the answer to the one before. */
  readonly together: boolean;
  /** Sends one message, or all of them. */
  send(peer: Peer, bytes: Uint8Array, ends: readonly number[]): Promise<void>;
}

/** How many bytes at the start and at the end of a message are sent singly. */
const SINGLE = { first: 20, last: 4 };
/** The pause after a single byte, in milliseconds. */
const AFTER_BYTE = 10;

/** Each message in one write, after the answer to the one before. */
export const inTurns: Manner = { together: false, send: (peer, bytes) => peer.send(bytes) };

/** All messages in one write. */
export const inOneWrite: Manner = { together: true, send: (peer, bytes) => peer.send(bytes) };

/** Each byte in a write of its own; only the first and the last ones of a long message. */
export const byteByByte: Manner = {
  together: false,
  async send(peer, bytes) {
    const { first, last } = SINGLE;
    const middle = Math.max(first, bytes.length - last);
    await peer.sendApart(singly(bytes.subarray(0, first)), AFTER_BYTE);
    if (middle > first) await peer.sendApart([bytes.subarray(first, middle)], AFTER_BYTE);
    await peer.sendApart(singly(bytes.subarray(middle)), AFTER_BYTE);
  },
};

/** Writes that each hold the end of one message and the start of the next. */
export const acrossMessages: Manner = {
  together: true,
  async send(peer, bytes, ends) {
    let start = 0;
    const cuts = ends.map((end, index) => Math.ceil(((ends[index - 1] ?? 0) + end) / 2));
    await peer.sendApart([...cuts, bytes.length].map((cut) => bytes.subarray(start, start = cut)));
  },
};

function singly(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}
