/** Maximum length of a history in bytes. */
const MAX_HISTORY = 4 * 1024 * 1024;

/** The last messages of a room. Members that join share its bytes: a slow one takes no memory. */
export class History {
  /** Maximum number of messages. */
  readonly maxCount: number;
  readonly #lengths: number[] = [];
  #bytes = new Uint8Array();
  #start = 0;
  #end = 0;

  /**
   * Begins a history without messages.
   *
   * @param maxCount Maximum number of messages.
   */
  constructor(maxCount: number) {
    this.maxCount = maxCount;
  }

  /** The messages, one after the other. These bytes never change. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Adds a message, and forgets the oldest. */
  add(message: Uint8Array): void {
    if (this.#end + message.length > this.#bytes.length) {
      const { bytes } = this;
      this.#bytes = new Uint8Array(2 * (bytes.length + message.length));
      this.#bytes.set(bytes);
      this.#start = 0;
      this.#end = bytes.length;
    }
    this.#bytes.set(message, this.#end);
    this.#end += message.length;
    this.#lengths.push(message.length);
    while (this.#lengths.length > this.maxCount || this.#end - this.#start > MAX_HISTORY) {
      this.#start += this.#lengths.shift()!;
    }
  }
}
