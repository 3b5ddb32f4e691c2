import { toHex } from "./_hex.ts";
import { looksLikeOrText } from "./_describe.ts";
import { Opcode, opcodeName } from "./_pickle_opcodes.ts";
import { MalformedMessageError } from "./errors.ts";
import { decodeText } from "./text.ts";
import { pythonKey, slotOf, SLOTS, tupleKey } from "./_pickle_key.ts";
import { PickleFloat, type PickleLimits, PickleTuple, type PickleValue } from "./pickle_value.ts";

/** A value and its totals. A shared value adds to those of its containers each time it occurs. */
class Entry {
  value: PickleValue;
  /** Number of values: itself and all in it. */
  count = 1;
  /** Total length of text, bytes and long ints in it, in bytes. */
  size: number;
  /** Number of levels of containers. */
  depth: number;
  /** Whether it can be a key: neither a list nor a dict, nor a tuple that contains one. */
  hashable: boolean;
  /** Whether another value contains it, so that it must not change any more. */
  sealed = false;
  /** The items of a tuple. */
  items: readonly Item[] | undefined;
  /** Once needed, a short string that all keys equal to this one in Python share; `null` if no other key is equal. */
  keyName: string | null | undefined;
  /** The keys of a dict that a Map distinguishes from a key they are equal to in Python, such as `true` from 1. */
  aliases: Map<PickleValue, PickleValue> | undefined;
  /** The number of keys in each slot of the Map of a large dict. */
  slots: Uint32Array | undefined;

  constructor(value: PickleValue, size: number, depth: number, hashable = true, items?: readonly Item[]) {
    this.value = value;
    this.size = size;
    this.depth = depth;
    this.hashable = hashable;
    this.items = items;
    this.keyName = undefined;
    this.aliases = undefined;
    this.slots = undefined;
  }
}

/** A value on the stack. An entry for each small value would cost more than the value; the size of a text is its length. */
type Item = Entry | PickleFloat | string | number | boolean | null;

/** Longer strings used as keys are replaced by the first equal one: a Map would compare their characters every time. */
const SHORT_TEXT = 255;
/** Longer names of keys are replaced by a number: the names of tuples contain those of their items. */
const SHORT_NAME = 64;
/** Longer texts have an entry: from here on, a `TextDecoder` is faster than {@linkcode asciiText}. */
const SMALL_TEXT = 40;
/** Replaces bytes that are not UTF-8, in half the time of a decoder that throws. */
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });
const REPLACEMENT = "\ufffd";
/** Height of the stack allocated at first: enough for the batches of CPython, since growing it takes a fifth of the time. */
const STACK = 1024;
/** Minimum size of dicts whose keys are checked for collisions; in smaller ones they cost next to nothing. */
const LARGE_DICT = 256;
/** Number of comparisons of keys in large dicts allowed for each byte of the pickle. */
const COMPARISONS_PER_BYTE = 64;

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
  #at = 0;
  /** Offset of the current opcode. */
  #opcodeAt = 0;
  /** Offset of the end of the current frame, or else of the pickle. */
  #end: number;
  #framed = false;
  /** The stack; above its height are values no longer on it. */
  readonly #stack: Item[];
  #height = 0;
  /** The heights of the stack at the marks. */
  readonly #marks: number[] = [];
  /** Height of the stack at the last mark, or 0. */
  #base = 0;
  /** An array, since V8 hashes the indexes of sparse arrays with a seed. In a Map, chosen indexes could collide. */
  readonly #memo: Item[] = [];
  /** Number of values in the memo. */
  #stored = 0;
  /** The short replacements of long names of keys. */
  readonly #shortNames = new Map<string, string>();
  /** The first key with each name. */
  readonly #firstKeys = new Map<string, PickleValue>();
  #comparisons = 0;
  /** Total length of ints beyond 2^53 used as keys, in bytes: a Map compares them digit by digit every time. */
  #comparedSize = 0;

  constructor(bytes: Uint8Array, limits: PickleLimits) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#limits = limits;
    this.#end = bytes.length;
    this.#stack = new Array(Math.min(bytes.length, STACK));
  }

  load(): PickleValue {
    if (this.#byte() !== Opcode.PROTO) throw this.#malformed("a pickle of protocol 2 to 5");
    const protocol = this.#byte();
    if (protocol < 2 || protocol > 5) throw this.#malformed(`protocol 2 to 5, not ${protocol}`);
    for (;;) {
      this.#opcodeAt = this.#at;
      const opcode = this.#byte();
      switch (opcode) {
        case Opcode.STOP:
          return this.#stop();
        case Opcode.NONE:
          this.#push(null);
          break;
        case Opcode.NEWTRUE:
          this.#push(true);
          break;
        case Opcode.NEWFALSE:
          this.#push(false);
          break;
        case Opcode.BININT1:
          this.#push(this.#byte());
          break;
        case Opcode.BININT2:
          this.#push(this.#view.getUint16(this.#take(2), true));
          break;
        case Opcode.BININT:
          this.#push(this.#view.getInt32(this.#take(4), true));
          break;
        case Opcode.LONG1:
          this.#long(this.#byte());
          break;
        case Opcode.LONG4:
          this.#long(this.#view.getInt32(this.#take(4), true));
          break;
        case Opcode.BINFLOAT:
          this.#float();
          break;
        case Opcode.SHORT_BINUNICODE:
          this.#text(this.#byte());
          break;
        case Opcode.BINUNICODE:
          this.#text(this.#view.getUint32(this.#take(4), true));
          break;
        case Opcode.BINUNICODE8:
          this.#text(this.#length8());
          break;
        case Opcode.SHORT_BINBYTES:
          this.#data(this.#byte());
          break;
        case Opcode.BINBYTES:
          this.#data(this.#view.getUint32(this.#take(4), true));
          break;
        case Opcode.BINBYTES8:
          this.#data(this.#length8());
          break;
        case Opcode.EMPTY_LIST:
          this.#pushEntry(new Entry([], 0, 1, false));
          break;
        case Opcode.EMPTY_DICT:
          this.#pushEntry(new Entry(new Map(), 0, 1, false));
          break;
        case Opcode.EMPTY_TUPLE:
          this.#tuple(this.#height);
          break;
        case Opcode.TUPLE1:
          this.#tuple(this.#last(1));
          break;
        case Opcode.TUPLE2:
          this.#tuple(this.#last(2));
          break;
        case Opcode.TUPLE3:
          this.#tuple(this.#last(3));
          break;
        case Opcode.TUPLE:
          this.#tuple(this.#popMark());
          break;
        case Opcode.APPEND:
          this.#append(this.#last(1));
          break;
        case Opcode.APPENDS:
          this.#append(this.#popMark());
          break;
        case Opcode.SETITEM:
          this.#setItems(this.#last(2));
          break;
        case Opcode.SETITEMS:
          this.#setItems(this.#popMark());
          break;
        case Opcode.MARK:
          this.#marks.push(this.#base);
          this.#base = this.#height;
          this.#checkCount(this.#marks.length);
          break;
        case Opcode.MEMOIZE:
          this.#put(this.#stored);
          break;
        case Opcode.BINPUT:
          this.#put(this.#byte());
          break;
        case Opcode.LONG_BINPUT:
          this.#put(this.#view.getUint32(this.#take(4), true));
          break;
        case Opcode.BINGET:
          this.#get(this.#byte());
          break;
        case Opcode.LONG_BINGET:
          this.#get(this.#view.getUint32(this.#take(4), true));
          break;
        case Opcode.FRAME:
          this.#frame(this.#length8());
          break;
        case Opcode.PROTO:
          throw this.#malformed("the protocol once, at the beginning");
        default:
          throw this.#malformed(`plain data, not the opcode ${opcodeName(opcode)}`);
      }
    }
  }

  #stop(): PickleValue {
    if (this.#height !== 1 || this.#marks.length > 0) throw this.#malformed("one value at the end");
    if (this.#at < this.#bytes.length) throw this.#malformed("nothing after the end", this.#at);
    return valueOf(this.#stack[0]!);
  }

  #push(item: Item): void {
    this.#stack[this.#height++] = item;
    this.#checkCount(this.#height);
  }

  #pushEntry(entry: Entry): void {
    this.#push(entry);
    this.#checkDepth(entry.depth);
  }

  #text(length: number): void {
    const start = this.#take(length);
    this.#checkSize(length);
    const text = length <= SMALL_TEXT ? asciiText(this.#bytes, start, length) : undefined;
    this.#push(text ?? new Entry(this.#decodeText(start), length, 0));
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

  #data(length: number): void {
    const start = this.#take(length);
    this.#checkSize(length);
    this.#push(new Entry(new Uint8Array(this.#bytes.subarray(start, this.#at)), length, 0));
  }

  #float(): void {
    const value = this.#view.getFloat64(this.#take(8), false);
    this.#push(Number.isInteger(value) ? new PickleFloat(value) : value);
  }

  #long(length: number): void {
    if (length < 0) throw this.#malformed("a length of 0 or more");
    const start = this.#take(length);
    this.#checkSize(length);
    this.#push(new Entry(integer(this.#bytes.subarray(start, this.#at)), length, 0));
  }

  #tuple(start: number): void {
    const items = this.#pop(start);
    const tuple = new Entry(new PickleTuple(valuesOf(items)), 0, 1, true, items);
    for (const item of items) this.#add(item, tuple);
    this.#pushEntry(tuple);
  }

  #append(start: number): void {
    const list = this.#below(start);
    if (!(list instanceof Entry && list.value instanceof Array)) throw this.#malformed("a list to append to");
    const items = this.#pop(start);
    for (const item of items) this.#add(item, list);
    const values = valuesOf(items);
    if (list.value.length === 0) list.value = values;
    else for (const value of values) list.value.push(value);
  }

  #setItems(start: number): void {
    const dict = this.#below(start);
    if (!(dict instanceof Entry && dict.value instanceof Map)) throw this.#malformed("a dict to set an item of");
    if ((this.#height - start) % 2 !== 0) throw this.#malformed("a value for every key");
    for (let at = start; at < this.#height; at += 2) {
      const key = this.#stack[at]!;
      const value = this.#stack[at + 1]!;
      if (key instanceof Entry && !key.hashable) throw this.#malformed("an immutable key, not a list or dict");
      this.#add(key, dict);
      this.#add(value, dict);
      dict.value.set(this.#firstEqualKey(dict, key), valueOf(value));
    }
    this.#height = start;
  }

  /** Returns the first key of a dict that is equal to this one in Python, or else the key itself. */
  #firstEqualKey(dict: Entry, key: Item): PickleValue {
    const map = dict.value as Map<PickleValue, PickleValue>;
    const same = this.#canonicalKey(key);
    if (map.size >= LARGE_DICT) this.#checkSlot(dict, same);
    if (Number.isNaN(same) && map.has(NaN)) throw this.#malformed("at most one key that is NaN");
    const alias = dict.aliases?.get(same);
    if (alias !== undefined) return alias;
    const value = valueOf(key);
    if (same === value || map.has(same)) return same;
    dict.aliases ??= new Map();
    dict.aliases.set(same, value);
    return value;
  }

  /** Returns one value for all keys that are equal in Python, which a Map distinguishes from all other keys. */
  #canonicalKey(key: Item): PickleValue {
    if (typeof key === "string" || typeof key === "number") return key;
    if (typeof key === "boolean") return Number(key);
    if (key instanceof PickleFloat) return Number.isSafeInteger(key.value) ? key.value : BigInt(key.value);
    if (!(key instanceof Entry)) return key;
    const { value } = key;
    if (typeof value === "bigint") this.#checkSize(this.#comparedSize += key.size);
    if (typeof value === "string" ? value.length <= SHORT_TEXT : !(value instanceof Object)) return value;
    const name = this.#keyName(key);
    if (name === null) return value;
    const first = this.#firstKeys.get(name);
    if (first === undefined) this.#firstKeys.set(name, value);
    else if (typeof value === "string") key.value = first;
    return first ?? value;
  }

  /** Returns a string that all keys equal to this one in Python share. It examines an entry once, however often it is a key. */
  #keyName(key: Item): string | null {
    if (!(key instanceof Entry)) return this.#shortName(pythonKey(key));
    if (key.keyName === undefined) {
      const name = key.items === undefined
        ? pythonKey(key.value)
        : tupleKey(key.items.map((item) => this.#keyName(item)));
      key.keyName = this.#shortName(name);
    }
    return key.keyName;
  }

  #shortName(name: string | null): string | null {
    if (name === null || name.length <= SHORT_NAME) return name;
    const short = this.#shortNames.get(name) ?? `#${this.#shortNames.size}`;
    this.#shortNames.set(name, short);
    return short;
  }

  /** Counts the keys with which a Map compares this one, and limits their number. */
  #checkSlot(dict: Entry, key: PickleValue): void {
    const slot = slotOf(key);
    if (slot < 0) return;
    dict.slots ??= new Uint32Array(SLOTS);
    this.#comparisons += dict.slots[slot]!++;
    const most = COMPARISONS_PER_BYTE * this.#bytes.length;
    if (this.#comparisons > most) {
      throw this.#malformed(`keys that a Map distinguishes with at most ${most} comparisons`);
    }
  }

  /** Adds the totals of a value to those of its container, which no other value may contain yet. */
  #add(item: Item, container: Entry): void {
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
    if (container.sealed) throw this.#malformed("data without cycles");
    const { maxItems, maxSize, maxDepth } = this.#limits;
    if (container.count > maxItems) throw this.#tooMany(", shared ones counted each time");
    if (container.size > maxSize) throw this.#tooLarge();
    if (container.depth > maxDepth) throw this.#tooDeep();
  }

  #checkCount(count: number): void {
    if (count > this.#limits.maxItems) throw this.#tooMany();
  }

  #checkDepth(depth: number): void {
    if (depth > this.#limits.maxDepth) throw this.#tooDeep();
  }

  #checkSize(size: number): void {
    if (size > this.#limits.maxSize) throw this.#tooLarge();
  }

  #tooMany(note = ""): MalformedMessageError {
    return this.#malformed(`at most ${this.#limits.maxItems} items${note}`);
  }

  #tooDeep(): MalformedMessageError {
    return this.#malformed(`at most ${this.#limits.maxDepth} levels`);
  }

  #tooLarge(): MalformedMessageError {
    const expected = `at most ${this.#limits.maxSize} bytes of text and long ints, shared ones counted each time`;
    return this.#malformed(expected);
  }

  #put(index: number): void {
    const item = this.#below(this.#height);
    if (item === undefined) throw this.#malformed("a value to store");
    if (this.#stored >= this.#limits.maxItems) {
      throw this.#malformed(`at most ${this.#limits.maxItems} stored values`);
    }
    if (this.#memo[index] === undefined) this.#stored++;
    this.#memo[index] = item;
  }

  #get(index: number): void {
    const item = this.#memo[index];
    if (item === undefined) throw this.#malformed(`the index of a stored value, not ${index}`);
    this.#push(item);
    if (item instanceof Entry) this.#checkDepth(item.depth);
  }

  #frame(length: number): void {
    if (this.#framed) throw this.#malformed("no frame inside a frame");
    if (length === 0 || length > this.#bytes.length - this.#at) {
      throw this.#malformed(
        `a frame of at most the ${this.#bytes.length - this.#at} bytes that are left, not ${length}`,
      );
    }
    this.#end = this.#at + length;
    this.#framed = true;
  }

  /** Returns the value below this height of the stack, unless the last mark is there. */
  #below(height: number): Item | undefined {
    return height > this.#base ? this.#stack[height - 1] : undefined;
  }

  /** Returns the height of the stack below the last values. */
  #last(count: number): number {
    if (this.#height - this.#base < count) {
      throw this.#malformed(`${count} values for ${opcodeName(this.#bytes[this.#opcodeAt]!)}`);
    }
    return this.#height - count;
  }

  /** Removes and returns the values above this height of the stack. */
  #pop(start: number): Item[] {
    const items = this.#stack.slice(start, this.#height);
    this.#height = start;
    return items;
  }

  /** Removes the last mark; returns the height of the stack at it. */
  #popMark(): number {
    const start = this.#base;
    const base = this.#marks.pop();
    if (base === undefined) throw this.#malformed(`a mark for ${opcodeName(this.#bytes[this.#opcodeAt]!)}`);
    this.#base = base;
    return start;
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** Decodes a length of eight bytes. Beyond 2^53 it is inexact, but over every limit anyway. */
  #length8(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
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
      throw this.#malformed(`at least ${length} bytes before the end ${where}, not ${left}`);
    }
    this.#end = this.#bytes.length;
    this.#framed = false;
  }

  #malformed(expected: string, at = this.#opcodeAt): MalformedMessageError {
    const bytes = this.#bytes.subarray(at, at + 16);
    // Only the first bytes of a message identify it.
    return new MalformedMessageError(expected, at, bytes, (at === 0 && looksLikeOrText(bytes)) || "");
  }
}

function valueOf(item: Item): PickleValue {
  return item instanceof Entry ? item.value : item;
}

function valuesOf(items: Item[]): PickleValue[] {
  return items.some((item) => item instanceof Entry) ? items.map(valueOf) : items as PickleValue[];
}

/** Decodes a small text unless it is not ASCII; faster than a `TextDecoder`. */
function asciiText(bytes: Uint8Array, start: number, length: number): string | undefined {
  const codes = new Array<number>(length);
  for (let at = 0; at < length; at++) {
    const code = bytes[start + at]!;
    if (code > 0x7f) return undefined;
    codes[at] = code;
  }
  return String.fromCharCode.apply(null, codes);
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
