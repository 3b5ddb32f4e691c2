import type { FrameLayout } from "../framing/layout.ts";
import { layoutOf } from "../framing/layout_of.ts";
import type { RecordedEvent, RecordingHeader } from "./event.ts";
import { BYTES_PER_ITEM, Flow } from "./flow.ts";

/** A connection, or a client that sends datagrams. */
export class Connection {
  /** The number, from 1. */
  readonly number: number;
  /** The client's address. */
  peer = "";
  /** The proxy's address towards the target. */
  source: string | undefined;
  /** When it was opened. */
  readonly opened: number;
  /** When and why it ended. */
  closed: { t: number; reason: string } | undefined;
  /** From the client to the server. */
  readonly up: Flow;
  /** From the server to the client. */
  readonly down: Flow;

  /** Starts without bytes. */
  constructor(number: number, opened: number, datagrams: boolean, layout: FrameLayout | undefined) {
    this.number = number;
    this.opened = opened;
    this.up = new Flow("up", datagrams, layout);
    this.down = new Flow("down", datagrams, layout);
  }

  /** Ends both directions. */
  close(t: number, reason: string): void {
    this.closed = { t, reason };
    if (this.up.datagrams || reason === "finished") return;
    for (const flow of [this.up, this.down]) flow.abort(t, reason === "reset" ? undefined : `(${reason})`);
  }
}

/** The contents of a recording, connection by connection. */
export class Session {
  /** The recording's first line. */
  readonly header: RecordingHeader;
  /** The connections by number. */
  readonly connections: Map<number, Connection> = new Map();
  /** The framing by name; `undefined` for none. */
  framing: string | undefined;
  /** The faults now. */
  faults: Readonly<Record<string, unknown>>;
  /** The seed now. */
  seed: number;
  /** Whether forwarding is paused. */
  paused = false;
  /** Number of events that are missing. */
  missed = 0;
  /** Number of events. */
  events = 0;
  /** Time of the last event, in microseconds. */
  duration = 0;
  #layout: FrameLayout | undefined;

  /**
   * Starts a session without events.
   *
   * @param header The recording's first line.
   * @param framing The framing by name, instead of the recording's own; an empty text for none.
   * @throws {TypeError} If there is no such framing.
   */
  constructor(header: RecordingHeader, framing: string | undefined = header.framing) {
    this.header = header;
    this.faults = header.faults;
    this.seed = header.seed;
    this.setFraming(framing);
  }

  /** Whether datagrams are forwarded, not streams. */
  get datagrams(): boolean {
    return this.header.listen.startsWith("udp:");
  }

  /**
   * Divides all bytes into messages again.
   *
   * @param framing The framing by name; `undefined` or an empty text for none.
   * @throws {TypeError} If there is no such framing. The session stays as it was.
   */
  setFraming(framing: string | undefined): void {
    this.#layout = framing ? layoutOf(framing) : undefined;
    this.framing = framing || undefined;
    for (const { up, down } of this.connections.values()) {
      up.setLayout(this.#layout);
      down.setLayout(this.#layout);
    }
  }

  /**
   * Keeps the memory bounded: forgets the oldest closed connections, then the older half of each direction.
   *
   * @param most The most memory to use, in bytes.
   * @returns Whether anything was forgotten.
   */
  trim(most: number): boolean {
    let weight = 0;
    for (const connection of this.connections.values()) weight += weightOf(connection);
    if (weight <= most) return false;
    for (const [number, connection] of this.connections) {
      if (weight <= most / 2) return true;
      if (connection.closed === undefined || this.connections.size === 1) continue;
      this.connections.delete(number);
      weight -= weightOf(connection);
    }
    if (weight <= most / 2) return true;
    for (const { up, down } of this.connections.values()) {
      up.forget(up.rows.length >> 1);
      down.forget(down.rows.length >> 1);
    }
    return true;
  }

  /** Adds the next event of the recording. */
  add(event: RecordedEvent): void {
    this.events++;
    if ("t" in event) this.duration = Math.max(this.duration, event.t);
    switch (event.k) {
      case "skip":
        this.missed += event.n;
        return;
      case "set":
        this.faults = event.faults;
        this.seed = event.seed ?? this.seed;
        return;
      case "pause":
      case "resume":
        this.paused = event.k === "pause";
        return;
    }
    const connection = this.#connection(event.c, event.t);
    switch (event.k) {
      case "open":
        connection.peer = event.peer;
        connection.source = event.source ?? connection.source;
        return;
      case "close":
        connection.close(event.t, event.reason);
        return;
    }
    const flow = connection[event.w];
    switch (event.k) {
      case "in":
        return flow.receive(event.t, event.at, decodeBase64(event.d), event.i);
      case "out":
        return flow.pass(event.t, event.at, event.n, event.i);
      case "end":
        return flow.finish(event.t, event.at);
      case "from":
        return flow.mark("from", event.t, event.at, event.i, this.#describeFaults());
      case "fault":
        if (event.kind === "end") return flow.finish(event.t, event.at, " by the proxy");
        if (event.kind === "reset" || event.kind === "stop") {
          return flow.mark(event.kind, event.t, event.at, event.i, event.where);
        }
        flow.strike(event.kind, event.t, event.at, event.i);
    }
  }

  #describeFaults(): string {
    return formatFaults(this.faults) + (this.seed === this.header.seed ? "" : `, seed ${this.seed}`);
  }

  #connection(number: number, t: number): Connection {
    let connection = this.connections.get(number);
    if (connection === undefined) {
      connection = new Connection(number, t, this.datagrams, this.#layout);
      this.connections.set(number, connection);
    }
    return connection;
  }
}

/**
 * Formats faults as the proxy's options.
 *
 * @param faults The faults: numbers, ranges as `[min, max]`, and texts.
 * @returns `cut 1-7, delay 2-20 ms`, or `no faults`.
 */
export function formatFaults(faults: Readonly<Record<string, unknown>>): string {
  const { resetIn, message = 1, framing, ...others } = faults;
  const words = Object.entries(others).filter(([, value]) => value !== undefined && value !== null).map(
    ([name, value]) => {
      const option = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      const unit = UNITS[name] === undefined ? "" : ` ${UNITS[name]}`;
      return `${option} ${Array.isArray(value) ? [...new Set(value)].join("-") : String(value)}${unit}`;
    },
  );
  if (resetIn !== undefined && resetIn !== null) words.push(`reset in the ${resetIn} of message ${message}`);
  if (framing !== undefined && framing !== null) words.push(`framing ${framing}`);
  return words.join(", ") || "no faults";
}

/** Units of the faults that have one. */
const UNITS: Readonly<Record<string, string>> = {
  delay: "ms",
  join: "ms",
  rate: "bytes/s",
  lose: "%",
  repeat: "%",
  reorder: "%",
};

function weightOf({ up, down }: Connection): number {
  return up.weight + down.weight + 20 * BYTES_PER_ITEM;
}

function decodeBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
