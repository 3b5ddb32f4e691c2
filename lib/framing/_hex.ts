const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Formats bytes as hexadecimal digits. Node 22 and 24 have no `Uint8Array.prototype.toHex`. */
export function toHex(bytes: Uint8Array): string {
  if ("toHex" in bytes) return bytes.toHex();
  let text = "";
  for (const byte of bytes as Uint8Array) text += DIGITS[byte];
  return text;
}
