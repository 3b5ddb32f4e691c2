import type { Direction } from "../record/event.ts";

/** Records what the judge's connections send and receive. */
export interface Tap {
  /** A connection was opened. */
  opened(peer: string): TappedConnection;
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
