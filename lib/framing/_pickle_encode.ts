import { concat } from "@std/bytes/concat";
import { Opcode } from "./_pickle_opcodes.ts";
import { pythonKey } from "./_pickle_key.ts";
import { PickleFloat, type PickleLimits, PickleTuple, type PickleValue } from "./pickle_value.ts";
import { encodeText } from "./text.ts";

/** Number of items for each APPENDS or SETITEMS, as in CPython. */
const BATCH = 1000;
/** Minimum size of a frame in bytes, as in CPython. */
const SMALLEST_FRAME = 4;

/** Encodes one pickle in protocol 4, with the same bytes as CPython. */
export class Pickler {
  readonly #limits: PickleLimits;
  readonly #chunks: Uint8Array[] = [];
  #bytes: number[] = [];
  /** The memo: the index of each stored value. */
  readonly #memo = new Map<PickleValue, number>();
  /** The containers being encoded, to detect cycles. */
  readonly #open = new Set<object>();

  constructor(limits: PickleLimits) {
    this.#limits = limits;
  }

  dump(value: PickleValue): Uint8Array<ArrayBuffer> {
    this.#save(value);
    this.#bytes.push(Opcode.STOP);
    this.#flush();
    const body = concat(this.#chunks);
    const protocol = Uint8Array.of(Opcode.PROTO, 4);
    if (body.length < SMALLEST_FRAME) return concat([protocol, body]);
    return concat([protocol, Uint8Array.of(Opcode.FRAME), littleEndian(body.length, 8), body]);
  }

  #save(value: PickleValue): void {
    switch (typeof value) {
      case "boolean":
        return this.#write(value ? Opcode.NEWTRUE : Opcode.NEWFALSE);
      case "number":
        return this.#number(value);
      case "bigint":
        return this.#integer(value);
      case "string":
        return this.#text(value);
    }
    if (value === null) return this.#write(Opcode.NONE);
    if (value instanceof PickleFloat) return this.#float(value.value);
    if (this.#open.has(value)) throw new TypeError("Cannot pickle a value that contains itself");
    if (this.#writeReference(value)) return;
    if (value instanceof Uint8Array) return this.#lengthPrefixed(Opcode.SHORT_BINBYTES, Opcode.BINBYTES, value, value);
    if (value instanceof PickleTuple || value instanceof Array || value instanceof Map) return this.#container(value);
    const name = typeof value === "object" ? (value as object).constructor?.name ?? "an object" : typeof value;
    throw new TypeError(
      `Cannot pickle ${name}: expected null, a boolean, a number, a bigint, text, bytes, an array, a PickleTuple or a Map`,
    );
  }

  #container(value: PickleValue[] | PickleTuple | Map<PickleValue, PickleValue>): void {
    if (this.#open.size === this.#limits.maxDepth) {
      throw new RangeError(`Cannot pickle more than ${this.#limits.maxDepth} levels`);
    }
    this.#open.add(value);
    if (value instanceof PickleTuple) this.#tuple(value);
    else if (value instanceof Map) this.#dict(value);
    else this.#list(value);
    this.#open.delete(value);
  }

  #list(list: PickleValue[]): void {
    this.#write(Opcode.EMPTY_LIST);
    this.#memoize(list);
    this.#inBatches(list, Opcode.APPEND, Opcode.APPENDS, (item) => this.#save(item));
  }

  #dict(dict: Map<PickleValue, PickleValue>): void {
    this.#write(Opcode.EMPTY_DICT);
    this.#memoize(dict);
    const keys = new Set<string>();
    this.#inBatches([...dict], Opcode.SETITEM, Opcode.SETITEMS, ([key, value]) => {
      if (!isHashable(key)) throw new TypeError("Cannot pickle a dict with a mutable key: an array or a Map");
      const same = pythonKey(key);
      if (same !== null && keys.size === keys.add(same).size) {
        throw new TypeError("Cannot pickle a dict with two keys that are equal in Python, such as 1 and true");
      }
      if (same === null && !(key instanceof PickleTuple) && keys.size === keys.add("NaN").size) {
        throw new TypeError("Cannot pickle a dict with two keys that are NaN, which a Map cannot distinguish");
      }
      this.#save(key);
      this.#save(value);
    });
  }

  #tuple(tuple: PickleTuple): void {
    const { items } = tuple;
    if (items.length === 0) return this.#write(Opcode.EMPTY_TUPLE);
    if (items.length > 3) this.#write(Opcode.MARK);
    for (const item of items) this.#save(item);
    this.#write([Opcode.TUPLE1, Opcode.TUPLE2, Opcode.TUPLE3][items.length - 1] ?? Opcode.TUPLE);
    this.#memoize(tuple);
  }

  #inBatches<Item>(items: Item[], one: number, many: number, save: (item: Item) => void): void {
    for (let start = 0; start < items.length; start += BATCH) {
      const batch = items.slice(start, start + BATCH);
      if (batch.length > 1) this.#write(Opcode.MARK);
      batch.forEach(save);
      this.#write(batch.length > 1 ? many : one);
    }
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && !Object.is(value, -0)) return this.#integer(BigInt(value));
    if (Number.isInteger(value) && !Object.is(value, -0)) {
      throw new RangeError(
        `Cannot pickle ${value}: beyond 2^53 expected a bigint for an int, a PickleFloat for a float`,
      );
    }
    this.#float(value);
  }

  #integer(value: bigint): void {
    if (value >= 0n && value <= 0xffn) return this.#write(Opcode.BININT1, Number(value));
    if (value >= 0n && value <= 0xffffn) return this.#write(Opcode.BININT2, ...littleEndian(Number(value), 2));
    if (value === BigInt.asIntN(32, value)) {
      return this.#write(Opcode.BININT, ...littleEndian(Number(BigInt.asUintN(32, value)), 4));
    }
    const bytes = twosComplement(value);
    if (bytes.length <= 0xff) this.#write(Opcode.LONG1, bytes.length);
    else this.#write(Opcode.LONG4, ...littleEndian(bytes.length, 4));
    this.#append(bytes);
  }

  #float(value: number): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, false);
    this.#write(Opcode.BINFLOAT, ...bytes);
  }

  #text(value: string): void {
    if (!this.#writeReference(value)) {
      this.#lengthPrefixed(Opcode.SHORT_BINUNICODE, Opcode.BINUNICODE, encodeText(value), value);
    }
  }

  /** Writes a str or bytes with its length and stores it in the memo. */
  #lengthPrefixed(short: number, long: number, bytes: Uint8Array, value: PickleValue): void {
    if (bytes.length <= 0xff) this.#write(short, bytes.length);
    else this.#write(long, ...littleEndian(bytes.length, 4));
    this.#append(bytes);
    this.#memoize(value);
  }

  #memoize(value: PickleValue): void {
    this.#write(Opcode.MEMOIZE);
    this.#memo.set(value, this.#memo.size);
  }

  /** Writes a reference to the value if it is in the memo; returns whether it is. */
  #writeReference(value: PickleValue): boolean {
    const index = this.#memo.get(value);
    if (index === undefined) return false;
    if (index <= 0xff) this.#write(Opcode.BINGET, index);
    else this.#write(Opcode.LONG_BINGET, ...littleEndian(index, 4));
    return true;
  }

  #write(...bytes: number[]): void {
    this.#bytes.push(...bytes);
  }

  #append(bytes: Uint8Array): void {
    this.#flush();
    this.#chunks.push(bytes);
  }

  #flush(): void {
    if (this.#bytes.length > 0) this.#chunks.push(Uint8Array.from(this.#bytes));
    this.#bytes = [];
  }
}

function isHashable(key: PickleValue): boolean {
  if (key instanceof PickleTuple) return key.items.every(isHashable);
  return !(key instanceof Array) && !(key instanceof Map);
}

function littleEndian(value: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) {
    bytes[at] = value % 256;
    value = Math.floor(value / 256);
  }
  return bytes;
}

/** The shortest two's complement of a value, little endian. */
function twosComplement(value: bigint): Uint8Array {
  const magnitude = value < 0n ? -value - 1n : value;
  const size = (magnitude.toString(16).length >> 1) + 1;
  const hex = BigInt.asUintN(8 * size, value).toString(16).padStart(2 * size, "0");
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at++) bytes[at] = parseInt(hex.slice(2 * (size - 1 - at), 2 * (size - at)), 16);
  const [last, before] = [bytes[size - 1], bytes[size - 2]];
  const spare = size > 1 && ((last === 0 && before! < 0x80) || (last === 0xff && before! >= 0x80));
  return spare ? bytes.subarray(0, size - 1) : bytes;
}
