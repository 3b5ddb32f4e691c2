import { assertEquals, assertMatch } from "@std/assert";
import { fakeServer, runClient, ServerProcess } from "../harness.ts";

Deno.test("sixteen:server's answer arrives even if the client sent more than 16 bytes", async () => {
  await using server = await ServerProcess.start("sixteen");
  for (const more of [1, 100_000]) {
    for (let round = 0; round < 20; round++) {
      using peer = await server.connect();
      await peer.send("Hi there, server" + "!".repeat(more));
      assertEquals(await peer.receiveAll(), "Farewell, client");
    }
  }
});

Deno.test("sixteen:server says how many bytes were expected and how many came", async () => {
  await using server = await ServerProcess.start("sixteen");
  for (const sent of ["", "Hi there"]) {
    using peer = await server.connect();
    await peer.send(sent);
    await peer.end();
    assertEquals(await peer.receiveAll(), "");
    const { reason, detail } = await server.logged(new RegExp(`^${peer.address} closed`));
    assertEquals([reason, detail], [
      "truncated",
      `Stream ended inside a message: expected 16 bytes, got ${sent.length}`,
    ]);
  }
});

Deno.test("sixteen:client sends exactly 16 bytes, and reads 16 that come one at a time", async () => {
  let got = "";
  await using server = fakeServer(async (peer) => {
    got = await peer.receive(16);
    for (const character of "Farewell, client") await peer.send(character);
    got += await peer.receiveAll();
  });
  const port = ["--port", String(server.port)];
  assertEquals(await runClient("sixteen", port), { code: 0, stdout: "Farewell, client\n", stderr: "" });
  assertEquals(got, "Hi there, server");
});

Deno.test("sixteen:client fails when fewer than 16 bytes come, or not in time", async () => {
  await using short = fakeServer((peer) => peer.receive(16).then(() => peer.send("Farewell")));
  const ended = await runClient("sixteen", ["--port", String(short.port)]);
  assertEquals(ended, {
    code: 1,
    stdout: "",
    stderr: "sixteen:client: Stream ended inside a message: expected 16 bytes, got 8\n",
  });
  await using silent = fakeServer((peer) => peer.receive(16));
  const nothing = await runClient("sixteen", ["--port", String(silent.port)]);
  assertMatch(nothing.stderr, /expected 16 bytes, got 0\n$/);
  await using slow = fakeServer((peer, held) => peer.send("Fare").then(() => held));
  const late = await runClient("sixteen", ["--port", String(slow.port), "--timeout", "2"]);
  assertEquals(late, { code: 1, stdout: "", stderr: "sixteen:client: A message begun did not end within 2 s\n" });
});
