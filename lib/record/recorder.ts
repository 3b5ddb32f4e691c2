import { LineBuffer } from "./_line_buffer.ts";
import { EventRing, type Kind, MAX_DATA } from "./_ring.ts";
import type { Direction, RecordingHeader } from "./event.ts";
import type { FaultKind, ProxyDescription, ProxyTap, StepUnit } from "./tap.ts";

/** Options of {@linkcode Recorder}. */
export interface RecorderOptions {
  /** The name of the service behind the proxy. */
  service?: string | undefined;
  /** The framing of the messages by name, if it is not an option of the proxy. */
  framing?: string | undefined;
  /**
   * The memory for bytes that arrived: 65,536 or more.
   *
   * @default {8_388_608} 8 MiB
   */
  maxBytes?: number | undefined;
  /**
   * The number of events kept, rounded up to a power of two. Each takes 37 bytes.
   *
   * @default {131_072}
   */
  maxEvents?: number | undefined;
}

const DEFAULT_MAX_BYTES = 8 * 1024 * 1024;
const DEFAULT_MAX_EVENTS = 131_072;
/** The number of bytes after which a cursor ends a batch of lines. */
const BATCH_SIZE = 65_536;
/** The memory of a cursor: room for any line after a batch. */
const BUFFER_SIZE = 256 * 1024;
const NOTHING = new Uint8Array();

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Records what passes a proxy, in bounded memory: the oldest events make room for the newest. Each reader has a cursor,
 * and learns how many events it missed. An event that a reader missed and that still holds, such as the beginning of a
 * connection that is open, is repeated to it.
 *
 * @example
 * ```ts
 * import { Recorder } from "@wirebench/wirebench/record";
 * import { serveEcho } from "@wirebench/wirebench/echo";
 * import { serveProxy } from "@wirebench/wirebench/proxy";
 * import { assertMatch } from "@std/assert";
 *
 * await using server = serveEcho({ port: 0 });
 * const recorder = new Recorder({ service: "echo" });
 * await using _proxy = await serveProxy({
 *   listen: "tcp://127.0.0.1:0",
 *   to: `tcp://127.0.0.1:${server.addr.port}`,
 *   tap: recorder,
 * });
 * const [header] = recorder.snapshot();
 * assertMatch(header!, /^\{"wirebench":1,/);
 * ```
 */
export class Recorder implements ProxyTap {
  readonly #options: RecorderOptions;
  readonly #ring: EventRing;
  readonly #began = new Date().toISOString();
  readonly #origin = performance.now();
  #header: RecordingHeader | undefined;
  #isStopped = false;
  readonly #waiting = new Set<() => void>();

  /** Allocates the memory of the recording. Its times count from now. */
  constructor(options: RecorderOptions = {}) {
    const { maxBytes = DEFAULT_MAX_BYTES, maxEvents = DEFAULT_MAX_EVENTS } = options;
    if (!Number.isSafeInteger(maxBytes) || maxBytes < MAX_DATA) {
      throw new RangeError(`Cannot use maxBytes ${maxBytes}: expected an integer of ${MAX_DATA} or more`);
    }
    if (!Number.isSafeInteger(maxEvents) || maxEvents < 1 || maxEvents > 2 ** 30) {
      throw new RangeError(`Cannot use maxEvents ${maxEvents}: expected an integer from 1 to ${2 ** 30}`);
    }
    this.#options = options;
    this.#ring = new EventRing(maxBytes, maxEvents);
  }

  /** The first line of the recording; `undefined` until the proxy listens. */
  get header(): RecordingHeader | undefined {
    return this.#header;
  }

  /** Number of events so far. */
  get events(): number {
    return this.#ring.next;
  }

  /** Whether the recording is complete. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * Creates a reader of the events.
   *
   * @param position Where it begins: 0, or the position of an earlier cursor.
   * @returns The cursor.
   */
  cursor(position: number = 0): Cursor {
    return new Cursor(this, this.#ring, position);
  }

  /**
   * Yields the recording of all that is kept.
   *
   * @returns The lines, each with its newline; the header first. None before the proxy listens.
   */
  *snapshot(): Generator<string> {
    if (this.#header === undefined) return;
    yield `${JSON.stringify(this.#header)}\n`;
    const end = this.events;
    for (const cursor = this.cursor(); cursor.position < end;) yield decoder.decode(cursor.readBytes());
  }

  /** Waits for the header, an event from a position on, or the end of the recording. Used by {@linkcode Cursor}. */
  async arrival(position: number, signal: AbortSignal | undefined): Promise<void> {
    while (this.events <= position && !this.#isStopped && !signal?.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => resolve();
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake);
      await promise;
      signal?.removeEventListener("abort", wake);
      this.#waiting.delete(wake);
      if (this.events === 0) return; // The header has come.
    }
  }

  /** Begins the recording. */
  started(proxy: ProxyDescription): void {
    const { service, framing = proxy.framing } = this.#options;
    const { listen, to, seed, faults } = proxy;
    this.#header = { wirebench: 1, began: this.#began, listen, to, service, framing, seed, faults };
    this.#wake();
  }

  /** Records the beginning of a connection. */
  opened(connection: number, peer: string, source: string | undefined): void {
    this.#addFields("open", connection, "up", 0, { peer, source });
  }

  /** Records a read or a datagram, and copies its bytes. A read of more than 64 KiB becomes several events. */
  received(connection: number, way: Direction, at: number, bytes: Uint8Array, datagram: number = 0): void {
    for (; bytes.length > MAX_DATA; bytes = bytes.subarray(MAX_DATA), at += MAX_DATA) {
      this.#add("in", connection, way, at, datagram, bytes.subarray(0, MAX_DATA));
    }
    this.#add("in", connection, way, at, datagram, bytes);
  }

  /** Records a write or a datagram. */
  forwarded(connection: number, way: Direction, at: number, length: number, datagram: number = 0): void {
    this.#add("out", connection, way, at, datagram, NOTHING, length);
  }

  /** Records that a sender ended its side. */
  ended(connection: number, way: Direction, at: number): void {
    this.#add("end", connection, way, at, 0, NOTHING);
  }

  /** Records a fault. */
  fault(connection: number, way: Direction, at: number, kind: FaultKind, where?: string, datagram?: number): void {
    this.#addFields("fault", connection, way, at, { kind, where }, datagram);
  }

  /** Records the end of a connection. */
  closed(connection: number, reason: string): void {
    this.#addFields("close", connection, "up", 0, { reason });
  }

  /** Records new faults, and a new seed. */
  switched(faults: Readonly<Record<string, unknown>>, seed?: number): void {
    this.#addFields("set", 0, "up", 0, { faults, seed });
  }

  /** Records the offset from which a direction has the new faults. */
  applied(connection: number, way: Direction, at: number): void {
    this.#add("from", connection, way, at, 0, NOTHING);
  }

  /** Records a pause or its end. */
  paused(paused: boolean): void {
    this.#add(paused ? "pause" : "resume", 0, "up", 0, 0, NOTHING);
  }

  /** Records a step. */
  stepped(connection: number, way: Direction, at: number, unit: StepUnit): void {
    this.#addFields("step", connection, way, at, { unit });
  }

  /** Completes the recording. */
  stopped(): void {
    this.#isStopped = true;
    this.#wake();
  }

  #addFields(kind: Kind, connection: number, way: Direction, at: number, fields: object, datagram: number = 0): void {
    const data = encoder.encode(JSON.stringify(fields).slice(1, -1));
    this.#add(kind, connection, way, at, datagram, data);
  }

  #add(
    kind: Kind,
    connection: number,
    way: Direction,
    at: number,
    datagram: number,
    data: Uint8Array,
    length?: number,
  ): void {
    const time = Math.round((performance.now() - this.#origin) * 1000);
    this.#ring.add(time, kind, connection, way, at, datagram, data, length);
    if (this.#waiting.size > 0) this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}

/** Reads a recording at its own pace. */
export class Cursor {
  readonly #recorder: Recorder;
  readonly #ring: EventRing;
  #position: number;
  #missed = 0;
  #lines: LineBuffer | undefined;
  /** Lines to repeat, of events that were missed and still hold. */
  #kept: Uint8Array[] = [];

  /** Begins at a position, or at the end if the position is beyond it. */
  constructor(recorder: Recorder, ring: EventRing, position: number) {
    this.#recorder = recorder;
    this.#ring = ring;
    this.#position = Math.max(0, Math.min(position, ring.next));
  }

  /** The position of the next event. */
  get position(): number {
    return this.#position;
  }

  /** Number of events that made room for newer ones before they were read. */
  get missed(): number {
    return this.#missed;
  }

  /** Whether the recording is complete and all of it has been read. */
  get isAtEnd(): boolean {
    return this.#recorder.isStopped && this.#position === this.#ring.next;
  }

  /**
   * Reads the next events.
   *
   * @param maxSize The number of bytes after which no further event is read, at most 256 KiB.
   * @returns The events as lines of JSON without newlines; none if there is no new one. A `skip` counts the events missed.
   */
  read(maxSize: number = BATCH_SIZE): string[] {
    return decoder.decode(this.readBytes(maxSize)).split("\n").slice(0, -1);
  }

  /**
   * Reads the next events as bytes, which makes no strings.
   *
   * @param maxSize The number of bytes after which no further event is read, at most 256 KiB.
   * @returns The lines, each with its newline, valid until the next call.
   */
  readBytes(maxSize: number = BATCH_SIZE): Uint8Array {
    const ring = this.#ring;
    const lines = this.#lines ??= new LineBuffer(BUFFER_SIZE);
    lines.clear();
    if (this.#position < ring.first) {
      this.#kept = ring.keptFrom(this.#position);
      const missed = ring.first - this.#position - this.#kept.length;
      if (missed > 0) lines.addText(`{"k":"skip","n":${missed}}\n`);
      this.#missed += missed;
      this.#position = ring.first;
    }
    while (this.#kept.length > 0 && this.#kept[0]!.length <= lines.room) lines.add(this.#kept.shift()!);
    while (this.#position < ring.next && lines.length < maxSize && ring.lineSize(this.#position) <= lines.room) {
      ring.writeLine(this.#position++, lines);
    }
    return lines.view();
  }

  /**
   * Waits until there is something to read, or the recording is complete.
   *
   * @param signal Ends the wait when it aborts.
   */
  wait(signal?: AbortSignal): Promise<void> {
    return this.#recorder.arrival(this.#position, signal);
  }
}
