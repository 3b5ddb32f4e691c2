import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { decodeChunks, encodeText } from "@wirebench/wirebench/framing";
import { Nats, nats } from "../../examples/nats.ts";
import { fakeServer, hasProgram, temporaryFolder, textOf, until } from "../harness.ts";
import { ExampleProcess, runExample, startProgram } from "./_example.ts";

const hasNats = hasProgram("nats-server", "--version");
const reason = hasNats ? "" : " (ignored: no nats-server here)";

async function natsServer(): Promise<AsyncDisposable & { port: number }> {
  const folder = temporaryFolder();
  const server = startProgram("nats-server", "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", folder.path);
  let port = 0;
  await until(() => {
    for (const { name } of Deno.readDirSync(folder.path)) {
      const [, found] = /127\.0\.0\.1:(\d+)/.exec(Deno.readTextFileSync(`${folder.path}/${name}`)) ?? [];
      port = Number(found ?? 0);
    }
    return port > 0;
  }, "nats-server to write its port");
  return {
    port,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
}

Deno.test({
  name: "the example nats publishes to a NATS server, and prints what is published" + reason,
  ignore: !hasNats,
  async fn() {
    await using server = await natsServer();
    await using subscriber = new ExampleProcess("nats", server.port, ["--subscribe", "news.>"]);
    await subscriber.shows(/^Subscribed to news\.>\n/);
    const published = await runExample("nats", server.port, "--publish", "news.local", "Hello", "Hello\r\nPING");
    assertEquals(published, { code: 0, stdout: "", stderr: "" });
    await subscriber.shows(/PING/);
    assertEquals(await subscriber.result("SIGINT"), {
      code: 0,
      stdout: 'Subscribed to news.>\n{"subject":"news.local","message":"Hello"}\n' +
        '{"subject":"news.local","message":"Hello\\r\\nPING"}\n',
      stderr: "",
    });
    const refused = await runExample("nats", server.port, "--subscribe", "a..b");
    assertEquals(refused.code, 1);
    assertMatch(refused.stderr, /^nats[^\n]*The server refused: 'Invalid Subject'\n$/);
  },
});

Deno.test({
  name: "1000 messages over NATS arrive in order, and a subscriber can answer them" + reason,
  ignore: !hasNats,
  async fn() {
    await using server = await natsServer();
    await using client = await Nats.connect({ port: server.port });
    await using service = await Nats.connect({ port: server.port });
    await service.subscribe("double", ({ reply, payload }) => {
      return service.publish(reply!, encodeText(String(2 * Number(textOf(payload)))));
    });
    await service.flush();
    const answers: number[] = [];
    await client.subscribe("answers", ({ payload }) => void answers.push(Number(textOf(payload))));
    const numbers = Array.from({ length: 1000 }, (_, index) => index);
    await Promise.all(numbers.map((number) => client.publish("double", encodeText(String(number)), "answers")));
    await until(() => answers.length === 1000, () => `1000 answers, got ${answers.length}`);
    assertEquals(answers, numbers.map((number) => 2 * number));
    await assertRejects(() => client.publish("x\r\nPUB y 0", new Uint8Array()), RangeError, "a subject without spaces");
    await assertRejects(() => client.publish("x", new Uint8Array(2 ** 20 + 1)), RangeError, "at most 1048576 bytes");
    await client.flush();
  },
});

Deno.test("the example nats refuses what breaks the protocol, and says where", () => {
  const cases: [sent: string, error: RegExp][] = [
    ["PING\r\nPUNG\r\n", /at byte 6: expected INFO, MSG, PING, PONG, \+OK or -ERR, got "PUNG"/],
    ["PING\n", /at byte 4: expected \\r\\n/],
    ["INFO {\r\n", /at byte 0: expected JSON after INFO/],
    ["MSG a 1\r\n", /at byte 0: expected MSG with 3 or 4 arguments/],
    ["MSG a 1 x\r\n", /at byte 8: expected an integer, got "x"/],
    ["MSG a 1 -5\r\n", /expected a length of 0 or more/],
    ["MSG a 1 2\r\nHello", /at byte 13: expected \\r\\n, got "ll"/],
    ["MSG a 1 99999999\r\n", /expected at most 8454144 bytes/],
    ["MSG a 1 5\r\nHey", /Stream ended inside a message/],
    ["x".repeat(70_000), /at byte 0: expected a line of at most 65536 bytes/],
  ];
  for (const [sent, error] of cases) {
    const whole = decodeChunks(nats, [encodeText(sent)]);
    const split = decodeChunks(nats, Array.from(encodeText(sent), (byte) => Uint8Array.of(byte)));
    assertMatch(whole.error?.message ?? "", error, sent.slice(0, 40));
    assertEquals([split.messages, split.error?.message], [whole.messages, whole.error?.message], sent.slice(0, 40));
  }
});

Deno.test("the example nats answers PING, also before it has subscribed, and reports a server that is no NATS", async () => {
  let answered = "";
  await using server = fakeServer(async (peer) => {
    await peer.send('INFO {"max_payload":100}\r\nPING\r\n');
    const connect = /^CONNECT \{.*\}\r\n/;
    while (!/PONG\r\n/.test(answered) || !/PING\r\n/.test(answered)) answered += await peer.receive(1);
    assert(connect.test(answered), answered);
    await peer.send("PONG\r\n");
    await peer.receiveAll();
  });
  {
    await using _client = await Nats.connect({ port: server.port });
    assertMatch(answered, /PONG\r\n/);
  }
  await using impostor = fakeServer((peer) => peer.send("SSH-2.0-OpenSSH_9.6\r\n").then(() => peer.receiveAll()));
  const { code, stderr } = await runExample("nats", impostor.port, "--subscribe", "x");
  assertEquals(code, 1);
  assertMatch(stderr, /^nats[^\n]*expected INFO[^\n]*SSH[^\n]*\n$/);
});
