import type { FrameContext } from "./custom.ts";
import { looksLike, protocolOf } from "./_describe.ts";
import { ZERO } from "./_digits.ts";
import { copyOf } from "./_slab.ts";
import { asciiSlice, isAscii, isUtf8, utf8Slice } from "./_utf8.ts";
import { MalformedMessageError } from "./errors.ts";

/** Up to this many bytes a loop is faster than a call of the runtime. */
const SHORT = 32;
/** Maximum number of bytes decoded as one string, of which short texts are parts: what each keeps alive at most. */
const SHARED = 512;
const MINUS = 0x2d;

/** Implements `FrameContext` for the bytes that a decode function sees. */
export class Context<State> implements FrameContext<State> {
  offset = 0;
  /** Whether the message is the first of its stream. */
  isFirst = true;
  #bytes: Uint8Array = new Uint8Array();
  #start = 0;
  #end = 0;
  /** The last search that found nothing: for which byte, and its range from the start of the frame on. */
  #sought = -1;
  #from = 0;
  #to = 0;
  /** The bytes from `#sharedFrom` to `#sharedTo` as text, if they are ASCII. */
  #shared = "";
  #sharedFrom = 0;
  #sharedTo = 0;
  #ascii = false;

  constructor(public state: State) {}

  /** Begins to read an array, whose first byte has this offset in the stream. */
  use(bytes: Uint8Array, offset: number): void {
    this.#bytes = bytes;
    this.offset = offset;
    this.#sharedTo = 0;
  }

  /** Begins a call of the decode function. */
  begin(start: number, end: number, kept: number): void {
    this.#start = start;
    this.#end = end;
    this.isFirst = this.offset + start === kept;
  }

  /** Forgets the search: another frame follows. */
  next(): void {
    this.#sought = -1;
  }

  indexOf = (byte: number, from: number): number => {
    const bytes = this.#bytes;
    const end = this.#end;
    const repeated = this.#sought === byte && this.#from === from - this.#start;
    let at = repeated ? Math.max(from, this.#start + this.#to) : from;
    for (const near = Math.min(end, at + SHORT); at < near; at++) if (bytes[at] === byte) return at;
    if (at < end) at = bytes.indexOf(byte, at);
    if (at !== -1 && at < end) return at;
    this.#sought = byte;
    this.#from = from - this.#start;
    this.#to = end - this.#start;
    return -1;
  };

  integer = (from: number, to: number): number => {
    const bytes = this.#bytes;
    let at = from;
    let value = 0;
    if (bytes[at] === MINUS) at++;
    const digits = at;
    for (; at < to; at++) {
      const digit = bytes[at]! - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    if (at < to || at === digits || value > Number.MAX_SAFE_INTEGER) throw this.malformed("an integer", from, to);
    return digits > from ? -value : value;
  };

  text = (from: number, to: number): string => {
    if (from < this.#sharedFrom || to > this.#sharedTo) {
      if (to - from > SHARED / 2) return this.#decode(from, to);
      this.#sharedFrom = from;
      this.#sharedTo = Math.min(from + SHARED, this.#end);
      this.#ascii = isAscii(this.#bytes, from, this.#sharedTo);
      if (this.#ascii) this.#shared = asciiSlice(this.#bytes, from, this.#sharedTo);
    }
    return this.#ascii ? this.#shared.slice(from - this.#sharedFrom, to - this.#sharedFrom) : this.#decode(from, to);
  };

  #decode(from: number, to: number): string {
    if (isUtf8(this.#bytes, from, to)) return utf8Slice(this.#bytes, from, to);
    throw this.malformed("UTF-8 text", from, to);
  }

  copy = (from: number, to: number): Uint8Array<ArrayBuffer> => copyOf(this.#bytes, from, to);

  malformed = (expected: string, from: number, to: number = from + 1): MalformedMessageError => {
    const bytes = copyOf(this.#bytes, from, Math.min(to, this.#end));
    return new MalformedMessageError(expected, this.offset + from, bytes, this.#hint(from, to));
  };

  /** What the stream looks like. Only its first bytes identify it. */
  #hint(from: number, to: number): string | undefined {
    if (!this.isFirst) return "";
    const opening = this.#bytes.subarray(this.#start, Math.min(to, this.#end));
    return from === this.#start ? looksLike(opening) : protocolOf(opening) ?? "";
  }
}
