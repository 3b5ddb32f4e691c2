import { assertEquals } from "@std/assert";
import { logged } from "./_logged.ts";

Deno.test("a long message is counted, not shown, and no character is cut in two", async () => {
  const text = await logged((log) => log.said("a", "b", "é".repeat(600)));
  assertEquals(text.split("\n")[1], `${"é".repeat(512)} (and 176 bytes more)`);
  const odd = await logged((log) => log.said("a", "b", "x" + "é".repeat(600)));
  assertEquals(odd.split("\n")[1], `x${"é".repeat(511)} (and 178 bytes more)`);
});

Deno.test("levels hide what is less important, and what is hidden costs nothing", async () => {
  const text = await logged((log) => {
    assertEquals(log.showsMessages, false);
    log.said("a", "b", "hidden");
    log.info("hidden");
    log.warn("shown");
    log.error("shown too");
  }, { level: "warning" });
  assertEquals(text.split("\n").length, 3);
});
