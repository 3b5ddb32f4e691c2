import { assertEquals } from "@std/assert";
import { includesByte } from "../../lib/framing/_includes_byte.ts";

Deno.test("includesByte() finds a byte at any offset, and no other byte", () => {
  const bytes = Uint8Array.from({ length: 3000 }, (_, at) => (at * 7) & 0xff).map((byte) => byte === 13 ? 14 : byte);
  // Bytes that differ in one bit, alone and next to each other.
  bytes.set([12, 14, 141, 0, 13 ^ 0x80, 0x8d, 0x0c], 700);
  for (const length of [0, 1, 511, 512, 513, 514, 515, 1000]) {
    for (const start of [0, 1, 2, 3]) {
      const slice = bytes.subarray(start, start + length);
      assertEquals(includesByte(slice, 13), false);
      for (
        const offset of [0, 1, 2, 3, 4, length - 4, length - 3, length - 2, length - 1].filter((at) => at in slice)
      ) {
        const before = slice[offset]!;
        slice[offset] = 13;
        assertEquals(includesByte(slice, 13), true, `${length} from ${start}, at ${offset}`);
        slice[offset] = before;
      }
    }
  }
});
