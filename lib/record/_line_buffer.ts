const encoder = new TextEncoder();

const [ZERO, EQUALS] = [0x30, 0x3d];
const ALPHABET = ascii("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
/** The length from which on the runtime's Base64, which makes a string, is faster than a loop. */
const LONG = 256;

/** Encodes a text of ASCII characters. */
export function ascii(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Lines of text in a buffer that is used again: writing them makes no strings. */
export class LineBuffer {
  readonly #bytes: Uint8Array;
  #length = 0;

  /** Allocates the buffer. The caller writes no more than its size. */
  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  /** Number of bytes written. */
  get length(): number {
    return this.#length;
  }

  /** Number of bytes that fit. */
  get room(): number {
    return this.#bytes.length - this.#length;
  }

  /** Empties the buffer. */
  clear(): void {
    this.#length = 0;
  }

  /** The bytes written, valid until the buffer is emptied. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Writes a few bytes. */
  add(bytes: Uint8Array): void {
    const { length } = bytes;
    // A loop is faster than set() for the few bytes of a field's name.
    if (length < LONG) { for (let at = 0; at < length; at++) this.#bytes[this.#length + at] = bytes[at]!; }
    else this.#bytes.set(bytes, this.#length);
    this.#length += length;
  }

  /** Writes a text. */
  addText(text: string): void {
    this.#length += encoder.encodeInto(text, this.#bytes.subarray(this.#length)).written;
  }

  /** Writes an integer of 0 or more in decimal. */
  addInteger(value: number): void {
    if (value > 0x7fff_ffff) return this.addText(String(value));
    const bytes = this.#bytes;
    let digits = 1;
    for (let limit = 10; value >= limit; limit *= 10) digits++;
    const end = this.#length += digits;
    for (let at = end - 1, rest = value | 0; digits > 0; at--, digits--) {
      const tenth = (rest / 10) | 0;
      bytes[at] = ZERO + rest - tenth * 10;
      rest = tenth;
    }
  }

  /** Writes bytes in Base64. */
  addBase64(data: Uint8Array): void {
    if (data.length > LONG) return this.addText(data.toBase64());
    const bytes = this.#bytes;
    let to = this.#length;
    const whole = data.length - data.length % 3;
    for (let at = 0; at < whole; at += 3) {
      const bits = data[at]! << 16 | data[at + 1]! << 8 | data[at + 2]!;
      bytes[to++] = ALPHABET[bits >> 18]!;
      bytes[to++] = ALPHABET[bits >> 12 & 63]!;
      bytes[to++] = ALPHABET[bits >> 6 & 63]!;
      bytes[to++] = ALPHABET[bits & 63]!;
    }
    if (whole < data.length) {
      const bits = data[whole]! << 16 | (data[whole + 1] ?? 0) << 8;
      bytes[to++] = ALPHABET[bits >> 18]!;
      bytes[to++] = ALPHABET[bits >> 12 & 63]!;
      bytes[to++] = whole + 1 < data.length ? ALPHABET[bits >> 6 & 63]! : EQUALS;
      bytes[to++] = EQUALS;
    }
    this.#length = to;
  }
}
