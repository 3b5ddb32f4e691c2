import { assert, assertEquals, assertMatch } from "@std/assert";
import { checkFraming, decodeChunks, encodeText } from "@wirebench/wirebench/framing";
import { parseSyslog, syslogFrames } from "../../examples/syslog.ts";
import { hasProgram, RawPeer, within } from "../harness.ts";
import { ExampleProcess, python } from "./_example.ts";

/** The messages that the example has printed, without their senders. */
function printed({ stdout }: ExampleProcess): Record<string, unknown>[] {
  return stdout.trimEnd().split("\n").map((line) => {
    const { peer, ...message } = JSON.parse(line);
    assertMatch(peer, /^127\.0\.0\.1:\d+$/);
    return message;
  });
}

const FULL = '<165>1 2003-10-11T22:14:15.003Z host app 12 ID47 [a@1 x="1" y="\\"\\]\\\\"][b@2] An event';

Deno.test("the example syslog takes both framings, mixed and split anywhere, and prints lines of JSON", async () => {
  await using server = await ExampleProcess.serve("syslog");
  using peer = await RawPeer.connect(server.port);
  await peer.send(`${FULL.length} ${FULL}`);
  for (const byte of encodeText("<13>1 - - - - - - \ufeffZoë\n")) await peer.send(Uint8Array.of(byte));
  await peer.send("<34>su: failed\n<14>from Python\0" + "8 <0>two\nl" + "<34>end\n");
  await server.shows(/"end"/);
  assertEquals(printed(server), [
    {
      facility: 20,
      severity: 5,
      text: "An event",
      timestamp: "2003-10-11T22:14:15.003Z",
      hostname: "host",
      app: "app",
      process: "12",
      id: "ID47",
      data: { "a@1": { x: "1", y: '"]\\' }, "b@2": {} },
    },
    { facility: 1, severity: 5, text: "Zoë" },
    { facility: 4, severity: 2, text: "su: failed" },
    { facility: 1, severity: 6, text: "from Python" },
    { facility: 0, severity: 0, text: "two\nl" },
    { facility: 4, severity: 2, text: "end" },
  ]);
  peer.close();
  assertEquals((await server.result("SIGTERM")).code, 0);
});

Deno.test("the example syslog refuses what breaks the framing, and serves the others", async () => {
  await using server = await ExampleProcess.serve("syslog", "--max-message", "1000");
  using other = await RawPeer.connect(server.port);
  const cases: [sent: string, reason: RegExp][] = [
    ["hello\n", /malformed .*byte 0: expected a length in digits, or <, got "h"/],
    ["<1>a\nb\n", /malformed .*byte 5: expected a length in digits, or </],
    ["012 <1>a", /malformed .*byte 0: expected a length in digits/],
    ["1x <1>a", /malformed .*byte 0: expected an integer, got "1x"/],
    ["12345678 <1>a", /malformed .*byte 7: expected a space after the length/],
    ["5000 <1>", /too long .*expected at most 1000 bytes/],
    ["<1>" + "x".repeat(2000), /too long .*expected at most 1000 bytes/],
    ["9 <1>abc", /truncated .*Stream ended inside a message/],
    ["<1>abc", /truncated .*Stream ended inside a message/],
  ];
  for (const [sent, reason] of cases) {
    using peer = await RawPeer.connect(server.port);
    await peer.send(sent);
    await peer.end();
    assertEquals(await peer.receiveAll(), "");
    await server.shows(new RegExp(`${peer.address} closed: ${reason.source}`), "stderr");
  }
  await other.send("<1>still here\n");
  await server.shows(/still here/);
});

Deno.test("a message of syslog that is not RFC 5424 is kept as text", () => {
  assertEquals(parseSyslog("<192>1 - - - - - - x"), { facility: 1, severity: 5, text: "<192>1 - - - - - - x" });
  assertEquals(parseSyslog("<999"), { facility: 1, severity: 5, text: "<999" });
  assertEquals(parseSyslog("<13>1 too short"), { facility: 1, severity: 5, text: "1 too short" });
  assertEquals(parseSyslog("<13>1 - - - - - [a x=1] y").text, "1 - - - - - [a x=1] y");
  assertEquals(parseSyslog("<13>1 - - - - - -"), { facility: 1, severity: 5, text: "" });
  const named = parseSyslog('<13>1 - - - - - [__proto__ polluted="yes"] x');
  assert(Object.hasOwn(named.data!, "__proto__"));
  assertEquals(({} as Record<string, unknown>)["polluted"], undefined);
});

Deno.test("parsing a message of syslog takes time in proportion to its length", () => {
  const nearly = [
    `<13>1 - - - - - [a x="${"\\\\".repeat(400_000)}`,
    `<13>1 - - - - - [a${' x="1"'.repeat(150_000)}`,
    `<13>1 - - - - - ${"[a]".repeat(300_000)}x`,
    `<13>1 - - - - - [a x="${"y".repeat(900_000)}"] z`,
    "<13>1 " + "x ".repeat(500_000),
  ];
  const start = performance.now();
  for (const message of nearly) parseSyslog(message);
  assert(performance.now() - start < 5000);
});

Deno.test("frames of syslog are the same, however the stream is split", () => {
  checkFraming(syslogFrames(), [FULL, "<1>Zoë\n"]);
  const stream = encodeText("<1>a\n5 <2>b\n<3>Zoë\0<4>d\n");
  const whole = decodeChunks(syslogFrames(), [stream]);
  assertEquals(whole.messages, ["<1>a", "<2>b\n", "<3>Zoë", "<4>d"]);
  assertEquals(decodeChunks(syslogFrames(), Array.from(stream, (byte) => Uint8Array.of(byte))), whole);
});

const hasLogger = hasProgram("logger", "--version");
const hasPython = hasProgram("python3", "-c", "import logging.handlers");

Deno.test({
  name: "logger of util-linux reaches the example syslog" +
    (hasLogger ? "" : " (ignored: no logger of util-linux here)"),
  ignore: !hasLogger,
  async fn() {
    await using server = await ExampleProcess.serve("syslog");
    const send = async (...args: string[]) => {
      const at = ["--server", "127.0.0.1", "--port", String(server.port), "--tcp", "--priority", "local0.warning"];
      const sent = await within(new Deno.Command("logger", { args: [...at, ...args] }).output(), "the end of logger");
      assertEquals(new TextDecoder().decode(sent.stderr), "");
    };
    await send("--octet-count", "--tag", "shop", "--msgid", "sale", "--rfc5424", "--", "Zoë bought\ttea");
    await server.shows(/tea/);
    await send("--tag", "shop", "--", "a line");
    await server.shows(/a line/);
    const [counted, line] = printed(server);
    assertEquals([counted!["facility"], counted!["severity"], counted!["text"]], [16, 4, "Zoë bought\ttea"]);
    assertEquals([counted!["app"], counted!["id"]], ["shop", "sale"]);
    assertMatch(String(counted!["timestamp"]), /^\d{4}-\d\d-\d\dT/);
    assertEquals([line!["facility"], line!["text"]], [16, "a line"]);
  },
});

const PYTHON_LOGGER = `
import logging, logging.handlers, socket, sys
handler = logging.handlers.SysLogHandler(("127.0.0.1", int(sys.argv[1])), socktype=socket.SOCK_STREAM)
log = logging.getLogger("shop")
log.addHandler(handler)
log.warning("out of tea")
log.error("Zoë left")
handler.append_nul = False
handler.setFormatter(logging.Formatter("1 - host shop - - - %(message)s\\n"))
log.critical("closed")
handler.close()
`;

Deno.test({
  name: "Python's SysLogHandler reaches the example syslog" + (hasPython ? "" : " (ignored: no python3 here)"),
  ignore: !hasPython,
  async fn() {
    await using server = await ExampleProcess.serve("syslog");
    assertEquals(await python(PYTHON_LOGGER, String(server.port)), { stdout: "", stderr: "" });
    await server.shows(/closed"/);
    assertEquals(printed(server), [
      { facility: 1, severity: 4, text: "out of tea" },
      { facility: 1, severity: 3, text: "Zoë left" },
      { facility: 1, severity: 2, text: "closed", hostname: "host", app: "shop" },
    ]);
  },
});
