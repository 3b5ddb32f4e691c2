import { assertEquals } from "@std/assert";
import { Watchdog } from "../../lib/net/_watchdog.ts";
import { within } from "../harness.ts";

Deno.test("a watchdog stopped by another one that expires at the same time stays stopped", async () => {
  const expired: string[] = [];
  const done = Promise.withResolvers<void>();
  // Watchdogs set at the same time share a step, so at least one of the pairs is in one step.
  const pairs = Array.from({ length: 20 }, (_, at) => {
    const second = new Watchdog(() => expired.push(`second ${at}`));
    const first = new Watchdog(() => {
      expired.push(`first ${at}`);
      second.stop();
      first.stop();
      if (expired.length >= 20) done.resolve();
    });
    return { first, second };
  });
  for (const { first, second } of pairs) {
    first.reading(30);
    second.reading(30);
  }
  await within(done.promise, "the last to expire");
  // For some the timer may fire a little early. They then wait again.
  assertEquals(expired.toSorted(), pairs.map((_, at) => `first ${at}`).toSorted());
});
