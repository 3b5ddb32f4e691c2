import { BaseDecoder } from "./_decoder.ts";
import { includesByte } from "./_includes_byte.ts";
import { maxLengthOf } from "./_options.ts";
import { MalformedMessageError } from "./errors.ts";
import type { Decoder, Framing, FramingOptions } from "./framing.ts";
import { lines } from "./lines.ts";
import { decodeText, encodeText, text } from "./text.ts";
import { isUtf8, prepareUtf8 } from "./_utf8.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Lines of UTF-8 text, all that one chunk completes together as one block: for programs that pass lines on without
 * looking into each, which costs a tenth of taking them apart and putting them together again.
 *
 *     push  48 65 79 0d 0a 59 6f 75 0a 74 68           push  65 0a
 *     gives "Hey\nYou\n"                               gives "the\n"
 *
 * Which lines stand in one block depends on how the bytes are cut; the blocks one after the other do not. Every line in
 * them ends in `\n`, whatever it ended in.
 *
 * @param options The limit on each line.
 * @returns The framing. A block that is handed out is valid until the next `push`; `encode` takes lines that are
 * already ended, and refuses what is not whole lines of UTF-8.
 * @throws {RangeError} If `maxLength` is out of range.
 *
 * @example
 * ```ts
 * import { lineBatches } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = lineBatches().decoder();
 * const blocks = decoder.push(new TextEncoder().encode("Hey\nYou\nth"));
 * assertEquals(blocks.map((block) => new TextDecoder().decode(block)), ["Hey\nYou\n"]);
 * ```
 */
export function lineBatches(options: FramingOptions = {}): Framing<Uint8Array, Uint8Array> {
  const limit = maxLengthOf(options);
  prepareUtf8();
  return {
    encode(block) {
      if (!isUtf8(block)) decodeText(block);
      if (block.length > 0 && block.at(-1) !== LINE_FEED) {
        throw new MalformedMessageError("lines that end in a newline", block.length - 1, block.subarray(-1), "");
      }
      return new Uint8Array(block);
    },
    decoder: () => new LineBatchDecoder(text(lines(options)).decoder(), limit),
  };
}

/** Whole lines in one piece that need no change are found in a few passes; all else is taken apart. */
class LineBatchDecoder extends BaseDecoder<Uint8Array> {
  readonly #lines: Decoder<string>;
  readonly #limit: number;

  constructor(lines: Decoder<string>, limit: number) {
    super();
    this.#lines = lines;
    this.#limit = limit;
  }

  override get pending(): boolean {
    return this.#lines.pending;
  }

  protected override read(chunk: Uint8Array, blocks: Uint8Array[], most: number): number {
    const end = chunk.lastIndexOf(LINE_FEED) + 1;
    if (end === chunk.length && !this.pending) return this.#read(chunk, blocks, most);
    // A line that began in an earlier chunk ends at the first newline.
    const start = this.pending ? chunk.indexOf(LINE_FEED) + 1 : 0;
    if (start > 0) this.#takeApart(chunk.subarray(0, start), blocks);
    if (end > start) {
      const taken = this.#read(chunk.subarray(start, end), blocks, most);
      if (taken < end - start) return start + taken;
    }
    if (end < chunk.length) this.#takeApart(chunk.subarray(end), blocks);
    return chunk.length;
  }

  protected override finish(blocks: Uint8Array[]): void {
    this.#add(this.#lines.end(), blocks);
  }

  #read(block: Uint8Array, blocks: Uint8Array[], most: number): number {
    // Some line of a longer block may be over the limit.
    if (block.length > this.#limit || !isUtf8(block)) return this.#takeApart(block, blocks, most);
    blocks.push(includesByte(block, CARRIAGE_RETURN) ? withLineFeedsAlone(block) : block);
    return block.length;
  }

  #takeApart(part: Uint8Array, blocks: Uint8Array[], most?: number): number {
    this.#add(this.#lines.push(part, most), blocks);
    return this.#lines.taken ?? part.length;
  }

  #add(lines: string[], blocks: Uint8Array[]): void {
    if (lines.length > 0) blocks.push(encodeText(lines.join("\n") + "\n"));
    if (this.#lines.failure !== undefined) throw this.#lines.failure;
  }
}

/** A copy of whole lines in which those that end in `\r\n` end in `\n`. */
function withLineFeedsAlone(block: Uint8Array): Uint8Array {
  const copy = new Uint8Array(block.length);
  let length = 0;
  for (let at = 0; at < block.length; at++) {
    const byte = block[at]!;
    if (byte === CARRIAGE_RETURN && block[at + 1] === LINE_FEED) continue;
    copy[length++] = byte;
  }
  return copy.subarray(0, length);
}
