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

const decoder = new TextDecoder();

/** An event that left the ring and still holds: an open connection, an ended side, the faults in force. */
interface Kept {
  readonly position: number;
  readonly line: string;
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
  readonly #sizes: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #connections: Uint32Array;
  readonly #datagrams: Uint32Array;
  /** Twice the number of the kind, plus one for the direction down. */
  readonly #kinds: Uint8Array;
  /** What has left the ring and still holds, by connection; 0 is the proxy. */
  readonly #kept = new Map<number, Map<string, Kept>>();

  /** Allocates the memory. `maxEvents` is rounded up to a power of two. */
  constructor(maxBytes: number, maxEvents: number) {
    const capacity = 2 ** Math.ceil(Math.log2(maxEvents));
    this.#bytes = new Uint8Array(maxBytes);
    this.#mask = capacity - 1;
    this.#times = new Float64Array(capacity);
    this.#offsets = new Float64Array(capacity);
    this.#starts = new Float64Array(capacity);
    this.#sizes = new Uint32Array(capacity);
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

  /** Appends an event, in place of the oldest ones. `data` are its bytes, or the fields of its own as JSON. */
  add(
    time: number,
    kind: Kind,
    connection: number,
    way: Direction,
    at: number,
    length: number,
    datagram: number,
    data: Uint8Array,
  ): void {
    const { length: capacity } = this.#bytes;
    // Data is contiguous: what does not fit before the end of the ring goes to its beginning.
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
    this.#lengths[row] = length;
    this.#datagrams[row] = datagram;
    this.#starts[row] = start;
    this.#sizes[row] = data.length;
    if (data.length > 0) this.#bytes.set(data, start % capacity);
    this.#nextByte = start + data.length;
  }

  /** The line of an event in the ring. */
  line(position: number): string {
    const row = position & this.#mask;
    const number = this.#kinds[row]! >> 1;
    const kind = KINDS[number]!;
    let line = `{"t":${this.#times[row]},"k":"${kind}"`;
    if (number <= LAST_OF_CONNECTION) line += `,"c":${this.#connections[row]}`;
    if (number <= LAST_OF_DIRECTION) {
      line += `,"w":"${(this.#kinds[row]! & 1) === 0 ? "up" : "down"}","at":${this.#offsets[row]}`;
      if (this.#datagrams[row]! > 0) line += `,"i":${this.#datagrams[row]}`;
    }
    if (kind === "out") return `${line},"n":${this.#lengths[row]}}`;
    const start = this.#starts[row]! % this.#bytes.length;
    const data = this.#bytes.subarray(start, start + this.#sizes[row]!);
    if (kind === "in") return `${line},"d":"${data.toBase64()}"}`;
    return data.length === 0 ? `${line}}` : `${line},${decoder.decode(data)}}`;
  }

  /** The lines of events from a position on that have left the ring and still hold, in order. */
  keptFrom(position: number): string[] {
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
    // A pause and its end are of one kind; a direction has its own end, faults and offset.
    const key = KINDS[number] === "resume" ? `${NUMBERS.pause * 2}` : `${code}`;
    ofConnection.set(key, { position, line: this.line(position) });
  }
}
