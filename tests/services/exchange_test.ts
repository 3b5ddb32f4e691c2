import { assertEquals, assertMatch } from "@std/assert";
import { memoryOf } from "../../scripts/shared/system.ts";
import { ClientProcess, fakeServer, hasProgram, runClient, ServerProcess } from "../harness.ts";

const hasPs = hasProgram("ps", "-o", "rss=", "-p", String(Deno.pid));

Deno.test({
  name: "exchange:server and client stream a request of 200 MB without keeping it" +
    (hasPs ? "" : " (ignored: no ps that tells a process's memory here)"),
  ignore: !hasPs,
  async fn() {
    await using server = await ServerProcess.start("exchange");
    await using client = new ClientProcess("exchange", { args: ["--port", String(server.port), "-"] });
    const piece = "x".repeat(1_000_000);
    for (let count = 0; count < 200; count++) await client.type(piece);
    const held = await Promise.all([server.pid, client.pid].map(memoryOf));
    await client.endInput();
    assertEquals((await client.result()).stdout, "received 200000000 bytes\n");
    for (const bytes of held) assertEquals(bytes! > 0 && bytes! < 180_000_000, true, `${bytes} bytes of memory`);
  },
});

Deno.test("exchange:client sends its message or standard input, and prints the answer", async () => {
  await using server = await ServerProcess.start("exchange");
  const port = ["--port", String(server.port)];
  assertEquals(await runClient("exchange", [...port, "Zoë"]), { code: 0, stdout: "received 4 bytes\n", stderr: "" });
  assertEquals((await runClient("exchange", [...port, ""])).stdout, "received 0 bytes\n");
  assertEquals((await runClient("exchange", [...port, "-"], "from\nstandard input")).stdout, "received 19 bytes\n");
});

Deno.test("exchange:client ends its side before it reads, and prints any answer unchanged", async () => {
  let heard = "";
  await using server = fakeServer(async (peer) => {
    heard = await peer.receiveAll();
    await peer.send(Uint8Array.of(0, 255, 10));
    await peer.send("x".repeat(1_000_000));
  });
  const { stdout } = await runClient("exchange", ["--port", String(server.port), "hello"]);
  assertEquals(heard, "hello");
  assertEquals(stdout.length, 1_000_003);
});

Deno.test("exchange:client notices that the server has gone, and Ctrl-C, while its standard input is open", async () => {
  await using ending = fakeServer((peer) => peer.receive(1));
  await using client = new ClientProcess("exchange", { args: ["--port", String(ending.port), "-"] });
  await client.type("x");
  const { code, stderr } = await client.result();
  assertMatch(
    stderr,
    /^exchange:client: (The server ended before the request did|The peer broke the connection off)\n$/,
  );
  assertEquals(code, 1);
  await using server = await ServerProcess.start("exchange");
  await using interrupted = new ClientProcess("exchange", { args: ["--port", String(server.port), "-"] });
  await interrupted.type("x");
  await server.logged(/connected/);
  interrupted.signal("SIGINT");
  assertEquals((await interrupted.result()).code, 1);
});

Deno.test("exchange:client fails without an answer", async () => {
  await using ending = fakeServer((peer) => peer.receiveAll());
  const ended = await runClient("exchange", ["--port", String(ending.port)]);
  assertEquals(ended, { code: 1, stdout: "", stderr: "exchange:client: The server ended without an answer\n" });
  await using silent = fakeServer((_, held) => held);
  const late = await runClient("exchange", ["--port", String(silent.port), "--timeout", "0.3"]);
  assertMatch(late.stderr, /^exchange:client: Nothing came for 0\.3 s\n$/);
  assertEquals(late.code, 1);
});
