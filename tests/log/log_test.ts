import { assertEquals } from "@std/assert";
import { logged } from "./_logged.ts";

Deno.test("a long message is truncated between characters, and the rest is counted", async () => {
  const text = await logged((log) => log.said("a", "b", "é".repeat(600)));
  assertEquals(text.split("\n")[1], `${"é".repeat(512)} (and 176 bytes more)`);
  const odd = await logged((log) => log.said("a", "b", "x" + "é".repeat(600)));
  assertEquals(odd.split("\n")[1], `x${"é".repeat(511)} (and 178 bytes more)`);
});

Deno.test("records below the level are not written, and not prepared", async () => {
  const text = await logged((log) => {
    assertEquals(log.showsMessages, false);
    log.said("a", "b", "hidden");
    log.info("hidden");
    log.warn("shown");
    log.error("shown too");
  }, { level: "warning" });
  assertEquals(text.split("\n").length, 3);
});
