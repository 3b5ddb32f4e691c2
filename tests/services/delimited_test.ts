import { assertEquals, assertMatch } from "@std/assert";
import { ClientProcess, fakeServer, runClient, ServerProcess } from "../harness.ts";

Deno.test("delimited:server closes a connection at a line over the limit, and answers the lines before it", async () => {
  await using server = await ServerProcess.start("delimited", { args: ["--max-message", "10"] });
  using other = await server.connect();
  using peer = await server.connect();
  await peer.send("0123456789\r\n0123456789\n01234567890\n");
  assertEquals(await peer.receiveAll(), "0123456789\n".repeat(2));
  assertMatch(String((await server.logged(/closed: too long/)).detail), /at most 10 bytes, got 11 or more/);
  await other.send("fine\n");
  assertEquals(await other.receive(5), "fine\n");
});

Deno.test("delimited:client sends its arguments, or lines", async () => {
  await using server = await ServerProcess.start("delimited");
  const port = ["--port", String(server.port)];
  assertEquals(await runClient("delimited", [...port, "one", "", "two words"]), {
    code: 0,
    stdout: "one\n\ntwo words\n",
    stderr: "",
  });
  assertEquals((await runClient("delimited", port, "from\r\nstandard\n\ninput")).stdout, "from\nstandard\n\ninput\n");
  const two = await runClient("delimited", [...port, "two\nlines"]);
  assertMatch(two.stderr, /expected a message without the delimiter, got "\\x0a"/);
  assertEquals(two.code, 2);
});

Deno.test("delimited:client answers each line as it is typed, and notices that the server has gone", async () => {
  await using server = fakeServer(async (peer) => {
    await peer.receive(6);
    await peer.send("FIRST\n");
    await peer.receive(7);
  });
  await using client = new ClientProcess("delimited", { args: ["--port", String(server.port)] });
  await client.type("first\n");
  await client.shows(/^FIRST\n$/);
  await client.type("second\n");
  const { code, stderr } = await client.result();
  assertMatch(stderr, /^delimited:client: The peer ended without an answer\n$/);
  assertEquals(code, 1);
});
