import { type Conversion, payloads } from "./_conversion.ts";
import { DelimitedDecoder, DelimiterSearch } from "./_delimited_decoder.ts";
import { FrameDecoder, type FrameReader } from "./_frame_decoder.ts";
import { DecimalReader, FixedReader, LengthReader, NetstringReader, TypeReader } from "./_frame_readers.ts";
import type { FramingError } from "./errors.ts";
import type { Decoder, Framing } from "./framing.ts";
import { type DelimitedLayout, type FrameLayout, type LayoutPart, partsOf } from "./layout.ts";

/** A part of a message in a stream. */
export interface FramePart {
  /** The name, as in {@linkcode LayoutPart}. */
  readonly name: string;
  /** What the part is for. */
  readonly role: LayoutPart["role"];
  /** The number of the message in the stream, from 1. */
  readonly message: number;
  /** Offset of its first byte in the stream. */
  readonly start: number;
  /** The length in bytes, if it is known when the part begins. */
  readonly length: number | undefined;
  /** Offset after its last byte; `undefined` until it has arrived and can be known to be the last. */
  readonly end: number | undefined;
}

/** A part, to be completed. */
type OpenPart = { -readonly [Key in keyof FramePart]: FramePart[Key] };

/**
 * Finds the parts of messages in a stream, as its bytes arrive.
 *
 * A decoder of the framing does the work, so the scanner finds the same messages and refuses the same bytes with the same
 * error. A framing without a layout is decoded byte by byte, and its messages have one part, `message`.
 *
 * @example A header that two chunks split
 * ```ts
 * import { decimalHeader, FrameScanner } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const scanner = new FrameScanner(decimalHeader());
 * const [header] = scanner.push(new TextEncoder().encode("3    "));
 * assertEquals(header, { name: "header", role: "header", message: 1, start: 0, length: 10, end: undefined });
 * assertEquals(scanner.part, header);
 * const [payload] = scanner.push(new TextEncoder().encode("     Hey"));
 * assertEquals(payload, { name: "payload", role: "payload", message: 1, start: 10, length: 3, end: 13 });
 * assertEquals([header!.end, scanner.part], [10, undefined]);
 * ```
 */
export class FrameScanner {
  readonly #layoutParts: readonly LayoutPart[];
  readonly #decoder: Decoder<unknown>;
  /** Whether the decoder must take single bytes, for a call to show which one ends a message. */
  readonly #byByte: boolean;
  /** Parts that began in the current chunk. */
  #begun: OpenPart[] = [];
  #part: OpenPart | undefined;
  /** The place of the part under way among those of its message. */
  #place = 0;
  #message = 0;
  /** Offset after the last complete message. */
  #next = 0;
  /** Number of bytes before the current chunk. */
  #offset = 0;
  #chunk: Uint8Array | undefined;

  /**
   * Starts at the beginning of a stream.
   *
   * @param framing The framing of the stream, or its layout.
   */
  constructor(framing: FrameLayout | Framing<unknown, never>) {
    const layout = "kind" in framing ? framing : framing.layout;
    this.#byByte = layout === undefined;
    this.#layoutParts = partsOf(framing);
    if (layout === undefined) this.#decoder = (framing as Framing<unknown, never>).decoder();
    else if (layout.kind === "delimited") this.#decoder = this.#delimitedDecoder(layout);
    else this.#decoder = new FrameDecoder(this.#watched(readerOf(layout), layout.kind), () => {});
  }

  /** The part under way, or `undefined` between messages. After a failure it is the one that failed. */
  get part(): FramePart | undefined {
    return this.#part;
  }

  /** Number of bytes scanned. */
  get offset(): number {
    return this.#offset;
  }

  /** The error with which the stream stopped fitting the framing. The bytes from there on have no parts. */
  get failure(): FramingError | undefined {
    return this.#decoder.failure;
  }

  /**
   * Scans the next chunk of the stream.
   *
   * @param chunk Any number of bytes.
   * @returns The parts that begin in the chunk. One whose bytes have not all arrived gets its `end` in a later call. A
   * delimiter that several chunks split begins in an earlier one, and is returned once it is complete.
   */
  push(chunk: Uint8Array): FramePart[] {
    this.#begun = [];
    const end = this.#offset + chunk.length;
    if (this.failure === undefined) {
      this.#chunk = chunk;
      if (this.#byByte) this.#decodeBytes(chunk);
      else this.#decode(() => this.#decoder.push(chunk));
      this.#chunk = undefined;
      if (this.#part === undefined && this.#next < end) this.#begin(0, this.#next);
    }
    this.#offset = end;
    return this.#begun;
  }

  /** Ends the stream: completes the last message, if the end does, or fails inside it. */
  end(): void {
    if (this.failure === undefined) this.#decode(() => this.#decoder.end());
    if (this.#part === undefined || this.failure !== undefined) return;
    this.#part.end = this.#offset;
    this.#part = undefined;
  }

  /** Calls the decoder. Its failure is the scanner's; any other error is thrown. */
  #decode(call: () => unknown[]): unknown[] {
    try {
      return call();
    } catch (error) {
      if (this.failure === undefined) throw error;
      return [];
    }
  }

  #decodeBytes(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && this.failure === undefined; at++) {
      const messages = this.#decode(() => this.#decoder.push(chunk.subarray(at, at + 1)));
      const end = this.#offset + at + 1;
      if (messages.length > 0) this.#advance(this.#part?.start ?? this.#next, [end], end);
    }
  }

  /** Wraps a reader of frames, to see where the parts of each frame end. */
  #watched(reader: FrameReader, kind: FrameLayout["kind"]): FrameReader {
    function ends(): number[] {
      const { start, end, header = start } = reader;
      if (start === -1) return [];
      if (kind === "fixed") return [end];
      return kind === "netstring" ? [start - 1, start, end, end + 1] : [Math.max(start, header), end];
    }
    return {
      get start() {
        return reader.start;
      },
      get end() {
        return reader.end;
      },
      read: (bytes, at, length, base) => {
        let available = length;
        try {
          return reader.read(bytes, at, length, base);
        } catch (error) {
          // After a valid header only the comma can be wrong, so the payload has ended and the comma has not.
          available = reader.end;
          throw error;
        } finally {
          this.#advance(base + at, ends().map((end) => base + end), base + available);
        }
      },
    };
  }

  /** Creates a decoder that converts no payloads, but shows where they and their delimiters end. */
  #delimitedDecoder(layout: DelimitedLayout): Decoder<unknown> {
    const { delimiter } = layout;
    const convert: Conversion<unknown> = (bytes, count) => {
      if (this.#chunk === undefined) return; // The end of the stream, not a delimiter, completes the message.
      const base = bytes === this.#chunk ? this.#offset : this.#part!.start;
      for (let at = 0; at < 2 * count; at += 2) {
        const end = payloads[at + 1]!;
        const optional = bytes[end] === delimiter[0] ? 0 : 1;
        const next = end + optional + delimiter.length;
        this.#advance(base + payloads[at]!, [base + end, base + next], base + next);
      }
    };
    return new DelimitedDecoder(layout, new DelimiterSearch(layout), convert);
  }

  /**
   * Begins and ends parts of a message.
   *
   * @param start Offset of the message.
   * @param ends Offsets of the ends of its parts; none before they are known.
   * @param available The number of bytes of the stream that have arrived.
   */
  #advance(start: number, ends: readonly number[], available: number): void {
    let part = this.#part ?? this.#begin(0, start);
    for (let place = this.#place; ends[place]! <= available; place++) {
      const end = part.end = ends[place]!;
      if (place + 1 === ends.length) {
        this.#part = undefined;
        this.#next = end;
      } else {
        part = this.#begin(place + 1, end, ends[place + 1]! - end);
      }
    }
  }

  #begin(place: number, start: number, known?: number): OpenPart {
    const { name, role, length = known } = this.#layoutParts[place]!;
    if (place === 0) this.#message++;
    const part = { name, role, message: this.#message, start, length, end: undefined };
    this.#place = place;
    this.#part = part;
    this.#begun.push(part);
    return part;
  }
}

function readerOf(layout: Exclude<FrameLayout, DelimitedLayout>): FrameReader {
  switch (layout.kind) {
    case "decimal":
      return new DecimalReader(layout);
    case "length":
      return new LengthReader(layout);
    case "netstring":
      return new NetstringReader(layout);
    case "fixed":
      return new FixedReader(layout);
    case "tagged":
      return new TypeReader(layout);
  }
}
