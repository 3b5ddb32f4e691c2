import { FramingError } from "./errors.ts";
import type { Decoder } from "./framing.ts";

/** Keeps the promise every decoder makes: what is complete before an error is returned, then the error stands. */
export abstract class BaseDecoder<Message> implements Decoder<Message> {
  #failure: FramingError | undefined;
  #ended = false;

  abstract get pending(): boolean;

  get failure(): FramingError | undefined {
    return this.#failure;
  }

  push(chunk: Uint8Array): Message[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) throw new TypeError("Cannot push: the stream has ended");
    return this.#collect((messages) => this.read(chunk, messages));
  }

  end(): Message[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) return [];
    this.#ended = true;
    return this.#collect((messages) => this.finish(messages));
  }

  /** Reads the chunk, adding each message to `messages` as it is complete. */
  protected abstract read(chunk: Uint8Array, messages: Message[]): void;

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
