/** The tutorial's port. */
export const PORT = 3000;

const LOWER_A = 0x61;
const LOWER_Z = 0x7a;
/** What lies between a letter's two cases in ASCII. */
const CASE_BIT = 0x20;

/**
 * Turns ASCII letters to upper case where they stand. Every other byte stays, also one above 127, so the length
 * stays too.
 *
 * @param bytes What to change.
 */
export function upperCase(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte >= LOWER_A && byte <= LOWER_Z) bytes[at] = byte ^ CASE_BIT;
  }
}
