import { assertEquals, assertMatch } from "@std/assert";
import { configureLog, Log } from "@wirebench/wirebench/log";
import { textOf, turn } from "../harness.ts";
import { logged, record } from "./_logged.ts";

Deno.test("nothing is lost at the end of the program: 100,000 lines", async () => {
  const text = await logged((log) => {
    for (let line = 0; line < 100_000; line++) log.relay(record(`line ${line}`));
  });
  const lines = text.trimEnd().split("\n");
  assertEquals(lines.length, 100_000);
  assertMatch(lines.at(-1)!, /line 99999$/);
});

Deno.test("a record is written at once, even right after another write", async () => {
  // A record logged between the end of a write and the flag for it was once not written until the next one.
  for (let turns = 0; turns < 20; turns++) {
    let written = "";
    const writer = {
      write(data: Uint8Array) {
        written += textOf(data);
        return Promise.resolve(data.length);
      },
    };
    await using _log = configureLog({ writer });
    new Log("Server").info("first");
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    new Log("Server").info("second");
    await turn();
    assertMatch(written, /first\n.*second\n$/, `after ${turns} turns`);
  }
});

Deno.test("a log that nobody reads blocks nothing, and reports later what it dropped", async () => {
  let written = "";
  const released = Promise.withResolvers<void>();
  const writer = {
    async write(data: Uint8Array) {
      await released.promise;
      written += textOf(data);
      return data.length;
    },
  };
  {
    await using _log = configureLog({ writer, format: "json" });
    const log = new Log("Server");
    const filler = "x".repeat(1000);
    for (let line = 0; line < 30_000; line++) log.relay(record(filler));
    released.resolve();
  }
  const records = written.trimEnd().split("\n").map((line) => JSON.parse(line));
  const { message } = records.at(-1);
  assertMatch(message, /^\d+ log records dropped: nobody read them$/);
  assertEquals(records.length - 1 + parseInt(message), 30_000);
});

Deno.test("a log whose reader has gone does not stop the program", async () => {
  await using _log = configureLog({ writer: { write: () => Promise.reject(new Deno.errors.BrokenPipe()) } });
  for (let line = 0; line < 10; line++) {
    new Log("Server").info("nobody reads this");
    await Promise.resolve();
  }
});

Deno.test("a fact that cannot be written is reported in the log, and fails no program", async () => {
  const text = await logged((log) => {
    log.info("{size} bytes", { size: 1n });
    log.info("next");
  }, { format: "json" });
  assertEquals(text.trimEnd().split("\n").map((line) => JSON.parse(line).message.replace(/: .*/, "")), [
    "a log record could not be written",
    "next",
  ]);
});
