import { Opcode } from "./_pickle_opcodes.ts";
import { pythonKey } from "./_pickle_key.ts";
import { PickleFloat, type PickleLimits, PickleTuple, type PickleValue } from "./pickle_value.ts";
import { encodeText } from "./text.ts";

/** Number of items for each APPENDS or SETITEMS, as in CPython. */
const BATCH = 1000;
/** Minimum size of a frame in bytes, as in CPython. */
const SMALLEST_FRAME = 4;
/** Size in bytes at which a frame ends, and from which text or bytes are outside of frames, as in CPython. */
const LARGE = 64 * 1024;
/** Length of FRAME and its argument in bytes. */
const FRAME_HEADER = 9;
/** Maximum length in bytes of short text or bytes, whose length takes one byte. */
const SHORT = 0xff;

/** An array that no pickler is using: to allocate one takes longer than to encode a small pickle. */
let spare: Uint8Array<ArrayBuffer> | undefined;

const double = new DataView(new ArrayBuffer(8));

/** Encodes one pickle in protocol 4, with the same bytes as CPython. */
export class Pickler {
  readonly #limits: PickleLimits;
  #bytes = spare ?? new Uint8Array(LARGE);
  #length = 0;
  /** Offset of the current frame's header. */
  #frameAt = 0;
  /** The memo: the index of each stored value. */
  readonly #memo = new Map<PickleValue, number>();
  /** The containers being encoded, to detect cycles. */
  readonly #open: object[] = [];

  constructor(limits: PickleLimits) {
    this.#limits = limits;
    spare = undefined;
  }

  dump(value: PickleValue): Uint8Array<ArrayBuffer> {
    this.#write(Opcode.PROTO, 1, 4);
    this.#openFrame();
    this.#save(value);
    this.#write(Opcode.STOP);
    this.#closeFrame();
    if (this.#bytes.length > LARGE) return this.#bytes.subarray(0, this.#length);
    spare = this.#bytes;
    return this.#bytes.slice(0, this.#length);
  }

  #save(value: PickleValue): void {
    if (this.#length - this.#frameAt - FRAME_HEADER >= LARGE) {
      this.#closeFrame();
      this.#openFrame();
    }
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
    if (this.#open.includes(value)) throw new TypeError("Cannot pickle a value that contains itself");
    if (this.#writeReference(value)) return;
    if (value instanceof Uint8Array) return this.#data(Opcode.SHORT_BINBYTES, Opcode.BINBYTES, value, value);
    if (value instanceof PickleTuple || value instanceof Array || value instanceof Map) return this.#container(value);
    const name = typeof value === "object" ? (value as object).constructor?.name ?? "an object" : typeof value;
    throw new TypeError(
      `Cannot pickle ${name}: expected null, a boolean, a number, a bigint, text, bytes, an array, a PickleTuple or a Map`,
    );
  }

  #container(value: PickleValue[] | PickleTuple | Map<PickleValue, PickleValue>): void {
    if (this.#open.length === this.#limits.maxDepth) {
      throw new RangeError(`Cannot pickle more than ${this.#limits.maxDepth} levels`);
    }
    this.#open.push(value);
    if (value instanceof PickleTuple) this.#tuple(value);
    else if (value instanceof Map) this.#dict(value);
    else this.#list(value);
    this.#open.pop();
  }

  #list(list: PickleValue[]): void {
    this.#write(Opcode.EMPTY_LIST);
    this.#memoize(list);
    if (list.length === 0) return;
    if (list.length > 1) this.#write(Opcode.MARK);
    for (let at = 0; at < list.length; at++) {
      if (at > 0 && at % BATCH === 0) {
        this.#write(Opcode.APPENDS);
        this.#write(Opcode.MARK);
      }
      this.#save(list[at]!);
    }
    this.#write(list.length > 1 ? Opcode.APPENDS : Opcode.APPEND);
  }

  #dict(dict: Map<PickleValue, PickleValue>): void {
    this.#write(Opcode.EMPTY_DICT);
    this.#memoize(dict);
    if (dict.size === 0) return;
    if (dict.size > 1) this.#write(Opcode.MARK);
    let count = 0;
    let distinct = true;
    for (const [key, value] of dict) {
      distinct &&= typeof key === "string" || typeof key === "number" || key === null;
      this.#save(key);
      this.#save(value);
      // A batch of a dict may be empty, unlike one of a list.
      if (++count % BATCH === 0) {
        this.#write(Opcode.SETITEMS);
        this.#write(Opcode.MARK);
      }
    }
    this.#write(dict.size > 1 ? Opcode.SETITEMS : Opcode.SETITEM);
    if (!distinct) checkKeys(dict);
  }

  #tuple(tuple: PickleTuple): void {
    const { items } = tuple;
    if (items.length === 0) return this.#write(Opcode.EMPTY_TUPLE);
    if (items.length > 3) this.#write(Opcode.MARK);
    for (const item of items) this.#save(item);
    this.#write(items.length > 3 ? Opcode.TUPLE : Opcode.TUPLE1 + items.length - 1);
    this.#memoize(tuple);
  }

  #number(value: number): void {
    if (!Number.isInteger(value) || Object.is(value, -0)) return this.#float(value);
    if (Number.isSafeInteger(value)) return this.#integer(value);
    throw new RangeError(
      `Cannot pickle ${value}: beyond 2^53 expected a bigint for an int, a PickleFloat for a float`,
    );
  }

  #integer(value: number | bigint): void {
    if (value >= 0 && value <= 0xff) return this.#write(Opcode.BININT1, 1, Number(value));
    if (value >= 0 && value <= 0xffff) return this.#write(Opcode.BININT2, 2, Number(value));
    if (value >= -(2 ** 31) && value < 2 ** 31) return this.#write(Opcode.BININT, 4, Number(value));
    if (value >= -(2 ** 47) && value < 2 ** 47) return this.#long(Number(value));
    const bytes = twosComplement(BigInt(value));
    this.#writeLength(Opcode.LONG1, Opcode.LONG4, bytes.length);
    this.#append(bytes);
  }

  /** Writes an int of five or six bytes. */
  #long(value: number): void {
    const size = value >= -(2 ** 39) && value < 2 ** 39 ? 5 : 6;
    this.#write(Opcode.LONG1, 1, size);
    for (let at = this.#extend(size); at < this.#length; at++) {
      this.#bytes[at] = value;
      value = Math.floor(value / 256);
    }
  }

  #float(value: number): void {
    double.setFloat64(0, value);
    this.#write(Opcode.BINFLOAT);
    const start = this.#extend(8);
    for (let at = 0; at < 8; at++) this.#bytes[start + at] = double.getUint8(at);
  }

  #text(value: string): void {
    if (this.#writeReference(value)) return;
    if (value.length <= SHORT && this.#shortText(value)) this.#memoize(value);
    else this.#data(Opcode.SHORT_BINUNICODE, Opcode.BINUNICODE, encodeText(value), value);
  }

  /**
   * Writes a text if it is short in UTF-8 and has no surrogates; returns whether it is so. A `TextEncoder` takes several
   * times longer.
   */
  #shortText(value: string): boolean {
    const start = this.#extend(2 + 3 * value.length);
    const bytes = this.#bytes;
    let at = start + 2;
    let surrogates = false;
    for (let index = 0; index < value.length; index++) {
      const code = value.charCodeAt(index);
      if (code < 0x80) {
        bytes[at++] = code;
      } else {
        surrogates ||= (code & 0xf800) === 0xd800;
        if (code < 0x800) {
          bytes[at++] = 0xc0 | code >> 6;
        } else {
          bytes[at++] = 0xe0 | code >> 12;
          bytes[at++] = 0x80 | code >> 6 & 0x3f;
        }
        bytes[at++] = 0x80 | code & 0x3f;
      }
    }
    const length = at - start - 2;
    const written = length <= SHORT && !surrogates;
    bytes[start] = Opcode.SHORT_BINUNICODE;
    bytes[start + 1] = length;
    this.#length = written ? at : start;
    return written;
  }

  /** Writes text or bytes with their length and stores them in the memo. */
  #data(short: number, long: number, bytes: Uint8Array, value: PickleValue): void {
    const framed = bytes.length < LARGE;
    if (!framed) this.#closeFrame();
    this.#writeLength(short, long, bytes.length);
    this.#append(bytes);
    if (!framed) this.#openFrame();
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
    this.#writeLength(Opcode.BINGET, Opcode.LONG_BINGET, index);
    return true;
  }

  #openFrame(): void {
    this.#frameAt = this.#extend(FRAME_HEADER);
  }

  /** Writes the header of the frame, or removes it from a small frame. */
  #closeFrame(): void {
    const start = this.#frameAt;
    const end = this.#length;
    const length = end - start - FRAME_HEADER;
    this.#length = start;
    if (length < SMALLEST_FRAME) {
      this.#bytes.copyWithin(start, start + FRAME_HEADER, end);
      this.#length += length;
    } else {
      this.#write(Opcode.FRAME, 8, length);
      this.#length = end;
    }
  }

  /** Writes a length or an index: in one byte after the first opcode, or else in four after the second. */
  #writeLength(short: number, long: number, length: number): void {
    if (length <= SHORT) this.#write(short, 1, length);
    else this.#write(long, 4, length);
  }

  /** Writes an opcode and its argument, an int of `size` bytes, little endian. */
  #write(opcode: number, size = 0, argument = 0): void {
    let at = this.#extend(1 + size);
    this.#bytes[at] = opcode;
    for (const end = at + size; at < end; argument >>= 8) this.#bytes[++at] = argument;
  }

  #append(bytes: Uint8Array): void {
    const at = this.#extend(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Makes room for more bytes; returns their offset. */
  #extend(size: number): number {
    const start = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(2 * this.#bytes.length + size);
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    return start;
  }
}

/** Throws unless all keys are immutable and different in Python. */
function checkKeys(dict: Map<PickleValue, PickleValue>): void {
  const names = new Set<string>();
  for (const key of dict.keys()) {
    if (!isHashable(key)) throw new TypeError("Cannot pickle a dict with a mutable key: an array or a Map");
    const name = pythonKey(key);
    if (name !== null && names.size === names.add(name).size) {
      throw new TypeError("Cannot pickle a dict with two keys that are equal in Python, such as 1 and true");
    }
    if (name === null && !(key instanceof PickleTuple) && names.size === names.add("NaN").size) {
      throw new TypeError("Cannot pickle a dict with two keys that are NaN, which a Map cannot distinguish");
    }
  }
}

function isHashable(key: PickleValue): boolean {
  if (key instanceof PickleTuple) return key.items.every(isHashable);
  return !(key instanceof Array) && !(key instanceof Map);
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
