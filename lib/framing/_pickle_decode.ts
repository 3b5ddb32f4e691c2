import { toHex } from "./_hex.ts";
import { looksLikeOrText } from "./_describe.ts";
import { Entry, type Item, valueOf, valuesOf } from "./_pickle_entry.ts";
import { Keys, SHORT_TEXT } from "./_pickle_key.ts";
import { Opcode, opcodeName } from "./_pickle_opcodes.ts";
import { copyOf } from "./_slab.ts";
import { asciiSlice } from "./_utf8.ts";
import { MalformedMessageError } from "./errors.ts";
import { PickleFloat, type PickleLimits, PickleTuple, type PickleValue } from "./pickle_value.ts";
import { decodeText } from "./text.ts";

// V8 compares with constants faster than with the properties of an object.
const { PROTO, FRAME, STOP, NONE, NEWTRUE, NEWFALSE, BININT1, BININT2, BININT, LONG1, LONG4, BINFLOAT } = Opcode;
const { SHORT_BINUNICODE, BINUNICODE, BINUNICODE8, SHORT_BINBYTES, BINBYTES, BINBYTES8 } = Opcode;
const { EMPTY_LIST, APPEND, APPENDS, EMPTY_DICT, SETITEM, SETITEMS } = Opcode;
const { EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3, TUPLE } = Opcode;
const { MARK, MEMOIZE, BINPUT, LONG_BINPUT, BINGET, LONG_BINGET } = Opcode;

/** Height of the stack allocated at first: enough for the batches of CPython, since growing it takes a fifth of the time. */
const STACK = 1024;
/** Up to this many values, a loop is faster than `slice`. */
const FEW = 8;
/** Up to this many bytes, a check for ASCII is faster than a `TextDecoder`. */
const SMALL_TEXT = 128;
/** Replaces bytes that are not UTF-8, in half the time of a decoder that throws. */
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const REPLACEMENT = "\ufffd";
/** Number of bytes in an error. */
const SHOWN = 16;
const SHARED = ", shared ones counted each time";

/**
 * Decodes one pickle. As in Python, it executes opcodes on a stack and a memo, but it has no opcode that names or calls
 * anything, so that all values are plain data.
 *
 * A container must be complete before another contains it, as in every pickle without cycles. So its totals are final by
 * then, and sharing that doubles at each level is detected without expanding it.
 */
export class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #limits: PickleLimits;
  /** Offset of the next byte. */
  #at = 0;
  /** Offset of the current opcode. */
  #opcodeAt = 0;
  /** Offset of the end of the current frame, or else of the pickle. */
  #end: number;
  #framed = false;
  /** The stack; above its height are values no longer on it. */
  readonly #stack: Item[];
  #height = 0;
  /** Height of the stack at the last mark, or 0. */
  #base = 0;
  /** The base below each mark. */
  readonly #marks: number[] = [];
  /** An array, since V8 hashes the indexes of sparse arrays with a seed. In a Map, chosen indexes could collide. */
  readonly #memo: Item[] = [];
  /** Number of values in the memo. */
  #stored = 0;
  readonly #keys: Keys;

  constructor(bytes: Uint8Array, limits: PickleLimits) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#limits = limits;
    this.#end = bytes.length;
    this.#stack = new Array(Math.min(bytes.length, STACK));
    this.#keys = new Keys(this, bytes.length);
  }

  /** Executes all opcodes. */
  load(): PickleValue {
    if (this.#byte() !== PROTO) throw this.malformed("a pickle of protocol 2 to 5");
    const protocol = this.#byte();
    if (protocol < 2 || protocol > 5) throw this.malformed(`protocol 2 to 5, not ${protocol}`);
    for (;;) {
      this.#opcodeAt = this.#at;
      const opcode = this.#byte();
      switch (opcode) {
        case STOP:
          return this.#stop();
        case NONE:
          this.#push(null);
          break;
        case NEWTRUE:
          this.#push(true);
          break;
        case NEWFALSE:
          this.#push(false);
          break;
        case BININT1:
          this.#push(this.#byte());
          break;
        case BININT2:
          this.#push(this.#view.getUint16(this.#take(2), true));
          break;
        case BININT:
          this.#push(this.#view.getInt32(this.#take(4), true));
          break;
        case LONG1:
          this.#long(this.#byte());
          break;
        case LONG4:
          this.#long(this.#view.getInt32(this.#take(4), true));
          break;
        case BINFLOAT:
          this.#float();
          break;
        case SHORT_BINUNICODE:
          this.#text(this.#byte());
          break;
        case BINUNICODE:
          this.#text(this.#view.getUint32(this.#take(4), true));
          break;
        case BINUNICODE8:
          this.#text(this.#length8());
          break;
        case SHORT_BINBYTES:
          this.#data(this.#byte());
          break;
        case BINBYTES:
          this.#data(this.#view.getUint32(this.#take(4), true));
          break;
        case BINBYTES8:
          this.#data(this.#length8());
          break;
        case EMPTY_LIST:
          this.#pushContainer(new Entry([], 0, 1, false));
          break;
        case EMPTY_DICT:
          this.#pushContainer(new Entry(new Map(), 0, 1, false));
          break;
        case EMPTY_TUPLE:
          this.#tuple(this.#height);
          break;
        case TUPLE1:
          this.#tuple(this.#last(1));
          break;
        case TUPLE2:
          this.#tuple(this.#last(2));
          break;
        case TUPLE3:
          this.#tuple(this.#last(3));
          break;
        case TUPLE:
          this.#tuple(this.#popMark());
          break;
        case APPEND:
          this.#append(this.#last(1));
          break;
        case APPENDS:
          this.#append(this.#popMark());
          break;
        case SETITEM:
          this.#setItems(this.#last(2));
          break;
        case SETITEMS:
          this.#setItems(this.#popMark());
          break;
        case MARK:
          this.#mark();
          break;
        case MEMOIZE:
          this.#put(this.#stored);
          break;
        case BINPUT:
          this.#put(this.#byte());
          break;
        case LONG_BINPUT:
          this.#put(this.#view.getUint32(this.#take(4), true));
          break;
        case BINGET:
          this.#get(this.#byte());
          break;
        case LONG_BINGET:
          this.#get(this.#view.getUint32(this.#take(4), true));
          break;
        case FRAME:
          this.#frame(this.#length8());
          break;
        case PROTO:
          throw this.malformed("the protocol once, at the beginning");
        default:
          throw this.malformed(`plain data, not the opcode ${opcodeName(opcode)}`);
      }
    }
  }

  #stop(): PickleValue {
    if (this.#height !== 1 || this.#marks.length > 0) throw this.malformed("one value at the end");
    if (this.#at < this.#bytes.length) throw this.malformed("nothing after the end", this.#at);
    return valueOf(this.#stack[0]!);
  }

  // Values without contents

  #float(): void {
    const value = this.#view.getFloat64(this.#take(8), false);
    this.#push(Number.isInteger(value) ? new PickleFloat(value) : value);
  }

  #long(length: number): void {
    if (length < 0) throw this.malformed("a length of 0 or more");
    const start = this.#takeData(length);
    this.#push(new Entry(integer(this.#bytes.subarray(start, this.#at)), length, 0));
  }

  #data(length: number): void {
    const start = this.#takeData(length);
    this.#push(new Entry(copyOf(this.#bytes, start, this.#at), length, 0));
  }

  #text(length: number): void {
    const start = this.#takeData(length);
    const ascii = length <= SMALL_TEXT && isAscii(this.#view, start, this.#at);
    const text = ascii ? asciiSlice(this.#bytes, start, this.#at) : this.#decodeText(start);
    this.#push(text.length === length && length <= SHORT_TEXT ? text : new Entry(text, length, 0));
  }

  #decodeText(start: number): string {
    const bytes = this.#bytes.subarray(start, this.#at);
    const text = lenient.decode(bytes);
    if (!text.includes(REPLACEMENT)) return text;
    // The text may contain this character itself.
    try {
      return decodeText(bytes);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      throw new MalformedMessageError(error.expected, start + error.offset, error.bytes, "");
    }
  }

  // Containers

  #tuple(start: number): void {
    const items = this.#pop(start);
    const tuple = new Entry(new PickleTuple(valuesOf(items)), 0, 1);
    tuple.items = items;
    for (const item of items) this.#add(item, tuple);
    this.#pushContainer(tuple);
  }

  #append(start: number): void {
    const list = this.#below(start);
    if (!(list instanceof Entry && list.value instanceof Array)) throw this.malformed("a list to append to");
    const items = this.#pop(start);
    for (const item of items) this.#add(item, list);
    const values = valuesOf(items);
    if (list.value.length === 0) list.value = values;
    else for (const value of values) list.value.push(value);
  }

  #setItems(start: number): void {
    const dict = this.#below(start);
    if (!(dict instanceof Entry && dict.value instanceof Map)) throw this.malformed("a dict to set an item of");
    if ((this.#height - start) % 2 !== 0) throw this.malformed("a value for every key");
    for (let at = start; at < this.#height; at += 2) {
      const key = this.#stack[at]!;
      const value = this.#stack[at + 1]!;
      if (key instanceof Entry && !key.hashable) throw this.malformed("an immutable key, not a list or dict");
      this.#add(key, dict);
      this.#add(value, dict);
      dict.value.set(this.#keys.firstEqual(dict, key), valueOf(value));
    }
    this.#height = start;
  }

  /** Adds the totals of a value to those of its container, which no other value may contain yet. */
  #add(item: Item, container: Entry): void {
    if (typeof item === "number" && container.count < this.#limits.maxItems && !container.sealed) {
      // Lists of numbers take a fifth less time if only the count is checked.
      container.count++;
      return;
    }
    if (item instanceof Entry) {
      item.sealed = true;
      container.hashable &&= item.hashable;
      container.count += item.count;
      container.size += item.size;
      container.depth = Math.max(container.depth, 1 + item.depth);
    } else {
      container.count++;
      if (typeof item === "string") container.size += item.length;
    }
    if (container.sealed) throw this.malformed("data without cycles");
    const { count, size, depth } = container;
    const { maxItems, maxSize, maxDepth } = this.#limits;
    if (count > maxItems || size > maxSize || depth > maxDepth) throw this.#overLimit(count, size, SHARED);
  }

  // The stack and the memo

  #push(item: Item): void {
    this.#stack[this.#height++] = item;
    this.#checkCount(this.#height);
  }

  #pushContainer(container: Entry): void {
    this.#push(container);
    this.#checkDepth(container.depth);
  }

  /** Removes and returns the values above this height of the stack. */
  #pop(start: number): Item[] {
    const length = this.#height - start;
    this.#height = start;
    if (length > FEW) return this.#stack.slice(start, start + length);
    const items = new Array<Item>(length);
    for (let at = 0; at < length; at++) items[at] = this.#stack[start + at]!;
    return items;
  }

  /** Returns the value below this height of the stack, unless the last mark is there. */
  #below(height: number): Item | undefined {
    return height > this.#base ? this.#stack[height - 1] : undefined;
  }

  /** Returns the height of the stack below the last values. */
  #last(count: number): number {
    if (this.#height - this.#base < count) {
      throw this.malformed(`${count} values for ${opcodeName(this.#bytes[this.#opcodeAt]!)}`);
    }
    return this.#height - count;
  }

  #mark(): void {
    this.#marks.push(this.#base);
    this.#base = this.#height;
    this.#checkCount(this.#marks.length);
  }

  /** Removes the last mark; returns the height of the stack at it. */
  #popMark(): number {
    const start = this.#base;
    const base = this.#marks.pop();
    if (base === undefined) throw this.malformed(`a mark for ${opcodeName(this.#bytes[this.#opcodeAt]!)}`);
    this.#base = base;
    return start;
  }

  #put(index: number): void {
    const item = this.#below(this.#height);
    if (item === undefined) throw this.malformed("a value to store");
    const { maxItems } = this.#limits;
    if (this.#stored >= maxItems) throw this.malformed(`at most ${maxItems} stored values`);
    if (this.#memo[index] === undefined) this.#stored++;
    this.#memo[index] = item;
  }

  #get(index: number): void {
    const item = this.#memo[index];
    if (item === undefined) throw this.malformed(`the index of a stored value, not ${index}`);
    this.#push(item);
  }

  // The bytes

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** Decodes a length of eight bytes. Beyond 2^53 it is inexact, but over every limit anyway. */
  #length8(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  /** Consumes the bytes of a value; returns their offset. */
  #takeData(length: number): number {
    const start = this.#take(length);
    this.checkSize(length);
    return start;
  }

  /** Consumes the next bytes; returns their offset, or throws if the frame or pickle ends before. */
  #take(length: number): number {
    const start = this.#at;
    this.#at = start + length;
    if (this.#at >= this.#end) this.#checkEnd(start, length);
    return start;
  }

  #checkEnd(start: number, length: number): void {
    const left = this.#end - start;
    if (length > left) {
      const where = this.#framed ? "of its frame" : "of the pickle";
      throw this.malformed(`at least ${length} bytes before the end ${where}, not ${left}`);
    }
    this.#end = this.#bytes.length;
    this.#framed = false;
  }

  #frame(length: number): void {
    if (this.#framed) throw this.malformed("no frame inside a frame");
    const left = this.#bytes.length - this.#at;
    if (length === 0 || length > left) {
      throw this.malformed(`a frame of at most the ${left} bytes that are left, not ${length}`);
    }
    this.#end = this.#at + length;
    this.#framed = true;
  }

  // Errors

  #checkCount(count: number): void {
    if (count > this.#limits.maxItems) throw this.#overLimit(count, 0);
  }

  checkSize(size: number): void {
    if (size > this.#limits.maxSize) throw this.#overLimit(0, size);
  }

  #checkDepth(depth: number): void {
    if (depth > this.#limits.maxDepth) throw this.#overLimit(0, 0);
  }

  #overLimit(count: number, size: number, note = ""): MalformedMessageError {
    const { maxItems, maxSize, maxDepth } = this.#limits;
    if (count > maxItems) return this.malformed(`at most ${maxItems} items${note}`);
    if (size > maxSize) return this.malformed(`at most ${maxSize} bytes of text and long ints${SHARED}`);
    return this.malformed(`at most ${maxDepth} levels`);
  }

  /** Returns an error about the current opcode, or about the bytes at another offset. */
  malformed(expected: string, at: number = this.#opcodeAt): MalformedMessageError {
    const bytes = copyOf(this.#bytes, at, at + SHOWN);
    // Only the first bytes of a message identify it.
    return new MalformedMessageError(expected, at, bytes, (at === 0 && looksLikeOrText(bytes)) || "");
  }
}

/** Whether bytes are ASCII. */
function isAscii(view: DataView, start: number, end: number): boolean {
  for (; start + 4 <= end; start += 4) {
    if ((view.getUint32(start) & 0x80808080) !== 0) return false;
  }
  while (start < end && view.getUint8(start) < 0x80) start++;
  return start === end;
}

/** Decodes an integer in two's complement, little endian. */
function integer(bytes: Uint8Array): number | bigint {
  const bits = 8 * bytes.length;
  if (bits <= 48) {
    const value = bytes.reduceRight((high, byte) => 256 * high + byte, 0);
    return value < 2 ** (bits - 1) ? value : value - 2 ** bits;
  }
  const value = BigInt.asIntN(bits, BigInt(`0x${toHex(new Uint8Array(bytes).reverse())}`));
  const safe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return safe ? Number(value) : value;
}
