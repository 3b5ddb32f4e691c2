import { ByteQueue } from "./_byte_queue.ts";
import {
  ACK,
  FIN,
  LINK_TYPE_RAW,
  MAX_SEGMENT,
  MAX_WINDOW,
  type PacketAddress,
  packetAddress,
  PSH,
  RST,
  sameVersion,
  SYN,
  tcpPacket,
  udpPacket,
} from "./_packet.ts";
import type {
  CloseEvent,
  Direction,
  EndEvent,
  FaultEvent,
  InEvent,
  OpenEvent,
  OutEvent,
  RecordedEvent,
  RecordingHeader,
} from "./event.ts";

/** The two interfaces of the capture: the proxy's side towards its clients, and that towards its target. */
const CLIENT = 0;
const TARGET = 1;
type Interface = typeof CLIENT | typeof TARGET;

/** Ports for Unix sockets: of clients, from the first on; of the proxy; and of the target. */
const FIRST_PORT = 1024;
const LISTEN_PORT = 65_535;
const TARGET_PORT = 65_534;
/** Spreads the numbers of connections over the initial sequence numbers, so that Wireshark recognises a reused port. */
const SEQUENCE_STEP = 0x9e3779b1;
const NOTHING = new Uint8Array();
/** The interfaces on which the bytes of a direction arrive at the proxy, and leave it. */
const arrives = { up: CLIENT, down: TARGET } as const;
const leaves = { up: TARGET, down: CLIENT } as const;
const opposite = { up: "down", down: "up" } as const;

/** Describes an event, for the comment of its packet. */
export type DescribeEvent = (event: InEvent | OutEvent) => string;

/**
 * Converts a recording to a capture for Wireshark, in the pcapng format. Each read and each write is a packet with a comment,
 * on one of two interfaces: the client's side or the target's. IP and TCP headers are made up, with right checksums, so
 * that "Follow Stream" shows the exact bytes.
 *
 * @param header The first line of the recording.
 * @param events Its events.
 * @param describe Describes a read or a write.
 * @returns The blocks of the file, one after the other.
 *
 * @example The size of a capture without packets
 * ```ts
 * import { pcapng } from "@wirebench/wirebench/record";
 * import { assertEquals } from "@std/assert";
 *
 * const header = {
 *   wirebench: 1,
 *   began: "2026-01-01T00:00:00.000Z",
 *   listen: "tcp://127.0.0.1:9000",
 *   to: "tcp://127.0.0.1:1234",
 *   seed: 1,
 *   faults: {},
 * } as const;
 * assertEquals([...pcapng(header, [])].length, 3);
 * ```
 */
export function* pcapng(
  header: RecordingHeader,
  events: readonly RecordedEvent[],
  describe: DescribeEvent = placeOf,
): Generator<Uint8Array<ArrayBuffer>, void, void> {
  yield sectionHeader(`${header.listen} to ${header.to}; seed ${header.seed}; faults ${JSON.stringify(header.faults)}`);
  yield interfaceDescription("client", `The client's side, ${header.listen}`);
  yield interfaceDescription("target", `The target's side, ${header.to}`);
  const capture = new Capture(header, events, describe);
  for (const event of events) {
    capture.add(event);
    yield* capture.blocks.splice(0);
  }
}

function placeOf(event: InEvent | OutEvent): string {
  const length = event.k === "in" ? Math.floor(event.d.replace(/=+$/, "").length * 3 / 4) : event.n;
  const place = event.i === undefined ? `bytes ${event.at} to ${event.at + length}` : `datagram ${event.i}`;
  return `connection ${event.c} ${event.w}, ${event.k === "in" ? "read" : "piece"}: ${place}`;
}

/** The capture under way. */
class Capture {
  readonly #header: RecordingHeader;
  readonly #describe: DescribeEvent;
  /** The faults of datagrams by {@linkcode datagramOf}. A fault follows its datagram, whose packet has it as a comment. */
  readonly #faults: ReadonlyMap<string, FaultEvent[]>;
  /** The beginning of each connection, which may follow its first bytes. */
  readonly #opened: ReadonlyMap<number, OpenEvent>;
  readonly #began: bigint;
  readonly #datagrams: boolean;
  readonly #connections = new Map<number, Connection>();
  /** Comments for the next packet. */
  #notes: string[] = [];
  /** The blocks not yet taken. */
  readonly blocks: Uint8Array<ArrayBuffer>[] = [];

  constructor(header: RecordingHeader, events: readonly RecordedEvent[], describe: DescribeEvent) {
    this.#header = header;
    this.#describe = describe;
    this.#faults = Map.groupBy(events.filter((event) => event.k === "fault"), datagramOf);
    this.#opened = new Map(events.filter((event) => event.k === "open").map((event) => [event.c, event]));
    this.#began = BigInt(Date.parse(header.began) || 0) * 1_000_000n;
    this.#datagrams = header.listen.startsWith("udp:");
  }

  add(event: RecordedEvent): void {
    switch (event.k) {
      case "open":
        return this.#connection(event.c).open(event.t);
      case "in": {
        const faults = event.i === undefined ? [] : this.#faults.get(datagramOf(event))?.map(({ kind }) => kind) ?? [];
        return this.#connection(event.c).in(event, [this.#describe(event), ...faults].join(", "));
      }
      case "out":
        return this.#connection(event.c).out(event, this.#describe(event));
      case "end":
        return this.#connection(event.c).end(event);
      case "fault":
        return this.#connection(event.c).fault(event);
      case "close":
        this.#connection(event.c).close(event);
        this.#connections.delete(event.c);
        return;
      case "set":
        return void this.#notes.push(`faults from now on: ${JSON.stringify(event.faults)}`);
      case "pause":
      case "resume":
        return void this.#notes.push(`${event.k}d`);
      case "step":
        return void this.#notes.push(`step: one ${event.unit}`);
      case "skip":
        return void this.#notes.push(`${event.n} events are missing before this`);
    }
  }

  /** Adds a packet in a direction, of which `missing` bytes at the end were not recorded. */
  packet(on: Interface, t: number, way: Direction, packet: Uint8Array, comment: string, missing: number): void {
    const comments = [...this.#notes.splice(0), ...(comment === "" ? [] : [comment])];
    const time = this.#began + BigInt(Math.round(t * 1000));
    const inbound = arrives[way] === on;
    this.blocks.push(enhancedPacket(on, time, packet, packet.length + missing, inbound, comments.join("\n")));
  }

  #connection(number: number): Connection {
    let connection = this.#connections.get(number);
    if (connection === undefined) {
      const kind = this.#datagrams ? Datagrams : Streams;
      connection = new kind(this, number, this.#header, this.#opened.get(number));
      this.#connections.set(number, connection);
    }
    return connection;
  }
}

function datagramOf({ c, w, i }: InEvent | FaultEvent): string {
  return `${c} ${w} ${i}`;
}

/** The packets of one connection or UDP client. */
abstract class Connection {
  protected readonly capture: Capture;
  /** The two ends on each interface: the sender of up, and that of down. */
  protected readonly ends: Record<Interface, Record<Direction, PacketAddress>>;

  constructor(capture: Capture, number: number, header: RecordingHeader, opened: OpenEvent | undefined) {
    this.capture = capture;
    const port = FIRST_PORT + number % (TARGET_PORT - FIRST_PORT);
    const between = (client: string | undefined, server: string, serverPort: number) => {
      const [up, down] = sameVersion(packetAddress(client ?? "", port), packetAddress(server, serverPort));
      return { up, down };
    };
    this.ends = {
      [CLIENT]: between(opened?.peer, header.listen, LISTEN_PORT),
      [TARGET]: between(opened?.source, header.to, TARGET_PORT),
    };
  }

  abstract open(t: number): void;
  abstract in(event: InEvent, comment: string): void;
  abstract out(event: OutEvent, comment: string): void;
  abstract end(event: EndEvent): void;
  abstract fault(event: FaultEvent): void;
  abstract close(event: CloseEvent): void;
}

/** What a segment has besides its place in the stream. */
interface SegmentFields {
  payload: Uint8Array;
  /** Number of bytes after the payload that were not recorded. */
  missing: number;
  comment: string;
  window: number;
}

/** The two TCP connections of a forwarded stream. */
class Streams extends Connection {
  readonly #received = { up: new ByteQueue(), down: new ByteQueue() };
  readonly #tcp: Record<Interface, TcpState>;
  /** Where a direction ended whose bytes are not all forwarded yet. */
  readonly #ends: Partial<Record<Direction, number>> = {};
  /** Whether the proxy connected to the target, as far as is known. */
  readonly #isReached: boolean;
  readonly #stopped = { up: false, down: false };
  /** Why the proxy will reset the connection. */
  #cause: string | undefined;

  constructor(capture: Capture, number: number, header: RecordingHeader, opened: OpenEvent | undefined) {
    super(capture, number, header, opened);
    this.#isReached = opened?.source !== undefined;
    this.#tcp = { [CLIENT]: new TcpState(number), [TARGET]: new TcpState(~number) };
  }

  override open(t: number): void {
    this.#connect(CLIENT, t);
    if (this.#isReached) this.#connect(TARGET, t);
  }

  override in({ t, w, at, d }: InEvent, comment: string): void {
    const bytes = Uint8Array.fromBase64(d);
    this.#received[w].push(at, bytes);
    if (this.#stopped[w]) this.#setWindow(t, w, MAX_WINDOW, "");
    this.#send(arrives[w], t, w, at, bytes, bytes.length, comment);
  }

  override out({ t, w, at, n }: OutEvent, comment: string): void {
    this.#send(leaves[w], t, w, at, this.#received[w].take(at, n), n, comment);
    if (this.#ends[w] === at + n) this.#finish(leaves[w], t, w);
  }

  override end({ t, w, at }: EndEvent): void {
    this.#ends[w] = at;
    this.#finish(arrives[w], t, w);
    if (this.#tcp[leaves[w]].forwarded(w) === at) this.#finish(leaves[w], t, w);
  }

  override fault({ t, w, at, kind, where }: FaultEvent): void {
    if (kind === "reset") {
      // The proxy resets a moment later, when it closes the connection.
      this.#cause = `reset at byte ${at} ${w}${where === undefined ? "" : `, ${where}`}`;
    } else if (kind === "end") {
      this.#finish(leaves[w], t, w);
    } else if (kind === "stop") {
      // A window of zero tells the sender that nobody reads.
      this.#setWindow(t, w, 0, `stopped reading at byte ${at} ${w}`);
    }
  }

  override close({ t, reason }: CloseEvent): void {
    for (const way of ["down", "up"] as const) {
      const { opened, ended } = this.#tcp[leaves[way]];
      if (!opened || (ended.up && ended.down)) continue;
      this.#segment(leaves[way], t, way, RST | ACK, { comment: this.#cause ?? `closed: ${reason}` });
    }
  }

  #setWindow(t: number, way: Direction, window: number, comment: string): void {
    this.#stopped[way] = window === 0;
    this.#segment(arrives[way], t, opposite[way], ACK, { window, comment });
  }

  #connect(on: Interface, t: number): void {
    if (this.#tcp[on].opened) return;
    this.#tcp[on].opened = true;
    this.#segment(on, t, "up", SYN);
    this.#segment(on, t, "down", SYN | ACK);
    this.#segment(on, t, "up", ACK);
  }

  /**
   * Sends bytes in as many segments as they need. If `bytes` is shorter than `length`, the rest was not recorded, and the last
   * segment stands for it.
   */
  #send(
    on: Interface,
    t: number,
    way: Direction,
    at: number,
    bytes: Uint8Array,
    length: number,
    comment: string,
  ): void {
    const tcp = this.#tcp[on];
    this.#connect(on, t);
    tcp.seek(way, at);
    const end = Math.min(length, bytes.length + MAX_SEGMENT);
    for (let from = 0; from < end; from += MAX_SEGMENT) {
      const size = Math.min(MAX_SEGMENT, end - from);
      if (tcp.inFlight(way) + size >= MAX_WINDOW) this.#segment(on, t, opposite[way], ACK);
      const payload = bytes.subarray(from, from + size);
      const missing = size - payload.length;
      this.#segment(on, t, way, PSH | ACK, { payload, missing, comment: from === 0 ? comment : "" });
    }
  }

  /** Ends one direction of a TCP connection. */
  #finish(on: Interface, t: number, way: Direction): void {
    if (!this.#tcp[on].opened || this.#tcp[on].ended[way]) return;
    this.#tcp[on].ended[way] = true;
    this.#segment(on, t, way, FIN | ACK);
    this.#segment(on, t, opposite[way], ACK);
  }

  #segment(on: Interface, t: number, way: Direction, flags: number, fields: Partial<SegmentFields> = {}): void {
    const { payload = NOTHING, missing = 0, comment = "", window = MAX_WINDOW } = fields;
    const { [way]: from, [opposite[way]]: to } = this.ends[on];
    const length = payload.length + missing;
    const { seq, ack } = this.#tcp[on].advance(way, (flags & (SYN | FIN)) === 0 ? length : 1);
    const segment = { seq, ack: (flags & ACK) === 0 ? 0 : ack, flags, window };
    this.capture.packet(on, t, way, tcpPacket(from, to, segment, payload, length), comment, missing);
  }
}

/** The sequence numbers of a TCP connection. Each counts from its initial one. */
class TcpState {
  opened = false;
  readonly ended = { up: false, down: false };
  readonly #initial: Record<Direction, number>;
  readonly #next = { up: 0, down: 0 };
  readonly #acknowledged = { up: 0, down: 0 };

  constructor(number: number) {
    this.#initial = { up: Math.imul(number, SEQUENCE_STEP) >>> 0, down: Math.imul(number, ~SEQUENCE_STEP) >>> 0 };
  }

  /** Continues at this byte of a direction: those before it may be missing from the recording. */
  seek(way: Direction, at: number): void {
    this.#next[way] = 1 + at;
  }

  /** The number of bytes sent in a direction. */
  forwarded(way: Direction): number {
    return this.#next[way] - 1;
  }

  inFlight(way: Direction): number {
    return this.#next[way] - this.#acknowledged[way];
  }

  /** Takes the next `length` sequence numbers of a direction, and acknowledges all of the other. */
  advance(way: Direction, length: number): { seq: number; ack: number } {
    const other = opposite[way];
    const seq = (this.#initial[way] + this.#next[way]) % 2 ** 32;
    this.#next[way] += length;
    this.#acknowledged[other] = this.#next[other];
    return { seq, ack: (this.#initial[other] + this.#next[other]) % 2 ** 32 };
  }
}

/** The datagrams of a client. */
class Datagrams extends Connection {
  /** The datagrams by their numbers. A repeated one is sent twice, a reordered one after its successor. */
  readonly #received = { up: new Map<number, Uint8Array>(), down: new Map<number, Uint8Array>() };

  override in({ t, w, i = 0, d }: InEvent, comment: string): void {
    const bytes = Uint8Array.fromBase64(d);
    this.#received[w].set(i, bytes);
    this.#datagram(arrives[w], t, w, bytes, bytes.length, comment);
  }

  override out({ t, w, i = 0, n }: OutEvent, comment: string): void {
    const bytes = this.#received[w].get(i);
    this.#datagram(leaves[w], t, w, bytes ?? NOTHING, bytes?.length ?? Math.min(n, MAX_SEGMENT), comment);
  }

  override open(): void {}

  override end(): void {}

  override fault(): void {}

  override close(): void {}

  #datagram(on: Interface, t: number, way: Direction, bytes: Uint8Array, length: number, comment: string): void {
    const { [way]: from, [opposite[way]]: to } = this.ends[on];
    this.capture.packet(on, t, way, udpPacket(from, to, bytes, length), comment, length - bytes.length);
  }
}

// The blocks of the file (draft-ietf-opsawg-pcapng).

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const OPTION_COMMENT = 1;
const OPTION_APPLICATION = 4;
const OPTION_NAME = 2;
const OPTION_DESCRIPTION = 3;
const OPTION_FLAGS = 2;
const OPTION_RESOLUTION = 9;
const NANOSECONDS = 9;
const MAX_OPTION = 65_535;

const encoder = new TextEncoder();

type BlockOption = readonly [code: number, value: Uint8Array];

function textOption(code: number, text: string): BlockOption {
  return [code, encoder.encode(text).subarray(0, MAX_OPTION)];
}

const padded = (length: number) => Math.ceil(length / 4) * 4;

/** Makes a block of a body and options, each padded to 32 bits. `fill` writes the numbers of the body. */
function block(
  type: number,
  bodyLength: number,
  options: readonly BlockOption[],
  fill: (body: DataView, bytes: Uint8Array) => void,
): Uint8Array<ArrayBuffer> {
  const optionsLength = options.reduce((sum, [, value]) => sum + 4 + padded(value.length), 4);
  const bytes = new Uint8Array(12 + padded(bodyLength) + optionsLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, bytes.length, true);
  fill(new DataView(bytes.buffer, 8), bytes.subarray(8));
  let at = 8 + padded(bodyLength);
  for (const [code, value] of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  view.setUint32(bytes.length - 4, bytes.length, true);
  return bytes;
}

function sectionHeader(comment: string): Uint8Array<ArrayBuffer> {
  const options = [textOption(OPTION_COMMENT, comment), textOption(OPTION_APPLICATION, "Wirebench")];
  return block(SECTION_HEADER, 16, options, (body) => {
    body.setUint32(0, 0x1a2b3c4d, true);
    body.setUint16(4, 1, true);
    body.setBigInt64(8, -1n, true); // The length of the section is not known.
  });
}

function interfaceDescription(name: string, description: string): Uint8Array<ArrayBuffer> {
  const options: BlockOption[] = [
    textOption(OPTION_NAME, name),
    textOption(OPTION_DESCRIPTION, description),
    [OPTION_RESOLUTION, Uint8Array.of(NANOSECONDS)],
  ];
  return block(INTERFACE_DESCRIPTION, 8, options, (body) => body.setUint16(0, LINK_TYPE_RAW, true));
}

function enhancedPacket(
  on: Interface,
  time: bigint,
  packet: Uint8Array,
  length: number,
  inbound: boolean,
  comment: string,
): Uint8Array<ArrayBuffer> {
  const options: BlockOption[] = [[OPTION_FLAGS, Uint8Array.of(inbound ? 1 : 2, 0, 0, 0)]];
  if (comment !== "") options.push(textOption(OPTION_COMMENT, comment));
  return block(ENHANCED_PACKET, 20 + packet.length, options, (body, bytes) => {
    body.setUint32(0, on, true);
    body.setUint32(4, Number(time >> 32n), true);
    body.setUint32(8, Number(time & 0xffffffffn), true);
    body.setUint32(12, packet.length, true);
    body.setUint32(16, length, true);
    bytes.set(packet, 20);
  });
}
