import { assertEquals, assertMatch } from "@std/assert";
import { fakeServer, runClient, ServerProcess } from "../harness.ts";

const ANSWER = "Hello Node!\n";

Deno.test("lines:server answers each line, however the lines are cut", async () => {
  await using server = await ServerProcess.start("lines");
  using peer = await server.connect();
  for (const part of ["Hello server!\n", "H", "ello", " server!\r", "\n"]) await peer.send(part);
  assertEquals(await peer.receive(2 * ANSWER.length), ANSWER.repeat(2));
  await peer.send("a\nb\r\n\nlast");
  await peer.end();
  assertEquals(await peer.receiveAll(), ANSWER.repeat(4));
});

Deno.test("lines:server stops only at the exact line STOP", async () => {
  await using server = await ServerProcess.start("lines");
  using peer = await server.connect();
  await peer.send("stop\nSTOP \n STOP\nSTOPP\n");
  await peer.end();
  assertEquals(await peer.receiveAll(), ANSWER.repeat(4));
});

Deno.test("lines:server closes a connection at a line that is too long or not UTF-8, and answers the lines before it", async () => {
  await using server = await ServerProcess.start("lines", { args: ["--max-message", "100"] });
  using other = await server.connect();
  const cases: [data: Uint8Array, answers: number, reason: RegExp][] = [
    [
      Uint8Array.of(0x61, 0x0a, 0x62, 0xff, 0x0a, 0x63, 0x0a),
      1,
      /malformed .*at byte 1: expected UTF-8 text, got "\\xff"/,
    ],
    [new Uint8Array(101).fill(0x61), 0, /too long .*at most 100 bytes, got 101 or more/],
  ];
  for (const [data, answers, reason] of cases) {
    using peer = await server.connect();
    await peer.send(data);
    assertEquals(await peer.receiveAll(), ANSWER.repeat(answers));
    await server.logged(reason);
  }
  await other.send(`${"x".repeat(100)}\n`);
  assertEquals(await other.receive(ANSWER.length), ANSWER);
});

Deno.test("lines:server answers a great many lines at once", async () => {
  await using server = await ServerProcess.start("lines");
  using peer = await server.connect();
  const sending = peer.send("\n".repeat(200_000)).then(() => peer.end());
  assertEquals((await peer.receiveAll()).length, 200_000 * ANSWER.length);
  await sending;
});

Deno.test("lines:server ends connections between lines when it is told to stop", async () => {
  await using server = await ServerProcess.start("lines");
  using peer = await server.connect();
  await peer.send("a\n");
  await peer.receive(ANSWER.length);
  server.signal("SIGTERM");
  assertEquals(await peer.receiveAll(), "");
  peer.close();
  await server.logged(/Stopped; connections open at SIGTERM: 1 finished, 0 aborted/);
});

Deno.test("lines:client sends the greeting, or its arguments in turn", async () => {
  await using server = await ServerProcess.start("lines");
  const args = ["--port", String(server.port), "--pause", "0"];
  assertEquals(await runClient("lines", [...args, "--rounds", "3"]), { code: 0, stdout: ANSWER.repeat(3), stderr: "" });
  assertEquals((await runClient("lines", [...args, "a", "b", "STOP"])).stdout, ANSWER.repeat(3));
  assertEquals((await runClient("lines", [...args, "--rounds", "3", "c", "d"])).stdout, ANSWER.repeat(3));
  await server.logged(/-> Server: /, 9);
  const said = server.log.filter(({ to }) => to === "Server").map(({ text }) => text);
  assertEquals(said, [...Array(3).fill("Hello server!"), "a", "b", "STOP", "c", "d", "c"]);
});

Deno.test("lines:client writes lines that end in a newline alone", async () => {
  let line = "";
  await using server = fakeServer(async (peer) => {
    line = await peer.receive(14);
    await peer.send("Hel");
    await peer.send("lo Node!\r\n");
    await peer.receiveAll();
  });
  assertEquals((await runClient("lines", ["--port", String(server.port), "--rounds", "1"])).stdout, ANSWER);
  assertEquals(line, "Hello server!\n");
});

Deno.test("lines:client fails when an answer does not come, or not in time", async () => {
  await using ending = fakeServer((peer) => peer.receive(2));
  const ended = await runClient("lines", ["--port", String(ending.port), "x"]);
  assertMatch(
    ended.stderr,
    /^lines:client: (The peer ended without an answer|The peer broke the connection off)\n$/,
  );
  assertEquals(ended.code, 1);
  await using slow = fakeServer(async (peer, held) => {
    await peer.send("half an answer");
    await held;
  });
  const late = await runClient("lines", ["--port", String(slow.port), "--timeout", "2", "x"]);
  assertEquals(late, { code: 1, stdout: "", stderr: "lines:client: A message begun did not end within 2 s\n" });
});

Deno.test("lines:client rejects an argument of two lines", async () => {
  const result = await runClient("lines", ["--port", "9", "two\nlines"]);
  assertMatch(result.stderr, /^lines:client: Malformed message at byte 3: expected a message without the delimiter/);
  assertEquals(result.code, 2);
});
