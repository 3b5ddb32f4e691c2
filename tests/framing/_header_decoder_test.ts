import { assert, assertEquals } from "@std/assert";
import { lengthPrefix } from "@wirebench/wirebench/framing";

Deno.test("a decoder allocates no memory for a length that is only announced", () => {
  const maxLength = 2 ** 40;
  const decoder = lengthPrefix({ bytes: 8, maxLength }).decoder();
  // 1 TiB, which could not be allocated.
  assertEquals(decoder.push(Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0)), []);
  for (let count = 0; count < 100; count++) assertEquals(decoder.push(new Uint8Array(1000)), []);
  assert(decoder.pending);
});
