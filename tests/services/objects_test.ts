import { assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { encodePickle } from "@wirebench/wirebench/framing";
import { bytes, fakeServer, headed, runClient, ServerProcess } from "../harness.ts";

const PICKLE = "80049517000000000000007d94284b018c03486579944b028c05546865726594752e";

Deno.test("objects:server sends the header and the tutorial's 34 bytes, and closes", async () => {
  await using server = await ServerProcess.start("objects");
  using peer = await server.connect();
  const message = new Uint8Array(44);
  await peer.socket.read(message);
  assertEquals(message, concat([bytes("34        "), Uint8Array.fromHex(PICKLE)]));
  assertEquals(await peer.receiveAll(), "");
});

Deno.test("objects:server sends JSON when it is told to", async () => {
  await using server = await ServerProcess.start("objects", { args: ["--format", "json"] });
  using peer = await server.connect();
  assertEquals(await peer.receiveAll(), '23        {"1":"Hey","2":"There"}');
});

Deno.test("objects:client prints the object, in each format", async () => {
  for (
    const [format, shown] of [["pickle", "{1: 'Hey', 2: 'There'}\n"], ["json", '{"1":"Hey","2":"There"}\n']] as const
  ) {
    await using server = await ServerProcess.start("objects", { args: ["--format", format] });
    const result = await runClient("objects", ["--port", String(server.port), "--format", format]);
    assertEquals(result, { code: 0, stdout: shown, stderr: "" });
  }
});

Deno.test("objects:client prints any plain data as Python does, a byte at a time, and runs nothing", async () => {
  const cases: [payload: Uint8Array, shown: RegExp, code: number][] = [
    [encodePickle([1, "\x1b[2J", null, 2n ** 70n]), /^\[1, '\\x1b\[2J', None, 1180591620717411303424\]\n$/, 0],
    // What pickle.loads() would take for print("your code").
    [bytes("\x80\x02cbuiltins\nprint\nX\x09\0\0\0your code\x85R.").slice(1), /^$/, 1],
    [Uint8Array.of(0x80, 2, ...bytes("cbuiltins\nprint\nX\x09\0\0\0your code"), 0x85, 0x52, 0x2e), /^$/, 1],
  ];
  for (const [payload, shown, code] of cases) {
    await using server = fakeServer(async (peer) => {
      for (const byte of headed(payload)) await peer.send(Uint8Array.of(byte));
      await peer.receiveAll();
    });
    const result = await runClient("objects", ["--port", String(server.port)]);
    assertMatch(result.stdout, shown);
    assertEquals(result.code, code, result.stderr);
    if (code === 1) assertMatch(result.stderr, /^objects:client: Malformed message at byte \d+: expected [^\n]+\n$/);
  }
});

Deno.test("objects:client says what it got instead, and fails without an object", async () => {
  await using server = await ServerProcess.start("objects");
  const wrong = await runClient("objects", ["--port", String(server.port), "--format", "json"]);
  assertMatch(wrong.stderr, /; it looks like a pickle\n$/);
  assertEquals(wrong.code, 1);
  await using empty = fakeServer(() => Promise.resolve());
  const nothing = await runClient("objects", ["--port", String(empty.port)]);
  assertEquals(nothing, { code: 1, stdout: "", stderr: "objects:client: The server ended without an object\n" });
});
