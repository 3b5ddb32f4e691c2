import type { Direction, FaultEvent, RecordingHeader, StepEvent } from "./event.ts";

/** A proxy, as the first line of a recording describes it. */
export type ProxyDescription = Pick<RecordingHeader, "listen" | "to" | "seed" | "framing" | "faults">;

/** A kind of fault in a recording. */
export type FaultKind = FaultEvent["kind"];

/** What one step lets through while a proxy is paused. */
export type StepUnit = StepEvent["unit"];

/**
 * Observes a proxy. The proxy calls each method at the moment of the event, and waits for nothing. Bytes are valid during
 * the call only. Offsets count the bytes that arrived in one direction of one connection.
 */
export interface ProxyTap {
  /** The proxy listens. */
  started?(proxy: ProxyDescription): void;
  /** A connection to the target is open, or could not be opened, or a new client sent a datagram. */
  opened?(connection: number, peer: string, source: string | undefined): void;
  /** Bytes arrived: one read, or the datagram with this number, counted from 1. */
  received?(connection: number, way: Direction, at: number, bytes: Uint8Array, datagram?: number): void;
  /** Bytes are passed on: one write, or one datagram. */
  forwarded?(connection: number, way: Direction, at: number, length: number, datagram?: number): void;
  /** A sender ended its side. */
  ended?(connection: number, way: Direction, at: number): void;
  /** A fault struck. `where` is the part and message of a reset in a part. */
  fault?(connection: number, way: Direction, at: number, kind: FaultKind, where?: string, datagram?: number): void;
  /** A connection ended in both directions, for a reason of the log. */
  closed?(connection: number, reason: string): void;
  /** The faults were replaced, and the seed if there is one. */
  switched?(faults: Readonly<Record<string, unknown>>, seed?: number): void;
  /** A direction has the new faults from this offset on. */
  applied?(connection: number, way: Direction, at: number): void;
  /** Forwarding was paused or resumed. */
  paused?(paused: boolean): void;
  /** A step lets bytes through from this offset on. */
  stepped?(connection: number, way: Direction, at: number, unit: StepUnit): void;
  /** The proxy has stopped. */
  stopped?(): void;
}
