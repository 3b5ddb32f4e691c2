import { assertEquals } from "@std/assert";
import { RateLimit } from "../../lib/net/_rate_limit.ts";

Deno.test("the rate limit refills over time, per sender, in bounded memory", () => {
  const rate = new RateLimit(2);
  assertEquals([rate.take("a", 0), rate.take("a", 0), rate.take("a", 0)], [true, true, false]);
  assertEquals(rate.take("b", 0), true);
  assertEquals([rate.take("a", 499), rate.take("a", 500), rate.take("a", 501)], [false, true, false]);
  assertEquals([1, 2, 3].map(() => rate.take("a", 60_000)), [true, true, false]);
  // Forged senders evict the oldest one, which then starts with a full bucket.
  for (let made = 0; made < 10_000; made++) rate.take(`made ${made}`, 60_000);
  assertEquals(rate.take("a", 60_000), true);
});
