/** The direction of bytes: up is from client to server, down from server to client. */
export type Direction = "up" | "down";

/** The first line of a recording. */
export interface RecordingHeader {
  /** The version of the format. */
  readonly wirebench: 1;
  /** When the recording began, as ISO 8601. The times of events count from here. */
  readonly began: string;
  /** Where the proxy listens. */
  readonly listen: string;
  /** Where it forwards to. */
  readonly to: string;
  /** The service's name, if one of this project is behind the proxy. */
  readonly service?: string | undefined;
  /** The framing by name, as `header` or `fixed:24`. */
  readonly framing?: string | undefined;
  /** The seed of the proxy's random numbers. */
  readonly seed: number;
  /** The faults at the beginning, as the proxy's options. */
  readonly faults: Readonly<Record<string, unknown>>;
}

/** The fields of every event of a connection. */
export interface ConnectionFields {
  /** When it happened, in microseconds since the recording began. */
  readonly t: number;
  /** The number of the connection, or of the client that sends datagrams, from 1. */
  readonly c: number;
}

/** The fields of every event in one direction of a connection. */
export interface StreamFields extends ConnectionFields {
  /** The direction. */
  readonly w: Direction;
  /** Offset in the direction's bytes; those of datagrams count in the order in which they were received. */
  readonly at: number;
  /** The number of the datagram in its direction, from 1; absent for streams. */
  readonly i?: number | undefined;
}

/** A connection was accepted, or a new client sent a datagram. */
export interface OpenEvent extends ConnectionFields {
  /** The kind of event. */
  readonly k: "open";
  /** The address of the client. */
  readonly peer: string;
  /** The proxy's own address towards the target, once connected to it. */
  readonly source?: string | undefined;
}

/** A connection ended, in both directions. */
export interface CloseEvent extends ConnectionFields {
  /** The kind of event. */
  readonly k: "close";
  /** The close reason, as in the log: `finished`, `reset` ... */
  readonly reason: string;
}

/** Bytes arrived from a sender: one read, or one datagram. */
export interface InEvent extends StreamFields {
  /** The kind of event. */
  readonly k: "in";
  /** The bytes in Base64. */
  readonly d: string;
}

/** Bytes were passed on: one write, or one datagram. They are those that arrived at this offset. */
export interface OutEvent extends StreamFields {
  /** The kind of event. */
  readonly k: "out";
  /** The number of bytes. */
  readonly n: number;
}

/** A sender ended its side. */
export interface EndEvent extends StreamFields {
  /** The kind of event. */
  readonly k: "end";
}

/** A fault struck: a reset, a stop, an end of one side by the proxy, a lost, repeated or reordered datagram. */
export interface FaultEvent extends StreamFields {
  /** The kind of event. */
  readonly k: "fault";
  /** The fault. */
  readonly kind: "reset" | "stop" | "end" | "lost" | "repeated" | "reordered";
  /** The part and message of a reset in a part. */
  readonly where?: string | undefined;
}

/** The faults were switched. They strike each direction from the offset in its next `from`. */
export interface SetEvent {
  /** When it happened, in microseconds since the recording began. */
  readonly t: number;
  /** The kind of event. */
  readonly k: "set";
  /** The faults from now on. */
  readonly faults: Readonly<Record<string, unknown>>;
  /** The seed from now on; absent if it stays. */
  readonly seed?: number | undefined;
}

/** A direction began to have the faults of the last `set`. */
export interface FromEvent extends StreamFields {
  /** The kind of event. */
  readonly k: "from";
}

/** Forwarding was paused or resumed, for all connections. */
export interface PauseEvent {
  /** When it happened, in microseconds since the recording began. */
  readonly t: number;
  /** The kind of event. */
  readonly k: "pause" | "resume";
}

/** While paused, one byte, piece or message was let through. */
export interface StepEvent extends StreamFields {
  /** The kind of event. */
  readonly k: "step";
  /** What was let through. */
  readonly unit: "byte" | "piece" | "message";
}

/** Events are missing here, since the memory for them was full. */
export interface SkipEvent {
  /** The kind of event. */
  readonly k: "skip";
  /** The number of events. */
  readonly n: number;
}

/** One line of a recording after the first. */
export type RecordedEvent =
  | OpenEvent
  | CloseEvent
  | InEvent
  | OutEvent
  | EndEvent
  | FaultEvent
  | SetEvent
  | FromEvent
  | PauseEvent
  | StepEvent
  | SkipEvent;
