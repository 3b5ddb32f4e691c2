/** The tutorial's port. */
export const PORT = 3000;

const LOWER_A = 0x61;
const LOWER_Z = 0x7a;
/** The bit that differs between the two cases of an ASCII letter. */
const CASE_BIT = 0x20;

/** From this length in bytes, four bytes at a time are faster, although the view has to be created (measured). */
const MIN_WORDS_LENGTH = 128;

/**
 * Changes ASCII letters to upper case in place. Every other byte stays the same, those above 127 included, and so does
 * the length.
 *
 * @param bytes The bytes to change.
 */
export function upperCase(bytes: Uint8Array): void {
  const done = bytes.length < MIN_WORDS_LENGTH || bytes.byteOffset % 4 !== 0 ? 0 : upperCaseWords(bytes);
  for (let at = done; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte >= LOWER_A && byte <= LOWER_Z) bytes[at] = byte ^ CASE_BIT;
  }
}

/**
 * Changes four bytes at a time and returns the number of bytes processed. One addition sets a byte's highest bit from
 * `a` on, another sets it above `z`. Where the two bits differ and the byte is ASCII, it is a letter (Lamport, 1975).
 */
function upperCaseWords({ buffer, byteOffset, length }: Uint8Array): number {
  const words = new Uint32Array(buffer, byteOffset, length >> 2);
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    const low = word & 0x7f7f7f7f;
    const letters = ((low + 0x1f1f1f1f) ^ (low + 0x05050505)) & ~word & 0x80808080;
    words[at] = word ^ (letters >>> 2);
  }
  return words.length << 2;
}
