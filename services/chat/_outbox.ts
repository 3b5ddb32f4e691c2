import { type Batch, BATCH_OVERHEAD, BatchWriter } from "./_batch.ts";

/** Number of bytes that may wait for the log. Senders then wait. */
const MAX_HELD = 1024 * 1024;

/**
 * What the members of a server have said and the log has not acknowledged, as numbered batches. One batch is appended at a
 * time, and what is said meanwhile becomes the next.
 */
export class Outbox {
  /** Names this server in batches, and changes with each start. */
  readonly server: bigint = crypto.getRandomValues(new BigUint64Array(1))[0]!;
  readonly #batchSize: number;
  /** Messages to come, complete batches, and the batch that is being appended. */
  #filling = new BatchWriter();
  #full: Batch[] = [];
  #appending: Batch | undefined;
  #lastNumber = 0;
  /** Number of bytes of complete batches, with the one that is being appended. */
  #completeBytes = 0;
  #newMessage = Promise.withResolvers<void>();
  readonly #senders: PromiseWithResolvers<void>[] = [];
  #closed: Error | undefined;

  /**
   * Creates an empty outbox.
   *
   * @param batchSize Length above which a batch is complete, in bytes. A longer message has a batch of its own.
   */
  constructor(batchSize: number) {
    this.#batchSize = batchSize;
  }

  /** Number of bytes that wait. */
  get held(): number {
    return this.#completeBytes + (this.#filling.count === 0 ? 0 : this.#filling.length);
  }

  /** Number of messages that wait. */
  get waiting(): number {
    return [this.#appending, ...this.#full, this.#filling].reduce((sum, batch) => sum + (batch?.count ?? 0), 0);
  }

  /** Whether a batch is being appended. */
  get isAppending(): boolean {
    return this.#appending !== undefined;
  }

  /** Number of the batch with what was said last. */
  get lastNumber(): number {
    return this.#lastNumber + Math.sign(this.#filling.count);
  }

  /** Adds a message of a member. */
  add(member: number, chunks: readonly Uint8Array[]): void {
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    if (this.#filling.count > 0 && this.#filling.length + length + BATCH_OVERHEAD > this.#batchSize) {
      this.#completeBatch();
    }
    this.#filling.add(member, chunks);
    this.#newMessage.resolve();
  }

  /** Backpressure for senders: a promise to await before the next message, or `undefined`. */
  ready(): Promise<void> | undefined {
    if (this.held < MAX_HELD) return undefined;
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    const sender = Promise.withResolvers<void>();
    this.#senders.push(sender);
    return sender.promise;
  }

  /** Rejects the promises that senders await, also later ones. */
  close(error: Error): void {
    this.#closed = error;
    for (const sender of this.#senders.splice(0)) sender.reject(error);
  }

  /** The batch to append: the same one until it is removed. `undefined` if there is none. */
  next(): Batch | undefined {
    if (this.#appending === undefined && this.#full.length === 0 && this.#filling.count > 0) this.#completeBatch();
    return this.#appending ??= this.#full.shift();
  }

  /** Resolves at the next message, or at {@linkcode Outbox.wake}. */
  changed(): Promise<void> {
    this.#newMessage = Promise.withResolvers();
    return this.#newMessage.promise;
  }

  /** Resolves the last call of {@linkcode Outbox.changed}. */
  wake(): void {
    this.#newMessage.resolve();
  }

  /**
   * Removes the batch that is being appended: the log has it.
   *
   * @param number Number of the batch.
   * @returns Whether it was that batch.
   */
  remove(number: number): boolean {
    if (this.#appending?.number !== number) return false;
    this.#completeBytes -= this.#appending.bytes.length;
    this.#appending = undefined;
    this.#releaseSenders();
    return true;
  }

  #completeBatch(): void {
    const batch = this.#filling.finish(this.server, ++this.#lastNumber);
    this.#filling = new BatchWriter(Math.min(2 * batch.bytes.length, this.#batchSize));
    this.#completeBytes += batch.bytes.length;
    this.#full.push(batch);
  }

  async #releaseSenders(): Promise<void> {
    while (this.held < MAX_HELD && this.#senders.length > 0) {
      this.#senders.shift()!.resolve();
      // The sender publishes before this goes on.
      await undefined;
    }
  }
}
