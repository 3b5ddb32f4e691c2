import { assert, assertEquals } from "@std/assert";
import { after } from "../../lib/net/timer.ts";

Deno.test("after() takes times beyond the range of a timer of the runtime", async () => {
  let ran = false;
  const cancels = [2 ** 31, 1e15, Infinity].map((milliseconds) => after(milliseconds, () => ran = true));
  await new Promise((resolve) => after(20, () => resolve(undefined)));
  for (const cancel of cancels) cancel();
  assertEquals(ran, false);
});

Deno.test("after() is on time and can be cancelled from a program's first millisecond on", async () => {
  const { after } = await import("../../lib/net/timer.ts?starts");
  const began = performance.now();
  const fired: string[] = [];
  const wait = (milliseconds: number) => new Promise<void>((resolve) => after(milliseconds, resolve));
  const cancels = [0, 8, 10_000].map((milliseconds) =>
    after(milliseconds, () => fired.push(`cancelled ${milliseconds}`))
  );
  after(25, () => fired.push("25"));
  after(5, () => fired.push("5"));
  after(0, () => fired.push("0"));
  for (const cancel of cancels.slice(0, 2)) cancel();
  await wait(30);
  cancels[2]!();
  await wait(20);
  assertEquals(fired, ["0", "5", "25"]);
  assert(performance.now() - began >= 49, "a timer fired early");
});
