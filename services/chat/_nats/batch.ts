// A batch of messages, as it stands in the log. Integers are big-endian.
//
//     1 byte     version
//     8 bytes    id of the server that appended it
//     8 bytes    its number among the batches of that server, from 1
//     4 bytes    count of its messages
//     ...        the messages, one after the other
//     count * 8  for each message: id of its member on that server, length in bytes

const VERSION = 1;
const COUNT_AT = 17;
const HEADER = 21;
const ENTRY = 8;
const FIRST_SIZE = 2048;

/** Bytes of a batch besides its messages, for a batch of one. */
export const BATCH_OVERHEAD: number = HEADER + ENTRY;

/** A batch that is complete. */
export interface Batch {
  readonly number: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Collects messages for a batch. */
export class BatchWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #end = HEADER;
  /** Member and length of each message, in turn. */
  #entries: number[] = [];

  /**
   * Begins a batch.
   *
   * @param expected The length that it is likely to have, in bytes.
   */
  constructor(expected: number = FIRST_SIZE) {
    this.#bytes = new Uint8Array(expected);
  }

  /** Number of messages. */
  get count(): number {
    return this.#entries.length / 2;
  }

  /** Length of the batch in bytes. */
  get length(): number {
    return this.#end + this.count * ENTRY;
  }

  /** Adds a message. */
  add(member: number, chunks: readonly Uint8Array[]): void {
    const start = this.#end;
    for (const chunk of chunks) {
      this.#reserve(chunk.length);
      this.#bytes.set(chunk, this.#end);
      this.#end += chunk.length;
    }
    this.#entries.push(member, this.#end - start);
  }

  /** Completes the batch. The writer must not be used afterwards. */
  finish(server: bigint, number: number): Batch {
    const { length, count } = this;
    this.#reserve(count * ENTRY);
    const view = new DataView(this.#bytes.buffer);
    view.setUint8(0, VERSION);
    view.setBigUint64(1, server);
    view.setBigUint64(9, BigInt(number));
    view.setUint32(COUNT_AT, count);
    let at = this.#end;
    for (const value of this.#entries) {
      view.setUint32(at, value);
      at += ENTRY / 2;
    }
    return { number, count, bytes: this.#bytes.subarray(0, length) };
  }

  #reserve(more: number): void {
    const needed = this.#end + more;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, 2 * this.#bytes.length, FIRST_SIZE));
    bytes.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = bytes;
  }
}

/** A batch that was read from the log. */
export class BatchReader {
  readonly server: bigint;
  readonly number: number;
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #entries: DataView;

  /**
   * Checks a batch.
   *
   * @param bytes The batch.
   * @throws {RangeError} If the bytes are not a batch.
   */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length < HEADER || view.getUint8(0) !== VERSION) {
      throw new RangeError(`expected version ${VERSION}, got ${bytes[0] ?? "nothing"}`);
    }
    this.server = view.getBigUint64(1);
    this.number = Number(view.getBigUint64(9));
    this.count = view.getUint32(COUNT_AT);
    const end = bytes.length - this.count * ENTRY;
    if (end < HEADER) throw new RangeError(`expected ${this.count} messages, got ${bytes.length} bytes`);
    this.#bytes = bytes.subarray(HEADER, end);
    this.#entries = new DataView(view.buffer, view.byteOffset + end);
    let length = 0;
    for (let index = 0; index < this.count; index++) length += this.#length(index);
    if (length !== this.#bytes.length) {
      throw new RangeError(`expected messages of ${length} bytes, got ${this.#bytes.length}`);
    }
  }

  /** All messages, one after the other. */
  get messages(): Uint8Array {
    return this.#bytes;
  }

  /** Calls a function with each message. */
  forEach(take: (message: Uint8Array) => void): void {
    let start = 0;
    for (let index = 0; index < this.count; index++) {
      const end = start + this.#length(index);
      take(this.#bytes.subarray(start, end));
      start = end;
    }
  }

  /** Calls a function with consecutive messages of one member. */
  forEachMember(take: (member: number, messages: Uint8Array) => void): void {
    let start = 0;
    for (let index = 0; index < this.count;) {
      const member = this.#entries.getUint32(index * ENTRY);
      let end = start;
      while (index < this.count && this.#entries.getUint32(index * ENTRY) === member) end += this.#length(index++);
      take(member, this.#bytes.subarray(start, end));
      start = end;
    }
  }

  #length(index: number): number {
    return this.#entries.getUint32(index * ENTRY + ENTRY / 2);
  }
}
