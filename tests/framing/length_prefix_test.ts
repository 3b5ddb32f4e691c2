import { assertEquals } from "@std/assert";
import { checkCuts, lengthPrefix } from "@wirebench/wirebench/framing";
import { bytes } from "../harness.ts";

Deno.test("the error of a length over the limit gives its value in the other byte order if that is within it", () => {
  for (const size of [2, 4, 8] as const) {
    for (const [endian, other] of [["big", "little"], ["little", "big"]] as const) {
      const stream = lengthPrefix({ bytes: size, endian: other }).encode(bytes("hello"));
      const { error } = checkCuts(lengthPrefix({ bytes: size, endian, maxLength: 1000 }), stream);
      assertEquals(
        error?.message,
        `Message too long: expected at most 1000 bytes, got ${5 * 256 ** (size - 1)} (5 in the other byte order)`,
      );
    }
  }
});
