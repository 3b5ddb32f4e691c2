import { assertEquals } from "@std/assert";
import { configure, type LogRecord } from "@logtape/logtape";
import { Log, LOG_CATEGORY } from "@wirebench/wirebench/log";

Deno.test("a program that configures LogTape itself gets the records there", async () => {
  const log = new Log("Server");
  assertEquals(log.showsMessages, false);
  const records: LogRecord[] = [];
  await configure({
    sinks: { list: (record) => records.push(record) },
    loggers: [
      { category: LOG_CATEGORY, sinks: ["list"], lowestLevel: "info" },
      { category: ["logtape", "meta"], lowestLevel: "error" },
    ],
  });
  log.debug("below the level");
  log.info("Listening at {address}", { address: "127.0.0.1:7" });
  assertEquals(log.said("127.0.0.1:1", "Server", "Hey"), true);
  log.relay({ level: "warning", message: ["relayed"], rawMessage: "relayed", timestamp: 1, properties: {} });
  assertEquals(records.map(({ category, level, message }) => [...category, level, message.join("")]), [
    [LOG_CATEGORY, "Server", "info", "Listening at 127.0.0.1:7"],
    [LOG_CATEGORY, "Server", "info", "127.0.0.1:1 -> Server: Hey"],
    [LOG_CATEGORY, "Server", "warning", "relayed"],
  ]);
});
