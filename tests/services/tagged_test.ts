import { assertEquals, assertMatch } from "@std/assert";
import { fakeServer, runClient, ServerProcess } from "../harness.ts";

Deno.test("tagged:server ends a connection at an unknown type, since nothing after it can be understood", async () => {
  await using server = await ServerProcess.start("tagged");
  using peer = await server.connect();
  await peer.send("AfourDdon't understand me");
  assertEquals(await peer.receiveAll(), "Afour");
  const { detail } = await server.logged(/closed: malformed/);
  assertEquals(detail, 'Malformed message at byte 5: expected one of the types A, B, C, got "D"');
  using half = await server.connect();
  await half.send("Afo");
  await half.end();
  await half.receiveAll();
  assertMatch(String((await server.logged(/closed: truncated/)).detail), /expected 4 bytes, got 2$/);
});

Deno.test("tagged:client sends one message of each type, or what it is given", async () => {
  await using server = await ServerProcess.start("tagged");
  const port = ["--port", String(server.port)];
  const { code, stdout, stderr } = await runClient("tagged", port);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /^A:.{4}\nB:.{16}\nC:.{300}\n$/);
  assertEquals((await runClient("tagged", [...port, "A:a:b:", "A:ëë"])).stdout, "A:a:b:\nA:ëë\n");
});

Deno.test("tagged:client rejects invalid messages before it connects", async () => {
  const wrong: [operand: string, words: RegExp][] = [
    ["A:abc", /Cannot encode type "A": expected 4 bytes, got 3/],
    ["D:abcd", /Cannot encode type "D": expected one of A, B, C/],
    [":abcd", /Cannot encode type "": expected one of A, B, C/],
    ["four", /Expected TYPE:TEXT, got "four"/],
  ];
  for (const [operand, words] of wrong) {
    const { code, stderr } = await runClient("tagged", ["--port", "9", "A:fine", operand]);
    assertMatch(stderr, words);
    assertEquals(code, 2);
  }
});

Deno.test("tagged:client fails at an answer of an unknown type", async () => {
  await using server = fakeServer((peer, held) => peer.send("Z").then(() => held));
  const result = await runClient("tagged", ["--port", String(server.port)]);
  assertMatch(
    result.stderr,
    /^tagged:client: Malformed message at byte 0: expected one of the types A, B, C, got "Z"\n$/,
  );
  assertEquals(result.code, 1);
});
