import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { decodeChunks, encodeText } from "@wirebench/wirebench/framing";
import { Redis, RedisError, resp } from "../../examples/resp.ts";
import { freePort, untilListening } from "../../scripts/shared/ports.ts";
import { fakeServer, hasProgram, temporaryFolder } from "../harness.ts";
import { ExampleProcess, runExample, startProgram } from "./_example.ts";

const hasRedis = hasProgram("redis-server", "--version");
const reason = hasRedis ? "" : " (ignored: no redis-server here)";

async function redisServer(): Promise<AsyncDisposable & { port: number }> {
  let folder: ReturnType<typeof temporaryFolder> | undefined = temporaryFolder();
  const port = freePort();
  const where = ["--bind", "127.0.0.1", "--port", `${port}`, "--dir", folder.path];
  const server = startProgram("redis-server", ...where, "--save", "", "--appendonly", "no");
  await untilListening(port);
  return {
    port,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      folder?.[Symbol.dispose]();
      folder = undefined;
    },
  };
}

Deno.test({
  name: "the example resp sends commands to Redis as a pipeline, and prints what is published" + reason,
  ignore: !hasRedis,
  async fn() {
    await using server = await redisServer();
    const commands = ["SET visits 41", "INCR visits", "GET visits", "LPUSH visits 1", "GET nothing", "CONFIG GET port"];
    assertEquals(await runExample("resp", server.port, ...commands), {
      code: 0,
      stdout: `"OK"\n42\n"42"\n"WRONGTYPE Operation against a key holding the wrong kind of value"\nnull\n` +
        `["port","${server.port}"]\n`,
      stderr: "",
    });
    await using subscriber = new ExampleProcess("resp", server.port, ["--subscribe", "news", "weather"]);
    await subscriber.shows(/^\["subscribe","news",1\]\n\["subscribe","weather",2\]\n$/);
    assertEquals(
      (await runExample("resp", server.port, "PUBLISH news Hello", "PUBLISH weather rain")).stdout,
      "1\n1\n",
    );
    await subscriber.shows(/"message":"rain"/);
    const { code, stdout, stderr } = await subscriber.result("SIGINT");
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout.split("\n").slice(2), [
      '{"channel":"news","message":"Hello"}',
      '{"channel":"weather","message":"rain"}',
      "",
    ]);
    await using left = new ExampleProcess("resp", server.port, ["--subscribe", "news"]);
    await left.shows(/subscribe/);
    await server[Symbol.asyncDispose]();
    const lost = await left.result();
    assertEquals(lost.code, 1);
    assertMatch(lost.stderr, /^resp[^\n]*: The (server ended the connection|peer broke the connection off)\n$/);
  },
});

Deno.test({
  name: "replies of Redis to 1000 commands at once come in order, and long values arrive whole" + reason,
  ignore: !hasRedis,
  async fn() {
    await using server = await redisServer();
    await using redis = await Redis.connect({ port: server.port });
    const counts = await Promise.all(Array.from({ length: 1000 }, () => redis.command("INCR", "count")));
    assertEquals(counts, Array.from({ length: 1000 }, (_, index) => index + 1));
    const value = "Zoë\r\n$5\r\n".repeat(100_000);
    assertEquals(await redis.command("SET", "long", value), "OK");
    assertEquals(await redis.command("GET", "long"), value);
    const both = await Promise.allSettled([redis.command("NOTHING"), redis.command("PING")]);
    assertEquals(both.map(({ status }) => status), ["rejected", "fulfilled"]);
    await assertRejects(() => redis.command("NOTHING"), RedisError, "ERR unknown command");
  },
});

Deno.test("the example resp refuses replies that break the protocol, and says where", () => {
  const cases: [sent: string, error: RegExp][] = [
    ["+OK\r\n?\r\n", /at byte 5: expected \+, -, :, \$ or \*, got "\?"/],
    ["+OK\rX", /at byte 4: expected a line feed/],
    ["$x\r\n", /at byte 1: expected an integer, got "x"/],
    ["$-2\r\n", /at byte 1: expected a length of -1 or more, got "-2"/],
    ["$2\r\nHello", /at byte 6: expected \\r\\n, got "ll"/],
    ["$99999999\r\n", /expected at most 16777216 bytes/],
    ["*1\r\n".repeat(9), /at byte 32: expected at most 8 levels of arrays/],
    ["*2\r\n:1\r\n", /Stream ended inside a message/],
    ["HTTP/1.1 400 Bad Request\r\n", /at byte 0: .*, got "H"/],
  ];
  for (const [sent, error] of cases) {
    const whole = decodeChunks(resp, [encodeText(sent)]);
    const split = decodeChunks(resp, Array.from(encodeText(sent), (byte) => Uint8Array.of(byte)));
    assertMatch(whole.error?.message ?? "", error, sent);
    assertEquals([split.messages, split.error?.message], [whole.messages, whole.error?.message], sent);
  }
});

Deno.test("the example resp reports a server that is no Redis, or says nothing, in one line", async () => {
  await using impostor = fakeServer((peer) =>
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n").then(() => peer.receiveAll())
  );
  const refused = await runExample("resp", impostor.port, "PING");
  assertEquals([refused.code, refused.stdout], [1, ""]);
  assertMatch(refused.stderr, /^resp[^\n]*expected \+, -, :, \$ or \*, got "H[^\n]*HTTP[^\n]*\n$/);
  await using silent = fakeServer((_, held) => held);
  const late = await runExample("resp", silent.port, "--timeout", "0.2", "PING");
  assertEquals(late.code, 1);
  assertMatch(late.stderr, /^resp[^\n]*0\.2 s[^\n]*\n$/);
});
