import { assert, assertEquals, assertMatch } from "@std/assert";
import { quoteText } from "@wirebench/wirebench/log";
import { textOf } from "../harness.ts";
import { logged, TIME } from "./_logged.ts";

Deno.test("the text log has the form that the tutorials print, with an en dash", async () => {
  const text = await logged((log) => {
    log.info("Listening at {address}", { address: "127.0.0.1:1060" });
    log.said("127.0.0.1:51234", "Server", "Hello server!");
  });
  assertMatch(
    text,
    new RegExp(
      `^${TIME}Server\\]: Listening at 127\\.0\\.0\\.1:1060\n${TIME}127\\.0\\.0\\.1:51234 -> Server\\]:\nHello server!\n$`,
    ),
  );
});

/** Bytes that an attacker might send, and how the log shows them. */
const ATTACKS: [sent: string | Uint8Array, shown: string][] = [
  ["a\n[10:53:16 – Server]: Listening at 6.6.6.6:6", "a\\n\\x5b10:53:16 – Server]: Listening at 6.6.6.6:6"],
  ["\u200d[10:53:16 – Server]: x", "\u200d\\x5b10:53:16 – Server]: x"],
  ["\u3164[10:53:16 – Server]: x", "\u3164\\x5b10:53:16 – Server]: x"],
  ["[10:53:16 – Server]: Listening at 6.6.6.6:6", "\\x5b10:53:16 – Server]: Listening at 6.6.6.6:6"],
  ["\x1b[2J\x1b]0;title\x07\x9b31m", "\\x1b[2J\\x1b]0;title\\x07\\x9b31m"],
  ["\r\x08\x7f\t\0", "\\r\\x08\\x7f\\t\\x00"],
  ["safe\u202eexe.txt\u2066", "safe\\u{202e}exe.txt\\u{2066}"],
  ["two\u2028lines\u2029", "two\\u{2028}lines\\u{2029}"],
  ["Zoë 👩‍👩‍👧 日本", "Zoë 👩‍👩‍👧 日本"],
  [Uint8Array.of(0x41, 0xff, 0x0a, 0x1b), "A\\xff\\n\\x1b"],
  ["{from} {0}", "{from} {0}"],
];

Deno.test("no bytes from a peer forge a log line or control the terminal", async () => {
  for (const [sent, shown] of ATTACKS) {
    const text = await logged((log) => log.said("127.0.0.1:1", "Server", sent));
    assertMatch(text, new RegExp(`^${TIME}127\\.0\\.0\\.1:1 -> Server\\]:\n[^\n]*\n$`));
    assertEquals(text.split("\n")[1], shown);
    const note = await logged((log) =>
      log.info("{name} joined", { name: quoteText(typeof sent === "string" ? sent : textOf(sent)) })
    );
    assertMatch(note, new RegExp(`^${TIME}Server\\]: "[^\n]*" joined\n$`));
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(text + note));
  }
});

Deno.test("JSON lines contain the same facts, and are safe on a terminal", async () => {
  for (const [sent] of ATTACKS) {
    const text = await logged((log) => log.said("127.0.0.1:1", "Server", sent), { format: "json" });
    assertEquals(text.split("\n").length, 2);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/.test(text));
    const record = JSON.parse(text);
    assertEquals([record.from, record.to, record.level], ["127.0.0.1:1", "Server", "info"]);
    if (typeof sent === "string") assertEquals(record.text, sent);
  }
  const record = JSON.parse(await logged((log) => log.warn("{a} and {b}", { a: 1, b: "x" }), { format: "json" }));
  assertEquals([record.message, record.level, record.who, record.a, record.b], [
    "1 and x",
    "warning",
    "Server",
    1,
    "x",
  ]);
  assertEquals(new Date(record.time).toISOString(), record.time);
});

Deno.test("facts cannot replace the log's own fields", async () => {
  const facts = { time: "never", level: "fatal", who: "Nobody", message: "forged" };
  const record = JSON.parse(await logged((log) => log.info("true", facts), { format: "json" }));
  assertEquals([record.level, record.who, record.message], ["info", "Server", "true"]);
});
