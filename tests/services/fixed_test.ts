import { assertEquals, assertMatch } from "@std/assert";
import { fakeServer, runClient, ServerProcess } from "../harness.ts";

const PATTERN = "0123456789".repeat(500);

Deno.test("fixed:server reports a connection that ends inside a message as truncated", async () => {
  await using server = await ServerProcess.start("fixed");
  using peer = await server.connect();
  await peer.send(PATTERN + PATTERN.slice(0, 1234));
  await peer.end();
  assertEquals(await peer.receiveAll(), PATTERN);
  assertMatch(String((await server.logged(/closed: truncated/)).detail), /expected 5000 bytes, got 1234$/);
});

Deno.test("fixed:client and server agree on --length", async () => {
  await using server = await ServerProcess.start("fixed", { args: ["--length", "3"] });
  const args = ["--port", String(server.port), "--length", "3"];
  assertEquals(await runClient("fixed", [...args, "abc", "--count", "3"]), {
    code: 0,
    stdout: "abc\nabc\nabc\n",
    stderr: "",
  });
  assertEquals((await runClient("fixed", args)).stdout, "012\n");
  assertEquals((await runClient("fixed", [...args, "é1"])).stdout, "é1\n");
});

Deno.test("fixed:client sends 5000 bytes of a pattern unless told otherwise", async () => {
  await using server = await ServerProcess.start("fixed");
  assertEquals((await runClient("fixed", ["--port", String(server.port)])).stdout, `${PATTERN}\n`);
});

Deno.test("fixed:client refuses a message of any other length", async () => {
  for (const message of ["abcd", "ab", "éé", ""]) {
    const { code, stderr } = await runClient("fixed", ["--length", "3", "--port", "9", message]);
    assertMatch(stderr, /^fixed:client: Cannot encode the message: expected 3 bytes, got \d; see/);
    assertEquals(code, 2);
  }
});

Deno.test("fixed:client fails when the server ends inside an answer", async () => {
  await using server = fakeServer((peer) => peer.receive(3).then(() => peer.send("ab")));
  const result = await runClient("fixed", ["--port", String(server.port), "--length", "3"]);
  assertEquals(result, {
    code: 1,
    stdout: "",
    stderr: "fixed:client: Stream ended inside a message: expected 3 bytes, got 2\n",
  });
});
