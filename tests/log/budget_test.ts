import { assertEquals, assertMatch } from "@std/assert";
import { within } from "../harness.ts";
import { logged } from "./_logged.ts";
import { Budget } from "../../lib/log/_budget.ts";

Deno.test("a thousand records of each kind are written per second, and the rest are counted", async () => {
  const text = await logged((log) => {
    for (let line = 0; line < 12_345; line++) log.said("127.0.0.1:1", "Server", "x");
    log.omit(1_000_000);
    for (let line = 0; line < 1500; line++) log.info("{peer} connected", { peer: line });
    log.warn("{peer} closed: {reason}", { peer: "127.0.0.1:1", reason: "too slow" });
  });
  assertEquals(text.match(/-> Server/g)?.length, 1000);
  assertEquals(text.match(/\d connected/g)?.length, 1000);
  assertMatch(text, /127\.0\.0\.1:1 closed: too slow\n/);
  assertMatch(text, /: \.\.\. and 1,011,345 more messages\n/);
  assertMatch(text, /: \.\.\. and 500 more like "… connected"\n/);
});

Deno.test("a budget reports what it has left out when the second has passed, and begins anew", async () => {
  let now = 0;
  const reported = Promise.withResolvers<number>();
  const budget = new Budget(reported.resolve, () => now);
  for (let count = 0; count < 1000; count++) assertEquals(budget.take(), true);
  now = 999;
  assertEquals(budget.take(), false);
  budget.omit(5);
  assertEquals(await within(reported.promise, "the report"), 6);
  assertEquals(budget.take(), true);
});

Deno.test("a budget that is kept to begins anew every second", () => {
  let now = 0;
  const budget = new Budget(() => {}, () => now);
  for (let second = 0; second < 3; second++) {
    now = second * 1000;
    for (let count = 0; count < 1000; count++) assertEquals(budget.take(), true);
  }
});
