import { assertEquals } from "@std/assert";
import { Watchdog } from "../../lib/net/_watchdog.ts";
import { within } from "../harness.ts";

Deno.test("a watchdog stopped by another one that expires at the same time stays stopped", async () => {
  const expired: string[] = [];
  const done = Promise.withResolvers<void>();
  // The same step is shared by all that are set in the same moment, so one of several pairs at least has it.
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
    first.reading(performance.now(), 30);
    second.reading(performance.now(), 30);
    second.reading(performance.now(), 60_000); // It looks at its first step all the same, and would choose the next.
  }
  await within(done.promise, "the last to expire");
  // A timer may go off a little early, for some of them, which then look once more.
  assertEquals(expired.toSorted(), pairs.map((_, at) => `first ${at}`).toSorted());
});
