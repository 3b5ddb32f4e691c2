import { assert, assertEquals, assertMatch } from "@std/assert";
import { configureLog, escapeBytes, escapeText, Log, type LogOptions, quoteText } from "@wirebench/wirebench/log";
import { bytes, textOf, within } from "../harness.ts";

/** What a log comes to. */
async function logged(write: (log: Log) => unknown, options: LogOptions = {}): Promise<string> {
  let written = "";
  const writer = {
    write(data: Uint8Array) {
      // Partial, as a pipe's writes may be.
      const part = data.subarray(0, 1000);
      written += Array.from(part, (byte) => String.fromCharCode(byte)).join("");
      return Promise.resolve(part.length);
    },
  };
  {
    await using _log = await configureLog({ ...options, writer });
    await write(new Log("Server"));
  }
  return textOf(Uint8Array.from(written, (character) => character.charCodeAt(0)));
}

/** A record without a budget, as another thread would have made it. */
function record(message: string): Parameters<Log["relay"]>[0] {
  return { level: "info", message: [message], rawMessage: message, timestamp: Date.now(), properties: {} };
}

const TIME = "\\[\\d\\d:\\d\\d:\\d\\d – ";

Deno.test("the transcript has the form the tutorials print, with an en dash", async () => {
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

/** What a stranger might send, and what stands in the log for it. */
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

Deno.test("nothing a peer sends forges a line or steers a terminal", async () => {
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

Deno.test("JSON lines say the same to machines, and can be shown on a terminal", async () => {
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

Deno.test("a fact cannot take the place of what the log itself says", async () => {
  const facts = { time: "never", level: "fatal", who: "Nobody", message: "forged" };
  const record = JSON.parse(await logged((log) => log.info("true", facts), { format: "json" }));
  assertEquals([record.level, record.who, record.message], ["info", "Server", "true"]);
});

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

Deno.test("nothing is lost at the end of the program: 100,000 lines", async () => {
  const text = await logged((log) => {
    for (let line = 0; line < 100_000; line++) log.relay(record(`line ${line}`));
  });
  const lines = text.trimEnd().split("\n");
  assertEquals(lines.length, 100_000);
  assertMatch(lines.at(-1)!, /line 99999$/);
});

Deno.test("a record is written at once, also one that comes while another has just been", async () => {
  // A record that came between the end of a write and the note that it had ended once waited for the next one.
  for (let turns = 0; turns < 20; turns++) {
    let written = "";
    const writer = {
      write(data: Uint8Array) {
        written += textOf(data);
        return Promise.resolve(data.length);
      },
    };
    await using _log = await configureLog({ writer });
    new Log("Server").info("first");
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    new Log("Server").info("second");
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertMatch(written, /first\n.*second\n$/, `after ${turns} turns`);
  }
});

Deno.test("a log that nobody reads holds nothing up, and says later what was dropped", async () => {
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
    await using _log = await configureLog({ writer, format: "json" });
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

Deno.test("a log waits for a pipe that is full and does not block", async () => {
  let written = "";
  let full = true;
  const writer = {
    write(data: Uint8Array) {
      full = !full;
      if (!full) return Promise.reject(new Deno.errors.WouldBlock());
      written += textOf(data.subarray(0, 20));
      return Promise.resolve(Math.min(20, data.length));
    },
  };
  {
    await using _log = await configureLog({ writer, format: "json" });
    for (let line = 0; line < 10; line++) new Log("Server").info("line {line}", { line });
  }
  assertEquals(written.trimEnd().split("\n").map((line) => JSON.parse(line).line), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("a log whose reader has gone ends nothing", async () => {
  await using _log = await configureLog({ writer: { write: () => Promise.reject(new Deno.errors.BrokenPipe()) } });
  for (let line = 0; line < 10; line++) {
    new Log("Server").info("nobody reads this");
    await Promise.resolve();
  }
});

Deno.test("quoteText() leaves no way out of its quotes", () => {
  assertEquals(quoteText('bob" left'), '"bob\\" left"');
  assertEquals(quoteText('bob\\" left'), '"bob\\\\\\" left"');
});

Deno.test("escapeText() and escapeBytes() can be told to keep characters", () => {
  assertEquals(escapeText("a\tb\nc\x07", "\n\t"), "a\tb\nc\\x07");
  assertEquals(escapeBytes(bytes("a\tb\n"), "\t"), "a\tb\\n");
});

Deno.test("of each kind of record a thousand are written in a second, and the others are counted", async () => {
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

Deno.test("what a log has left out is written when the second has passed", async () => {
  let written = "";
  const counted = Promise.withResolvers<void>();
  const writer = {
    write(data: Uint8Array) {
      written += textOf(data);
      if (written.includes("more message")) counted.resolve();
      return Promise.resolve(data.length);
    },
  };
  await using _log = await configureLog({ writer });
  const log = new Log("Server");
  for (let line = 0; line < 1001; line++) log.said("127.0.0.1:1", "Server", "x");
  await within(counted.promise, "the count of what was left out");
  assertMatch(written, /\.\.\. and 1 more message\n/);
  log.said("127.0.0.1:1", "Server", "after it");
});
