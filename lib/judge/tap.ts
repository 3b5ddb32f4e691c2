import type { Direction } from "../record/event.ts";
import type { ProxyTap } from "../record/tap.ts";

/** Records what the judge's connections send and receive. */
export interface Tap {
  /**
   * A connection was opened.
   *
   * @param peer The client's address.
   * @param datagrams Whether it is a socket for datagrams.
   */
  opened(peer: string, datagrams?: boolean): TappedConnection;
}

/** Records one connection. */
export interface TappedConnection {
  /** Bytes were sent by one side, and passed on unchanged. */
  passed(direction: Direction, bytes: Uint8Array): void;
  /** A side was ended. */
  ended(direction: Direction): void;
  /** The connection was closed. */
  closed(reason: string): void;
}

/**
 * Records as a proxy between the judge and the program would.
 *
 * @param tap The recorder.
 * @returns Taps the judge's connections.
 */
export function recordedBy(tap: ProxyTap): Tap {
  let connections = 0;
  return {
    opened(peer, datagrams = false) {
      const number = ++connections;
      const offsets = { up: 0, down: 0 };
      const counts = { up: 0, down: 0 };
      let isClosed = false;
      tap.opened?.(number, peer, undefined);
      return {
        passed(way, bytes) {
          const at = offsets[way];
          const datagram = datagrams ? ++counts[way] : undefined;
          offsets[way] += bytes.length;
          tap.received?.(number, way, at, bytes, datagram);
          tap.forwarded?.(number, way, at, bytes.length, datagram);
        },
        ended: (way) => tap.ended?.(number, way, offsets[way]),
        closed(reason) {
          if (!isClosed) tap.closed?.(number, reason);
          isClosed = true;
        },
      };
    },
  };
}
