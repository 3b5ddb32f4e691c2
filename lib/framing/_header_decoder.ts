import { concat } from "@std/bytes/concat";
import { BaseDecoder } from "./_decoder.ts";
import { looksLike, protocolOf } from "./_describe.ts";
import { copy, GrowingBuffer } from "./_growing_buffer.ts";
import { TruncatedMessageError } from "./errors.ts";

/** Parses a header for the length of the body after it. */
export interface HeaderReader {
  /** Length of the header in bytes, or the least it can be. */
  readonly size: number;
  /** The bytes of the current header received so far, if they can identify another protocol. */
  readonly bytes?: Uint8Array;
  /**
   * Prepares for the next header.
   *
   * @returns The body's length in bytes if there are no headers, otherwise -1.
   */
  begin(): number;
  /**
   * Parses the next byte of the header.
   *
   * @param offset Offset of the byte in the stream.
   * @returns The body's length in bytes, or -1 while the header is incomplete.
   */
  push(byte: number, offset: number): number;
}

/** Decodes messages that consist of a header and a body, whose length follows from the header. */
export class HeaderDecoder<Message> extends BaseDecoder<Message> {
  readonly #header: HeaderReader;
  readonly #message: (body: Uint8Array<ArrayBuffer>, offset: number) => Message;
  readonly #body = new GrowingBuffer();
  #headerBytes = 0;
  #bodyLength: number;
  #offset = 0;

  /** @param message Creates the message from its body, which starts at `offset` in the stream. */
  constructor(header: HeaderReader, message: (body: Uint8Array<ArrayBuffer>, offset: number) => Message) {
    super();
    this.#header = header;
    this.#message = message;
    this.#bodyLength = header.begin();
  }

  override get pending(): boolean {
    return this.#headerBytes + this.#body.length > 0;
  }

  /** How many bytes the header lacks, or the body once its length is known: 1 or more. */
  get missing(): number {
    return this.#bodyLength === -1 ? this.#header.size - this.#headerBytes : this.#bodyLength - this.#body.length;
  }

  /** Advances the offset in the stream past whole messages that the caller decoded. */
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
    // Only the first bytes of a stream identify it. After a valid header anything may follow, so only a certain hint is given.
    const hintFrom = inHeader || this.#headerBytes === 0 ? looksLike : protocolOf;
    const hint = bytes.length === this.#offset ? hintFrom(bytes) : "";
    throw inHeader
      ? new TruncatedMessageError("header", this.#header.size, this.#headerBytes, hint)
      : new TruncatedMessageError("message", this.#bodyLength, received, hint ?? "");
  }
}
