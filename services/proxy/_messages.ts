import type { FramingError } from "../../lib/framing/errors.ts";
import type { Framing } from "../../lib/framing/framing.ts";
import { type FramePart, FrameScanner } from "../../lib/framing/scanner.ts";

/** The number of bytes scanned at once, to bound the parts found. */
const SLICE = 4096;

/** Follows the messages of a stream as its bytes are forwarded. */
export class Messages {
  /** The framing. */
  readonly framing: Framing<unknown, never>;
  readonly #scanner: FrameScanner;
  readonly #start: number;
  #begun = 0;

  /** Starts between two messages, at this offset of the stream. */
  constructor(framing: Framing<unknown, never>, start: number) {
    this.framing = framing;
    this.#scanner = new FrameScanner(framing);
    this.#start = start;
  }

  /** Number of messages that have begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Whether the bytes so far end with a message, or no longer fit the framing. */
  get isBetween(): boolean {
    return this.#scanner.part === undefined || this.failure !== undefined;
  }

  /** The error with which the stream stopped fitting the framing. */
  get failure(): FramingError | undefined {
    return this.#scanner.failure;
  }

  /**
   * Takes the bytes that are forwarded next.
   *
   * @param bytes The bytes.
   * @param one Whether to take no bytes after the end of a message.
   * @param onPart Takes each part that begins in the bytes, with its offset in the stream.
   * @returns The number of bytes taken.
   */
  take(bytes: Uint8Array, one: boolean, onPart: (part: FramePart) => void): number {
    const length = one ? 1 : SLICE;
    for (let at = 0; at < bytes.length; at += length) {
      for (const part of this.#scanner.push(bytes.subarray(at, at + length))) {
        this.#begun = part.message;
        onPart({ ...part, start: this.#start + part.start });
      }
      if (one && this.isBetween) return at + 1;
    }
    return bytes.length;
  }
}
