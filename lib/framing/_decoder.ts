import { FramingError } from "./errors.ts";
import type { Decoder } from "./framing.ts";

/** Implements what all decoders share: messages completed before an error are returned first, and the error is kept. */
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
    const messages: Message[] = [];
    try {
      this.#taken = this.read(chunk, messages, most);
    } catch (error) {
      this.#fail(error, messages);
    }
    return messages;
  }

  end(): Message[] {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#ended) return [];
    this.#ended = true;
    const messages: Message[] = [];
    try {
      this.finish(messages);
    } catch (error) {
      this.#fail(error, messages);
    }
    return messages;
  }

  /**
   * Decodes the chunk and appends each complete message to `messages`, until there are `most`. An incomplete message at
   * the end of the chunk is buffered, and counts as taken.
   *
   * @returns How many bytes of the chunk were taken.
   */
  protected abstract read(chunk: Uint8Array, messages: Message[], most: number): number;

  /** Appends the messages that the end of the stream completes. */
  protected abstract finish(messages: Message[]): void;

  #fail(error: unknown, messages: Message[]): void {
    if (!(error instanceof FramingError)) throw error;
    this.#failure = error;
    if (messages.length === 0) throw error;
  }
}
