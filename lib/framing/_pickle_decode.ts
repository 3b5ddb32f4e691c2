import { looksLikeOrText } from "./_describe.ts";
import { Opcode, opcodeName } from "./_pickle_opcodes.ts";
import { MalformedMessageError } from "./errors.ts";
import { decodeText } from "./text.ts";
import { pythonKey, slotOf, SLOTS, tupleKey } from "./_pickle_key.ts";
import { PickleFloat, type PickleLimits, PickleTuple, type PickleValue } from "./pickle_value.ts";

/** A value on the stack, with what it comes to when everything in it is counted as often as it occurs. */
interface Entry {
  value: PickleValue;
  /** How many values it is: itself and all in it. */
  items: number;
  /** How many bytes of text and bytes are in it. */
  size: number;
  /** How many levels of containers it has. */
  depth: number;
  /** Whether it can be a key, which Python asks of what cannot change. */
  hashable: boolean;
  /** Whether it is part of another value by now: what is part of something else changes no more. */
  sealed: boolean;
  /** The parts of a tuple. */
  parts: readonly Entry[] | undefined;
  /** A short text that is the same for all keys that Python holds equal, once it was needed; `null` if nothing is equal. */
  name: string | null | undefined;
  /** Of a dict, the keys that a Map would tell apart from others that Python holds equal, as `true` from 1. */
  aliases: Map<PickleValue, PickleValue> | undefined;
  /** Of a large dict, how many keys came to each slot of its Map. */
  slots: Uint32Array | undefined;
}

/** Longer texts that are equal become one text when they are keys: a Map would compare them each time. */
const SHORT_TEXT = 255;
/** Longer names are replaced by a number: they become part of the names of tuples. */
const SHORT_NAME = 64;
/** In smaller dicts, keys of one slot cost next to nothing. */
const LARGE_DICT = 256;
/** How many comparisons of keys in large dicts each byte of the pickle allows. */
const COMPARISONS_PER_BYTE = 64;

/**
 * Reads one pickle. A machine with a stack and a memo, as Python's, but its values can only be plain data: no opcode
 * that names or calls anything is known to it.
 *
 * A container is complete before it becomes part of another, as in every pickle of data without cycles. So its size
 * counts once and for all, and sharing that doubles at each level is found out without following it.
 */
export class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #limits: PickleLimits;
  #at = 0;
  /** Where the opcode being carried out stands. */
  #opcodeAt = 0;
  /** Where the frame being read ends, or 0 outside of frames. */
  #frameEnd = 0;
  #stack: Entry[] = [];
  readonly #marks: Entry[][] = [];
  /** How many entries are on the stack below the last mark. */
  #below = 0;
  /** An array, which V8 seeds the hashes of: in a Map, a stranger's numbers could be slow to find. */
  readonly #memo: Entry[] = [];
  #stored = 0;
  /** What replaces long names. */
  readonly #numbers = new Map<string, string>();
  /** The first value of each name. */
  readonly #firsts = new Map<string, PickleValue>();
  #comparisons = 0;
  /** How many bytes the ints beyond 2^53 had each time they were keys: a Map compares them digit by digit. */
  #comparedSize = 0;

  constructor(bytes: Uint8Array, limits: PickleLimits) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#limits = limits;
  }

  load(): PickleValue {
    if (this.#byte() !== Opcode.PROTO) throw this.#malformed("a pickle of protocol 2 to 5");
    const protocol = this.#byte();
    if (protocol < 2 || protocol > 5) throw this.#malformed(`protocol 2 to 5, not ${protocol}`);
    for (;;) {
      this.#opcodeAt = this.#at;
      const opcode = this.#byte();
      if (opcode === Opcode.STOP) return this.#stop();
      this.#carryOut(opcode);
    }
  }

  #stop(): PickleValue {
    const [entry, another] = this.#stack;
    if (entry === undefined || another !== undefined || this.#marks.length > 0) {
      throw this.#malformed("one value at the end");
    }
    if (this.#at < this.#bytes.length) throw this.#malformed("nothing after the end", this.#at);
    return entry.value;
  }

  #carryOut(opcode: number): void {
    switch (opcode) {
      case Opcode.NONE:
        return this.#push(null);
      case Opcode.NEWTRUE:
        return this.#push(true);
      case Opcode.NEWFALSE:
        return this.#push(false);
      case Opcode.BININT1:
        return this.#push(this.#byte());
      case Opcode.BININT2:
        return this.#push(this.#view.getUint16(this.#take(2), true));
      case Opcode.BININT:
        return this.#push(this.#view.getInt32(this.#take(4), true));
      case Opcode.LONG1:
        return this.#long(this.#byte());
      case Opcode.LONG4:
        return this.#long(this.#view.getInt32(this.#take(4), true));
      case Opcode.BINFLOAT:
        return this.#float(this.#view.getFloat64(this.#take(8), false));
      case Opcode.SHORT_BINUNICODE:
        return this.#text(this.#byte());
      case Opcode.BINUNICODE:
        return this.#text(this.#view.getUint32(this.#take(4), true));
      case Opcode.BINUNICODE8:
        return this.#text(this.#length8());
      case Opcode.SHORT_BINBYTES:
        return this.#data(this.#byte());
      case Opcode.BINBYTES:
        return this.#data(this.#view.getUint32(this.#take(4), true));
      case Opcode.BINBYTES8:
        return this.#data(this.#length8());
      case Opcode.EMPTY_LIST:
        return this.#push([], 0, false);
      case Opcode.EMPTY_DICT:
        return this.#push(new Map(), 0, false);
      case Opcode.EMPTY_TUPLE:
        return this.#tuple([]);
      case Opcode.TUPLE1:
        return this.#tuple(this.#pop(1));
      case Opcode.TUPLE2:
        return this.#tuple(this.#pop(2));
      case Opcode.TUPLE3:
        return this.#tuple(this.#pop(3));
      case Opcode.TUPLE:
        return this.#tuple(this.#popToMark());
      case Opcode.APPEND:
        return this.#append(this.#pop(1));
      case Opcode.APPENDS:
        return this.#append(this.#popToMark());
      case Opcode.SETITEM:
        return this.#setItems(this.#pop(2));
      case Opcode.SETITEMS:
        return this.#setItems(this.#popToMark());
      case Opcode.MARK:
        this.#below += this.#stack.length;
        this.#marks.push(this.#stack);
        this.#stack = [];
        return this.#checkStack();
      case Opcode.MEMOIZE:
        return this.#put(this.#stored);
      case Opcode.BINPUT:
        return this.#put(this.#byte());
      case Opcode.LONG_BINPUT:
        return this.#put(this.#view.getUint32(this.#take(4), true));
      case Opcode.BINGET:
        return this.#get(this.#byte());
      case Opcode.LONG_BINGET:
        return this.#get(this.#view.getUint32(this.#take(4), true));
      case Opcode.FRAME:
        return this.#frame(this.#length8());
      case Opcode.PROTO:
        throw this.#malformed("the protocol once, at the beginning");
      default:
        throw this.#malformed(`plain data, not the opcode ${opcodeName(opcode)}`);
    }
  }

  #push(value: PickleValue, size = 0, hashable = true): void {
    const depth = value instanceof Array || value instanceof Map ? 1 : 0;
    this.#pushEntry(entryOf(value, size, depth, hashable));
  }

  #pushEntry(entry: Entry): void {
    this.#stack.push(entry);
    this.#checkStack();
    this.#checkDepth(entry.depth);
  }

  #checkStack(): void {
    const { maxItems } = this.#limits;
    const items = Math.max(this.#below + this.#stack.length, this.#marks.length);
    if (items > maxItems) throw this.#malformed(`at most ${maxItems} items`);
  }

  #text(length: number): void {
    const start = this.#take(length);
    this.#checkSize(length);
    this.#push(this.#decodeText(start), length);
  }

  #decodeText(start: number): string {
    try {
      return decodeText(this.#bytes.subarray(start, this.#at));
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      throw new MalformedMessageError(error.expected, start + error.offset, error.bytes, "");
    }
  }

  #data(length: number): void {
    const start = this.#take(length);
    this.#checkSize(length);
    this.#push(new Uint8Array(this.#bytes.subarray(start, this.#at)), length);
  }

  #float(value: number): void {
    this.#push(Number.isInteger(value) ? new PickleFloat(value) : value);
  }

  /** An integer in two's complement, the least significant byte first. */
  #long(length: number): void {
    if (length < 0) throw this.#malformed("a length of 0 or more");
    const start = this.#take(length);
    this.#checkSize(length);
    const hex = this.#bytes.slice(start, this.#at).reverse().toHex();
    const value = hex === "" ? 0n : BigInt.asIntN(8 * length, BigInt(`0x${hex}`));
    const safe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
    this.#push(safe ? Number(value) : value, length);
  }

  #tuple(parts: Entry[]): void {
    const tuple = entryOf(new PickleTuple(parts.map(({ value }) => value)), 0, 1, true, parts);
    for (const part of parts) {
      this.#add(part, tuple);
      if (!part.hashable) tuple.hashable = false;
    }
    this.#pushEntry(tuple);
  }

  #append(parts: Entry[]): void {
    const list = this.#top("a list to append to");
    if (!(list.value instanceof Array)) throw this.#malformed("a list to append to");
    for (const part of parts) {
      this.#add(part, list);
      list.value.push(part.value);
    }
  }

  #setItems(parts: Entry[]): void {
    const dict = this.#top("a dict to set an item of");
    if (!(dict.value instanceof Map)) throw this.#malformed("a dict to set an item of");
    if (parts.length % 2 !== 0) throw this.#malformed("a value for every key");
    for (let at = 0; at < parts.length; at += 2) {
      const [key, value] = [parts[at]!, parts[at + 1]!];
      if (!key.hashable) throw this.#malformed("a key that cannot change, not a list or dict");
      this.#add(key, dict);
      this.#add(value, dict);
      dict.value.set(this.#keyIn(dict, key), value.value);
    }
  }

  /** The key that stands for another in a dict: of those that Python holds equal, the first. */
  #keyIn(dict: Entry, key: Entry): PickleValue {
    const map = dict.value as Map<PickleValue, PickleValue>;
    const same = this.#unify(key);
    if (map.size >= LARGE_DICT) this.#checkSlot(dict, same);
    if (Number.isNaN(same) && map.has(NaN)) throw this.#malformed("keys that a Map can tell apart, not NaN twice");
    const alias = dict.aliases?.get(same);
    if (alias !== undefined) return alias;
    if (same === key.value || map.has(same)) return same;
    dict.aliases ??= new Map();
    dict.aliases.set(same, key.value);
    return key.value;
  }

  /** One value for all keys that Python holds equal, such as a Map tells apart from all others. */
  #unify(key: Entry): PickleValue {
    const { value } = key;
    if (typeof value === "bigint") this.#checkSize(this.#comparedSize += key.size);
    if (typeof value === "boolean") return Number(value);
    if (value instanceof PickleFloat) return Number.isSafeInteger(value.value) ? value.value : BigInt(value.value);
    if (typeof value === "string" ? value.length <= SHORT_TEXT : !(value instanceof Object)) return value;
    const name = this.#name(key);
    if (name === null) return value;
    const first = this.#firsts.get(name);
    if (first === undefined) this.#firsts.set(name, value);
    else if (typeof value === "string") key.value = first;
    return first ?? value;
  }

  /** Names a key. A value is looked at once, however often it is a key or part of one. */
  #name(key: Entry): string | null {
    if (key.name !== undefined) return key.name;
    const name = key.parts === undefined ? pythonKey(key.value) : tupleKey(key.parts.map((part) => this.#name(part)));
    if (name === null || name.length <= SHORT_NAME) return key.name = name;
    const number = this.#numbers.get(name) ?? `#${this.#numbers.size}`;
    this.#numbers.set(name, number);
    return key.name = number;
  }

  /** Counts the keys of a dict with which its Map compares another. */
  #checkSlot(dict: Entry, key: PickleValue): void {
    const slot = slotOf(key);
    if (slot < 0) return;
    dict.slots ??= new Uint32Array(SLOTS);
    this.#comparisons += dict.slots[slot]!++;
    const most = COMPARISONS_PER_BYTE * this.#bytes.length;
    if (this.#comparisons > most) throw this.#malformed(`keys that a Map tells apart with at most ${most} comparisons`);
  }

  /** Counts a value as part of a container; neither may be part of itself. */
  #add(part: Entry, container: Entry): void {
    part.sealed = true;
    if (container.sealed) throw this.#malformed("data without cycles");
    container.items += part.items;
    container.size += part.size;
    container.depth = Math.max(container.depth, 1 + part.depth);
    const { maxItems } = this.#limits;
    if (container.items > maxItems) throw this.#malformed(`at most ${maxItems} items, shared ones counted each time`);
    this.#checkSize(container.size);
    this.#checkDepth(container.depth);
  }

  #checkDepth(depth: number): void {
    const { maxDepth } = this.#limits;
    if (depth > maxDepth) throw this.#malformed(`at most ${maxDepth} levels`);
  }

  #checkSize(size: number): void {
    const { maxSize } = this.#limits;
    if (size > maxSize) {
      throw this.#malformed(`at most ${maxSize} bytes of text and long ints, shared ones counted each time`);
    }
  }

  #put(index: number): void {
    const entry = this.#top("a value to store");
    if (this.#stored >= this.#limits.maxItems) {
      throw this.#malformed(`at most ${this.#limits.maxItems} stored values`);
    }
    if (this.#memo[index] === undefined) this.#stored++;
    this.#memo[index] = entry;
  }

  #get(index: number): void {
    const entry = this.#memo[index];
    if (entry === undefined) throw this.#malformed(`an index that was stored, not ${index}`);
    this.#pushEntry(entry);
  }

  #frame(length: number): void {
    if (this.#frameEnd > 0) throw this.#malformed("no frame inside a frame");
    if (length === 0 || length > this.#bytes.length - this.#at) {
      throw this.#malformed(
        `a frame of at most the ${this.#bytes.length - this.#at} bytes that are left, not ${length}`,
      );
    }
    this.#frameEnd = this.#at + length;
  }

  #top(expected: string): Entry {
    const entry = this.#stack.at(-1);
    if (entry === undefined) throw this.#malformed(expected);
    return entry;
  }

  #pop(count: number): Entry[] {
    if (this.#stack.length < count) {
      throw this.#malformed(`${count} values for ${opcodeName(this.#bytes[this.#opcodeAt]!)}`);
    }
    return this.#stack.splice(-count);
  }

  #popToMark(): Entry[] {
    const parts = this.#stack;
    const before = this.#marks.pop();
    if (before === undefined) throw this.#malformed(`a mark for ${opcodeName(this.#bytes[this.#opcodeAt]!)}`);
    this.#stack = before;
    this.#below -= before.length;
    return parts;
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!;
  }

  /** A length of eight bytes; one beyond 2^53 is beyond everything here anyway. */
  #length8(): number {
    return Number(this.#view.getBigUint64(this.#take(8), true));
  }

  /** Steps over the next bytes, which must be there; returns where they begin. */
  #take(length: number): number {
    const start = this.#at;
    const end = this.#frameEnd > 0 ? this.#frameEnd : this.#bytes.length;
    if (length > end - start) {
      const where = this.#frameEnd > 0 ? "of its frame" : "of the pickle";
      throw this.#malformed(`${length} bytes more before the end ${where}, not ${end - start}`);
    }
    this.#at = start + length;
    if (this.#at === this.#frameEnd) this.#frameEnd = 0;
    return start;
  }

  #malformed(expected: string, at = this.#opcodeAt): MalformedMessageError {
    const bytes = this.#bytes.subarray(at, at + 16);
    // In the middle of a pickle, anything may stand.
    return new MalformedMessageError(expected, at, bytes, (at === 0 && looksLikeOrText(bytes)) || "");
  }
}

function entryOf(value: PickleValue, size: number, depth: number, hashable: boolean, parts?: readonly Entry[]): Entry {
  return {
    value,
    items: 1,
    size,
    depth,
    hashable,
    sealed: false,
    parts,
    name: undefined,
    aliases: undefined,
    slots: undefined,
  };
}
