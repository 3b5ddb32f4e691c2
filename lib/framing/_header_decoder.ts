import { concat } from "@std/bytes/concat";
import { BaseDecoder } from "./_decoder.ts";
import { looksLike, protocolOf } from "./_describe.ts";
import { copy, GrowingBuffer } from "./_growing_buffer.ts";
import { TruncatedMessageError } from "./errors.ts";

/** Reads the header that says how long the body after it is. */
export interface HeaderReader {
  /** How many bytes a header has, as far as that is known. */
  readonly size: number;
  /** The last header as far as it came, where it may be something else's opening. */
  readonly bytes?: Uint8Array;
  /**
   * Makes ready for the next header.
   *
   * @returns The body's length where no header is needed to know it, else -1.
   */
  begin(): number;
  /**
   * Takes one more byte of the header.
   *
   * @param offset Where this byte stands in the stream.
   * @returns The body's length in bytes, or -1 while the header is incomplete.
   */
  push(byte: number, offset: number): number;
}

/** Every framing whose message is a header and a body of the length it names: two states, header or body. */
export class HeaderDecoder<Message> extends BaseDecoder<Message> {
  readonly #header: HeaderReader;
  readonly #message: (body: Uint8Array<ArrayBuffer>, offset: number) => Message;
  readonly #body = new GrowingBuffer();
  #headerBytes = 0;
  #bodyLength: number;
  #offset = 0;

  /** @param message Makes the message from its body, whose first byte stood at `offset` in the stream. */
  constructor(header: HeaderReader, message: (body: Uint8Array<ArrayBuffer>, offset: number) => Message) {
    super();
    this.#header = header;
    this.#message = message;
    this.#bodyLength = header.begin();
  }

  override get pending(): boolean {
    return this.#headerBytes + this.#body.length > 0;
  }

  /** How many bytes are missing of the header, or of the body once its length is known; 1 or more. */
  get missing(): number {
    return this.#bodyLength === -1 ? this.#header.size - this.#headerBytes : this.#bodyLength - this.#body.length;
  }

  /** Counts bytes of whole messages that were read elsewhere. */
  skip(length: number): void {
    this.#offset += length;
  }

  protected override read(chunk: Uint8Array, messages: Message[], most: number): number {
    let at = 0;
    while (at < chunk.length && messages.length < most) {
      if (this.#bodyLength === -1) {
        this.#headerBytes++;
        this.#bodyLength = this.#header.push(chunk[at]!, this.#offset + at);
        at++;
        if (this.#bodyLength === -1) continue;
      }
      const missing = this.#bodyLength - this.#body.length;
      const end = Math.min(at + missing, chunk.length);
      let body: Uint8Array<ArrayBuffer>;
      if (end - at === this.#bodyLength) {
        body = copy(chunk, at, end);
      } else {
        this.#body.append(chunk.subarray(at, end), this.#bodyLength);
        at = end;
        if (this.#body.length < this.#bodyLength) break;
        body = this.#body.take();
      }
      messages.push(this.#message(body, this.#offset + end - body.length));
      this.#headerBytes = 0;
      this.#bodyLength = this.#header.begin();
      at = end;
    }
    this.#offset += at;
    return at;
  }

  protected override finish(): void {
    if (!this.pending) return;
    const inHeader = this.#bodyLength === -1;
    const received = this.#body.length;
    const bytes = concat([this.#header.bytes ?? new Uint8Array(), this.#body.take()]);
    // Behind a header that is one, or a message, anything may stand.
    const describe = inHeader || this.#headerBytes === 0 ? looksLike : protocolOf;
    const guess = bytes.length === this.#offset ? describe(bytes) : "";
    throw inHeader
      ? new TruncatedMessageError("header", this.#header.size, this.#headerBytes, guess)
      : new TruncatedMessageError("message", this.#bodyLength, received, guess ?? "");
  }
}
