import { type Conversion, MOST_PAYLOADS, payloads } from "./_conversion.ts";
import type { DecodedFrame, DecodeFrame, PayloadFrame } from "./custom.ts";
import { BaseDecoder } from "./_decoder.ts";
import { protocolOf } from "./_describe.ts";
import { Context } from "./_frame_context.ts";
import { GrowingBuffer } from "./_growing_buffer.ts";
import { MessageTooLongError, TruncatedMessageError } from "./errors.ts";

/** What a decode function returns of either kind. */
type Frame<Message> = DecodedFrame<Message> | PayloadFrame;

/** Decodes frames that a function finds: messages, or payloads that a conversion makes messages of. */
export class CustomDecoder<Message, State> extends BaseDecoder<Message> {
  readonly #decode: DecodeFrame<Frame<Message>, State>;
  readonly #limit: number;
  readonly #context: Context<State>;
  readonly #convert: Conversion<Message> | undefined;
  /** The incomplete frame, without the bytes that `decode` keeps. */
  readonly #buffer = new GrowingBuffer();
  /** The number of bytes that it lacks at least. */
  #missing = 1;
  /** The number of bytes of the incomplete message that `decode` keeps in its state. */
  #kept = 0;
  /** Offset in the stream of the next byte to take. */
  #offset = 0;

  constructor(
    decode: DecodeFrame<Frame<Message>, State>,
    limit: number,
    state: State,
    convert?: Conversion<Message>,
  ) {
    super();
    this.#decode = decode;
    this.#limit = limit;
    this.#context = new Context(state);
    this.#convert = convert;
  }

  override get pending(): boolean {
    return this.#buffer.length > 0 || this.#kept > 0;
  }

  protected override read(chunk: Uint8Array<ArrayBuffer>, messages: Message[], most: number): number {
    let at = 0;
    while (at < chunk.length && messages.length < most) {
      at = this.#buffer.length === 0
        ? this.#decodeChunk(chunk, at, messages, most)
        : this.#complete(chunk, at, messages);
    }
    this.#offset += at;
    return at;
  }

  /** Decodes frames where they lie in the chunk; returns the offset after the bytes taken. */
  #decodeChunk(chunk: Uint8Array<ArrayBuffer>, at: number, messages: Message[], most: number): number {
    const found: number[] = [];
    const room = 2 * Math.min(most - messages.length, MOST_PAYLOADS);
    this.#context.use(chunk, this.#offset);
    try {
      while (at < chunk.length && messages.length < most && found.length < room) {
        const end = Math.min(chunk.length, at + this.#limit - this.#kept);
        const frame = this.#call(chunk, at, end);
        if (typeof frame === "number") {
          this.#buffer.append(chunk, at, end, this.#limit - this.#kept);
          return end;
        }
        this.#take(frame, at, messages, found);
        at = frame.end;
      }
    } finally {
      this.#flush(chunk, found, messages, false);
    }
    return at;
  }

  /** Continues the buffered frame with bytes of the chunk; returns the offset after those taken. */
  #complete(chunk: Uint8Array<ArrayBuffer>, at: number, messages: Message[]): number {
    const buffer = this.#buffer;
    const { length } = buffer;
    const room = this.#limit - this.#kept;
    // As many bytes as are there, or else a function that asks for few of many is called too often.
    const count = Math.min(Math.max(this.#missing, length), room - length, chunk.length - at);
    buffer.append(chunk, at, at + count, room);
    if (count < this.#missing) {
      this.#missing -= count;
      return at + count;
    }
    const { view } = buffer;
    this.#context.use(view, this.#offset + at - length);
    const frame = this.#call(view, 0, view.length);
    if (typeof frame === "number") return at + count;
    this.#takeBuffered(frame, view, length, messages);
    return Math.max(at, at + frame.end - length);
  }

  /** Takes a frame from the buffer, and leaves there what follows it within the first `length` bytes. */
  #takeBuffered(frame: Frame<Message>, view: Uint8Array<ArrayBuffer>, length: number, messages: Message[]): void {
    const found: number[] = [];
    const rest = view.slice(frame.end, length);
    this.#take(frame, 0, messages, found);
    this.#flush(view, found, messages, this.#buffer.owned);
    this.#buffer.clear();
    this.#buffer.append(rest, 0, rest.length, rest.length);
  }

  protected override finish(messages: Message[]): void {
    while (this.#buffer.length > 0) {
      const { view } = this.#buffer;
      this.#context.use(view, this.#offset - view.length);
      const frame = this.#call(view, 0, view.length);
      if (typeof frame === "number") break;
      this.#takeBuffered(frame, view, view.length, messages);
    }
    const { length, view } = this.#buffer;
    const received = this.#kept + length;
    if (received === 0) return;
    const hint = length === this.#offset ? protocolOf(view) : undefined;
    throw new TruncatedMessageError("message", received + this.#missing, received, hint ?? "");
  }

  /** Calls the function, and checks the result. */
  #call(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): Frame<Message> | number {
    const context = this.#context;
    context.begin(start, end, this.#kept);
    const frame = this.#decode.call(undefined, bytes, start, end, context);
    if (typeof frame === "number") {
      if (!(frame >= 1)) throw new RangeError(`decode returned ${frame} missing bytes: expected 1 or more`);
      this.#missing = Math.ceil(frame);
      if (this.#kept + end - start + frame > this.#limit) this.#refuse();
    } else if (!(frame.end > start && frame.end <= end)) {
      // Bytes beyond the limit may be there to be found.
      if (frame.end > end && end < bytes.length) this.#refuse();
      throw new RangeError(`decode returned end ${frame.end}: expected more than ${start} and at most ${end}`);
    }
    return frame;
  }

  /** Takes the message or the payload of a frame. */
  #take(frame: Frame<Message>, start: number, messages: Message[], found: number[]): void {
    this.#context.next();
    this.#missing = 1;
    if ("from" in frame) {
      const { from, to, end } = frame;
      if (!(from >= start && to >= from && to <= end)) {
        throw new RangeError(`decode returned a payload from ${from} to ${to}: expected it within ${start} and ${end}`);
      }
      found.push(from, to);
    } else if (frame.message !== undefined) {
      messages.push(frame.message);
      this.#kept = 0;
    } else {
      this.#kept += frame.end - start;
      if (this.#kept >= this.#limit) this.#refuse();
    }
  }

  /** Converts the payloads found. */
  #flush(bytes: Uint8Array<ArrayBuffer>, found: number[], messages: Message[], owned: boolean): void {
    if (found.length === 0) return;
    for (let at = 0; at < found.length; at++) payloads[at] = found[at]!;
    this.#convert!(bytes, found.length / 2, messages, owned);
  }

  /** Refuses a message over the limit. How long it would be may depend on how much of it has arrived. */
  #refuse(): never {
    const hint = this.#context.isFirst ? undefined : "";
    throw new MessageTooLongError(this.#limit, this.#limit + 1, " or more", hint);
  }
}
