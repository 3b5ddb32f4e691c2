import { FramingError } from "./errors.ts";
import type { Decoder } from "./framing.ts";

/** Keeps the promise every decoder makes: what is complete before an error is returned, then the error stands. */
export abstract class BaseDecoder<Message> implements Decoder<Message> {
  #failure: FramingError | undefined;
  #ended = false;
  #taken = 0;

  abstract get pending(): boolean;

  get failure(): FramingError | undefined {
    return this.#failure;
  }

  get taken(): number {
    return this.#taken;
  }

  push(chunk: Uint8Array, most: number = Infinity): Message[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) throw new TypeError("Cannot push: the stream has ended");
    return this.#collect((messages) => this.#taken = this.read(chunk, messages, most));
  }

  end(): Message[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) return [];
    this.#ended = true;
    return this.#collect((messages) => this.finish(messages));
  }

  /**
   * Reads the chunk, adding each message to `messages` as it is complete, until there are `most`.
   *
   * @returns How many bytes of the chunk were read.
   */
  protected abstract read(chunk: Uint8Array, messages: Message[], most: number): number;

  /** Adds what the end of the stream completes. */
  protected abstract finish(messages: Message[]): void;

  #collect(read: (messages: Message[]) => void): Message[] {
    const messages: Message[] = [];
    try {
      read(messages);
    } catch (error) {
      if (!(error instanceof FramingError)) throw error;
      this.#failure = error;
      if (messages.length === 0) throw error;
    }
    return messages;
  }
}
