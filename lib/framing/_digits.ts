/** The digit 0 in ASCII. */
export const ZERO = 0x30;

/** Writes an integer of 0 or more in decimal digits; returns the offset after them. */
export function writeDigits(bytes: Uint8Array, at: number, value: number): number {
  let end = at + 1;
  for (let rest = value; rest >= 10; rest /= 10) end++;
  for (let next = end; next > at; value = Math.floor(value / 10)) bytes[--next] = ZERO + value % 10;
  return end;
}
