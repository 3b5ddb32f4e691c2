const DIGITS = new TextEncoder().encode("0123456789abcdef");

/** Formats bytes as hexadecimal digits. Node 22 and 24 have no `Uint8Array.prototype.toHex`. */
export function toHex(bytes: Uint8Array): string {
  return "toHex" in bytes ? bytes.toHex() : formatHex(bytes);
}

function formatHex(bytes: Uint8Array): string {
  const text = new Uint8Array(2 * bytes.length);
  for (let at = 0; at < bytes.length; at++) {
    text[2 * at] = DIGITS[bytes[at]! >> 4]!;
    text[2 * at + 1] = DIGITS[bytes[at]! & 15]!;
  }
  return new TextDecoder().decode(text);
}
