import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { encodePickle } from "@wirebench/wirebench/framing";
import { command } from "../../scripts/shared/processes.ts";
import { CHUNK_LENGTH, repr, textChunks } from "../../services/objects/_repr.ts";
import { bytes, fakeServer, headed, type RawPeer, runClient, ServerProcess, within } from "../harness.ts";

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
    // pickle.loads() would run print("your code").
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

Deno.test("objects:client reports what it received instead of an object, and fails without one", async () => {
  await using server = await ServerProcess.start("objects");
  const wrong = await runClient("objects", ["--port", String(server.port), "--format", "json"]);
  assertMatch(wrong.stderr, /; it looks like a pickle\n$/);
  assertEquals(wrong.code, 1);
  await using empty = fakeServer(() => Promise.resolve());
  const nothing = await runClient("objects", ["--port", String(empty.port)]);
  assertEquals(nothing, { code: 1, stdout: "", stderr: "objects:client: The server ended without an object\n" });
});

/** A server that sends one message, then waits for its client to close. */
function serving(payload: Uint8Array): ReturnType<typeof fakeServer> {
  return fakeServer(async (peer: RawPeer) => {
    await peer.send(headed(payload));
    await peer.receiveAll();
  });
}

/** A pickled list of one item and of others, which may refer to the first. */
function listOf(thing: number[], more: number[], times: number): Uint8Array {
  const rest = new Array<number[]>(times).fill(more);
  return Uint8Array.from([[0x80, 4, 0x5d, 0x28], thing, [0x94], rest, [0x65, 0x2e]].flat(2));
}

/** A long text, bytes or int: an opcode, a length of four bytes, and one byte repeated. */
function long(opcode: number, length: number, byte: number): number[] {
  return [opcode, ...new Uint8Array(Uint32Array.of(length).buffer), ...new Array<number>(length).fill(byte)];
}

Deno.test("objects:client shows what it gets in time that grows with its bytes, up to 16 characters for each of them", async () => {
  const cases: [what: string, format: string, payload: Uint8Array, isCut: boolean][] = [
    [
      "an int of 1 MB that is the key of 60 dicts",
      "pickle",
      listOf(long(0x8b, 1_040_000, 0x7f), [0x7d, 0x68, 0, 0x4e, 0x73], 60),
      true,
    ],
    ["a text of control characters 560 times", "pickle", listOf(long(0x58, 119_000, 0), [0x68, 0], 560), true],
    ["bytes 560 times", "pickle", listOf(long(0x42, 119_000, 0), [0x68, 0], 560), true],
    ["a text of control characters", "pickle", encodePickle("\0".repeat(1_000_000)), false],
    ["lists 500,000 deep", "json", bytes("[".repeat(500_000) + "]".repeat(500_000)), false],
    ["a text of characters that are not shown", "json", bytes(`"${"\x7f".repeat(1_000_000)}"`), false],
  ];
  for (const [what, format, payload, isCut] of cases) {
    await using server = serving(payload);
    const began = performance.now();
    const { code, stdout, stderr } = await runClient("objects", ["--port", String(server.port), "--format", format]);
    const took = performance.now() - began;
    assert(took < 50_000, `${what} took ${took} ms`);
    assert(stdout.length <= 16 * payload.length + "...\n".length, `${what}: ${stdout.length} characters`);
    assertEquals([code, stdout.endsWith("...\n")], [isCut ? 1 : 0, isCut], what);
    if (isCut) {
      assertMatch(
        stderr,
        /^objects:client: Object too long: expected at most \d+ characters for \d+ bytes, got more\n$/,
      );
    } else assertEquals(stderr, "");
  }
});

Deno.test("objects:client ends at a signal, even if nobody reads its output, or it is closed", async () => {
  await using server = serving(encodePickle("\0".repeat(1_000_000)));
  for (const signal of ["SIGINT", "SIGTERM", undefined] as const) {
    const process = command("objects", "client", { args: ["--port", String(server.port)] }, []).spawn();
    await process.stdin.close();
    const output = process.stdout.getReader();
    // It has begun to print the object, which does not fit into the pipe.
    assertEquals((await output.read()).done, false);
    if (signal === undefined) await output.cancel();
    else process.kill(signal);
    const { code } = await within(process.status, "the client's end");
    const stderr = await new Response(process.stderr).text();
    const words = signal === undefined ? "Standard output was closed before everything was written" : "Interrupted";
    assertEquals([code, stderr], [1, `objects:client: ${words}\n`]);
    await output.cancel();
  }
});

Deno.test("repr() in pieces is the same text, wherever a piece ends", () => {
  for (let length = CHUNK_LENGTH - 3; length < CHUNK_LENGTH + 3; length++) {
    const text = "a".repeat(length) + "\u{1f600}".repeat(CHUNK_LENGTH);
    assertEquals(repr(text), `'${text}'`);
    for (const chunk of textChunks(text)) assert(chunk.isWellFormed());
    assertEquals(Array.from(textChunks(text)).join(""), text);
  }
});
