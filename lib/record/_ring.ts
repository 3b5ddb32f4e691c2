import { ascii, LineBuffer } from "./_line_buffer.ts";
import type { Direction } from "./event.ts";

const KINDS = ["in", "out", "end", "fault", "from", "step", "open", "close", "set", "pause", "resume"] as const;

/** The kind of an event. */
export type Kind = typeof KINDS[number];

/** The numbers of the kinds in their column. */
const NUMBERS = Object.fromEntries(KINDS.map((kind, number) => [kind, number])) as Record<Kind, number>;
/** Kinds of a direction come first, then those of a connection, then those of the proxy. */
const [LAST_OF_DIRECTION, LAST_OF_CONNECTION] = [NUMBERS.step, NUMBERS.close];

/** The most bytes of one event. */
export const MAX_DATA = 65_536;

/** The most bytes of a line without the data of its event. */
const MAX_FIELDS = 160;
/** The most bytes of a line. */
export const MAX_LINE = MAX_FIELDS + Math.ceil(MAX_DATA / 3) * 4;

/** The fixed parts of a line. */
const TIME = ascii('{"t":');
const KIND_FIELDS = KINDS.map((kind, number) => ascii(`,"k":"${kind}"${number <= LAST_OF_CONNECTION ? ',"c":' : ""}`));
const [UP, DOWN] = [ascii(',"w":"up","at":'), ascii(',"w":"down","at":')];
const [DATAGRAM, COUNT, DATA] = [ascii(',"i":'), ascii(',"n":'), ascii(',"d":"')];
const [QUOTE, COMMA, END] = [ascii('"'), ascii(","), ascii("}\n")];

/** An event that left the ring and still holds: an open connection, an ended side, the faults in force. */
interface Kept {
  readonly position: number;
  readonly line: Uint8Array;
}

/** The newest events: a column for each of their numbers, and a ring of bytes for their data. */
export class EventRing {
  readonly #bytes: Uint8Array;
  /** The position of the next byte, counted from the beginning. */
  #nextByte = 0;
  readonly #mask: number;
  #first = 0;
  #next = 0;
  readonly #times: Float64Array;
  readonly #offsets: Float64Array;
  readonly #starts: Float64Array;
  /** The number of bytes of the data; for `out`, which has none, of the write. */
  readonly #lengths: Uint32Array;
  readonly #connections: Uint32Array;
  readonly #datagrams: Uint32Array;
  /** Twice the number of the kind, plus one for the direction down. */
  readonly #kinds: Uint8Array;
  /** Events that have left the ring and still hold, by connection; 0 is the proxy. */
  readonly #kept = new Map<number, Map<string, Kept>>();

  /** Allocates the memory. `maxEvents` is rounded up to a power of two. */
  constructor(maxBytes: number, maxEvents: number) {
    const capacity = 2 ** Math.ceil(Math.log2(maxEvents));
    this.#bytes = new Uint8Array(maxBytes);
    this.#mask = capacity - 1;
    this.#times = new Float64Array(capacity);
    this.#offsets = new Float64Array(capacity);
    this.#starts = new Float64Array(capacity);
    this.#lengths = new Uint32Array(capacity);
    this.#connections = new Uint32Array(capacity);
    this.#datagrams = new Uint32Array(capacity);
    this.#kinds = new Uint8Array(capacity);
  }

  /** The position of the oldest event. */
  get first(): number {
    return this.#first;
  }

  /** The position of the next event. */
  get next(): number {
    return this.#next;
  }

  /** Appends an event, in place of the oldest ones. `data` are its bytes, or its particular fields as JSON. */
  add(
    time: number,
    kind: Kind,
    connection: number,
    way: Direction,
    at: number,
    datagram: number,
    data: Uint8Array,
    length: number = data.length,
  ): void {
    const { length: capacity } = this.#bytes;
    // Data is contiguous: data that does not fit before the end of the ring goes to its beginning.
    const room = capacity - this.#nextByte % capacity;
    const start = this.#nextByte + (data.length > room ? room : 0);
    const least = start + data.length - capacity;
    while (
      this.#first < this.#next &&
      (this.#next - this.#first > this.#mask || this.#starts[this.#first & this.#mask]! < least)
    ) {
      this.#evict();
    }
    const row = this.#next++ & this.#mask;
    this.#times[row] = time;
    this.#kinds[row] = NUMBERS[kind] * 2 + (way === "up" ? 0 : 1);
    this.#connections[row] = connection;
    this.#offsets[row] = at;
    this.#datagrams[row] = datagram;
    this.#starts[row] = start;
    this.#lengths[row] = length;
    if (data.length > 0) this.#bytes.set(data, start % capacity);
    this.#nextByte = start + data.length;
  }

  /** The most bytes that the line of an event in the ring can have. */
  lineSize(position: number): number {
    const row = position & this.#mask;
    return MAX_FIELDS + (this.#kinds[row]! >> 1 === NUMBERS.out ? 0 : Math.ceil(this.#lengths[row]! / 3) * 4);
  }

  /** Writes the line of an event in the ring, and a newline. */
  writeLine(position: number, to: LineBuffer): void {
    const row = position & this.#mask;
    const code = this.#kinds[row]!;
    const number = code >> 1;
    to.add(TIME);
    to.addInteger(this.#times[row]!);
    to.add(KIND_FIELDS[number]!);
    if (number <= LAST_OF_CONNECTION) to.addInteger(this.#connections[row]!);
    if (number <= LAST_OF_DIRECTION) {
      to.add((code & 1) === 0 ? UP : DOWN);
      to.addInteger(this.#offsets[row]!);
      if (this.#datagrams[row]! > 0) {
        to.add(DATAGRAM);
        to.addInteger(this.#datagrams[row]!);
      }
    }
    const length = this.#lengths[row]!;
    if (number === NUMBERS.out) {
      to.add(COUNT);
      to.addInteger(length);
    } else {
      const start = this.#starts[row]! % this.#bytes.length;
      const data = this.#bytes.subarray(start, start + length);
      if (number === NUMBERS.in) {
        to.add(DATA);
        to.addBase64(data);
        to.add(QUOTE);
      } else if (data.length > 0) {
        to.add(COMMA);
        to.add(data);
      }
    }
    to.add(END);
  }

  /** The lines of events from a position on that have left the ring and still hold, in order. */
  keptFrom(position: number): Uint8Array[] {
    return [...this.#kept.values()].flatMap((ofConnection) => [...ofConnection.values()])
      .filter((kept) => kept.position >= position)
      .sort((one, other) => one.position - other.position)
      .map(({ line }) => line);
  }

  /** Removes the oldest event. */
  #evict(): void {
    const position = this.#first++;
    const row = position & this.#mask;
    const code = this.#kinds[row]!;
    const number = code >> 1;
    if (number <= NUMBERS.out || number === NUMBERS.step) return;
    const connection = number > LAST_OF_CONNECTION ? 0 : this.#connections[row]!;
    if (number === NUMBERS.close) {
      this.#kept.delete(connection);
      return;
    }
    let ofConnection = this.#kept.get(connection);
    if (ofConnection === undefined) this.#kept.set(connection, ofConnection = new Map());
    // A resume replaces the pause. Each direction has its own end, faults and offset.
    const key = KINDS[number] === "resume" ? `${NUMBERS.pause * 2}` : `${code}`;
    const line = new LineBuffer(this.lineSize(position));
    this.writeLine(position, line);
    ofConnection.set(key, { position, line: line.view() });
  }
}
