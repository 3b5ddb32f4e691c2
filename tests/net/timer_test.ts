import { assertEquals } from "@std/assert";
import { after } from "@wirebench/wirebench/net";

Deno.test("after() takes times beyond the range of a timer of the runtime", async () => {
  let ran = false;
  const cancels = [2 ** 31, 1e15, Infinity].map((milliseconds) => after(milliseconds, () => ran = true));
  await new Promise((resolve) => after(20, () => resolve(undefined)));
  for (const cancel of cancels) cancel();
  assertEquals(ran, false);
});
