import { assertEquals } from "@std/assert";
import { configureLog, Log } from "@wirebench/wirebench/log";
import { textOf } from "../harness.ts";

Deno.test("writeAll() retries a full non-blocking pipe", async () => {
  let written = "";
  let full = true;
  const writer = {
    write(data: Uint8Array) {
      full = !full;
      if (!full) return Promise.reject(new Deno.errors.WouldBlock());
      written += textOf(data.subarray(0, 200));
      return Promise.resolve(Math.min(200, data.length));
    },
  };
  {
    await using _log = configureLog({ writer, format: "json" });
    for (let line = 0; line < 10; line++) new Log("Server").info("line {line}", { line });
  }
  assertEquals(written.trimEnd().split("\n").map((line) => JSON.parse(line).line), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
