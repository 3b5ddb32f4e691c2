import { looksLikeOrText } from "./_describe.ts";
import { Opcode, opcodeName } from "./_pickle_opcodes.ts";
import { MalformedMessageError } from "./errors.ts";
import { decodeText } from "./text.ts";
import { pythonKey, slotOf, SLOTS, tupleKey } from "./_pickle_key.ts";
import { PickleFloat, type PickleLimits, PickleTuple, type PickleValue } from "./pickle_value.ts";

/** A value on the stack, and its totals, to which a shared value adds each time it occurs. */
interface Entry {
  value: PickleValue;
  /** Number of values: itself and all in it. */
  count: number;
  /** Total length of text, bytes and long ints in it, in bytes. */
  size: number;
  /** Number of levels of containers. */
  depth: number;
  /** Whether it can be a key: neither a list nor a dict, nor a tuple that contains one. */
  hashable: boolean;
  /** Whether another value contains it, so that it must not change any more. */
  sealed: boolean;
  /** The items of a tuple. */
  items: readonly Entry[] | undefined;
  /** Once needed, a short string that all keys equal to this one in Python share; `null` if no other key is equal. */
  keyName: string | null | undefined;
  /** The keys of a dict that a Map distinguishes from a key they are equal to in Python, such as `true` from 1. */
  aliases: Map<PickleValue, PickleValue> | undefined;
  /** The number of keys in each slot of the Map of a large dict. */
  slots: Uint32Array | undefined;
}

/** Longer strings used as keys are replaced by the first equal one: a Map would compare their characters every time. */
const SHORT_TEXT = 255;
/** Longer names of keys are replaced by a number: the names of tuples contain those of their items. */
const SHORT_NAME = 64;
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
  /** Offset of the end of the current frame, or 0 outside of frames. */
  #frameEnd = 0;
  #stack: Entry[] = [];
  readonly #marks: Entry[][] = [];
  /** Number of entries on the stack below the last mark. */
  #below = 0;
  /** An array, since V8 hashes the indexes of sparse arrays with a seed. In a Map, chosen indexes could collide. */
  readonly #memo: Entry[] = [];
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
  }

  load(): PickleValue {
    if (this.#byte() !== Opcode.PROTO) throw this.#malformed("a pickle of protocol 2 to 5");
    const protocol = this.#byte();
    if (protocol < 2 || protocol > 5) throw this.#malformed(`protocol 2 to 5, not ${protocol}`);
    for (;;) {
      this.#opcodeAt = this.#at;
      const opcode = this.#byte();
      if (opcode === Opcode.STOP) return this.#stop();
      this.#execute(opcode);
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

  #execute(opcode: number): void {
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
    const count = Math.max(this.#below + this.#stack.length, this.#marks.length);
    if (count > maxItems) throw this.#malformed(`at most ${maxItems} items`);
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

  /** Decodes an integer in two's complement, little endian. */
  #long(length: number): void {
    if (length < 0) throw this.#malformed("a length of 0 or more");
    const start = this.#take(length);
    this.#checkSize(length);
    const hex = this.#bytes.slice(start, this.#at).reverse().toHex();
    const value = hex === "" ? 0n : BigInt.asIntN(8 * length, BigInt(`0x${hex}`));
    const safe = value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
    this.#push(safe ? Number(value) : value, length);
  }

  #tuple(items: Entry[]): void {
    const tuple = entryOf(new PickleTuple(items.map(({ value }) => value)), 0, 1, true, items);
    for (const item of items) {
      this.#add(item, tuple);
      if (!item.hashable) tuple.hashable = false;
    }
    this.#pushEntry(tuple);
  }

  #append(items: Entry[]): void {
    const list = this.#top("a list to append to");
    if (!(list.value instanceof Array)) throw this.#malformed("a list to append to");
    for (const item of items) {
      this.#add(item, list);
      list.value.push(item.value);
    }
  }

  #setItems(entries: Entry[]): void {
    const dict = this.#top("a dict to set an item of");
    if (!(dict.value instanceof Map)) throw this.#malformed("a dict to set an item of");
    if (entries.length % 2 !== 0) throw this.#malformed("a value for every key");
    for (let at = 0; at < entries.length; at += 2) {
      const [key, value] = [entries[at]!, entries[at + 1]!];
      if (!key.hashable) throw this.#malformed("an immutable key, not a list or dict");
      this.#add(key, dict);
      this.#add(value, dict);
      dict.value.set(this.#firstEqualKey(dict, key), value.value);
    }
  }

  /** Returns the first key of a dict that is equal to this one in Python, or else the key itself. */
  #firstEqualKey(dict: Entry, key: Entry): PickleValue {
    const map = dict.value as Map<PickleValue, PickleValue>;
    const same = this.#canonicalKey(key);
    if (map.size >= LARGE_DICT) this.#checkSlot(dict, same);
    if (Number.isNaN(same) && map.has(NaN)) throw this.#malformed("at most one key that is NaN");
    const alias = dict.aliases?.get(same);
    if (alias !== undefined) return alias;
    if (same === key.value || map.has(same)) return same;
    dict.aliases ??= new Map();
    dict.aliases.set(same, key.value);
    return key.value;
  }

  /** Returns one value for all keys that are equal in Python, which a Map distinguishes from all other keys. */
  #canonicalKey(key: Entry): PickleValue {
    const { value } = key;
    if (typeof value === "bigint") this.#checkSize(this.#comparedSize += key.size);
    if (typeof value === "boolean") return Number(value);
    if (value instanceof PickleFloat) return Number.isSafeInteger(value.value) ? value.value : BigInt(value.value);
    if (typeof value === "string" ? value.length <= SHORT_TEXT : !(value instanceof Object)) return value;
    const name = this.#keyName(key);
    if (name === null) return value;
    const first = this.#firstKeys.get(name);
    if (first === undefined) this.#firstKeys.set(name, value);
    else if (typeof value === "string") key.value = first;
    return first ?? value;
  }

  /** Returns a string that all keys equal to this one in Python share. It examines a value once, however often it is a key. */
  #keyName(key: Entry): string | null {
    if (key.keyName !== undefined) return key.keyName;
    const name = key.items === undefined
      ? pythonKey(key.value)
      : tupleKey(key.items.map((item) => this.#keyName(item)));
    if (name === null || name.length <= SHORT_NAME) return key.keyName = name;
    const short = this.#shortNames.get(name) ?? `#${this.#shortNames.size}`;
    this.#shortNames.set(name, short);
    return key.keyName = short;
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
  #add(item: Entry, container: Entry): void {
    item.sealed = true;
    if (container.sealed) throw this.#malformed("data without cycles");
    container.count += item.count;
    container.size += item.size;
    container.depth = Math.max(container.depth, 1 + item.depth);
    const { maxItems } = this.#limits;
    if (container.count > maxItems) throw this.#malformed(`at most ${maxItems} items, shared ones counted each time`);
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
    if (entry === undefined) throw this.#malformed(`the index of a stored value, not ${index}`);
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
    const entries = this.#stack;
    const below = this.#marks.pop();
    if (below === undefined) throw this.#malformed(`a mark for ${opcodeName(this.#bytes[this.#opcodeAt]!)}`);
    this.#stack = below;
    this.#below -= below.length;
    return entries;
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
    const end = this.#frameEnd > 0 ? this.#frameEnd : this.#bytes.length;
    if (length > end - start) {
      const where = this.#frameEnd > 0 ? "of its frame" : "of the pickle";
      throw this.#malformed(`at least ${length} bytes before the end ${where}, not ${end - start}`);
    }
    this.#at = start + length;
    if (this.#at === this.#frameEnd) this.#frameEnd = 0;
    return start;
  }

  #malformed(expected: string, at = this.#opcodeAt): MalformedMessageError {
    const bytes = this.#bytes.subarray(at, at + 16);
    // Only the first bytes of a message identify it.
    return new MalformedMessageError(expected, at, bytes, (at === 0 && looksLikeOrText(bytes)) || "");
  }
}

function entryOf(value: PickleValue, size: number, depth: number, hashable: boolean, items?: readonly Entry[]): Entry {
  return {
    value,
    count: 1,
    size,
    depth,
    hashable,
    sealed: false,
    items,
    keyName: undefined,
    aliases: undefined,
    slots: undefined,
  };
}
