import { assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { encodePickle } from "@wirebench/wirebench/framing";
import { bytes, fakeServer, headed, runClient, ServerProcess } from "./harness.ts";

/** First bytes of programs, and what they look like. */
const OPENINGS: Record<string, [opening: Uint8Array, looksLike: string]> = {
  browser: [bytes("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "an HTTP request"],
  tls: [concat([Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), new Uint8Array(506).fill(0xe5)]), "a TLS hello"],
  ssh: [bytes("SSH-2.0-OpenSSH_9.2\r\n"), "an SSH greeting"],
  pickle: [encodePickle(new Map([[1, "Hey"], [2, "There"]])), "a pickle"],
  chat: [headed("alice"), "a decimal length header"],
  lines: [bytes("Hello server!\n"), "a line of text"],
  sixteen: [bytes("Hi there, server"), "text"],
  bigEndian: [Uint8Array.of(0, 0, 0, 5, ...bytes("hello")), "a length of 4 bytes, the most significant first"],
  littleEndian: [Uint8Array.of(5, 0, 0, 0, ...bytes("hello")), "a length of 4 bytes, the least significant first"],
};

/** Openings that each server cannot tell from its own messages. */
const SERVERS: Record<string, string[]> = {
  // 16 bytes of anything are a message.
  sixteen: ["browser", "tls", "ssh", "pickle", "sixteen"],
  // Text may be the beginning of a message.
  fixed: ["sixteen"],
  // Any lines of text, and binary bytes that happen to be UTF-8.
  delimited: ["browser", "ssh", "chat", "lines", "sixteen", "bigEndian", "littleEndian"],
  lines: ["browser", "ssh", "chat", "lines", "sixteen", "bigEndian", "littleEndian"],
  tagged: [],
  chat: ["chat"],
};

for (const [service, own] of Object.entries(SERVERS)) {
  Deno.test(`${service}:server reports which protocol a wrong peer seems to speak`, async () => {
    await using server = await ServerProcess.start(service);
    for (const [name, [opening, looksLike]] of Object.entries(OPENINGS)) {
      using peer = await server.connect();
      await peer.send(opening);
      await peer.end();
      await peer.receiveAll();
      const { reason, detail } = await server.logged(new RegExp(`^${peer.address} closed`));
      if (own.includes(name)) {
        assertEquals(String(detail).includes("looks like"), false, `${name}: ${detail}`);
      } else {
        assertMatch(String(reason), /^(malformed|truncated|too long)$/, name);
        assertEquals(String(detail).split("; it looks like ")[1], looksLike, `${name}: ${detail}`);
      }
    }
  });
}

Deno.test("a server recognises the protocol of a peer that writes byte by byte", async () => {
  await using server = await ServerProcess.start("fixed");
  using peer = await server.connect();
  for (const character of "GET / HTTP/1.1") await peer.send(character);
  await peer.end();
  await peer.receiveAll();
  assertMatch(String((await server.logged(/closed/)).detail), /got 14; it looks like an HTTP request$/);
});

Deno.test("a server recognises protocols at the beginning of a stream only", async () => {
  await using server = await ServerProcess.start("tagged");
  using peer = await server.connect();
  await peer.send("Afour");
  await peer.receive(5);
  await peer.send("GET / HTTP/1.1\r\n\r\n");
  await peer.receiveAll();
  assertMatch(String((await server.logged(/closed/)).detail), /at byte 5: .* got "G"$/);
});

Deno.test("clients report which protocol a wrong server seems to speak", async () => {
  const http = bytes("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  const alert = Uint8Array.of(0x15, 3, 3, 0, 2, 2, 0x46);
  const cases: [client: string, args: string[], answer: Uint8Array, looksLike: RegExp][] = [
    ["chat", ["--name", "alice"], http, /looks like an HTTP response$/m],
    ["chat", ["--name", "alice"], alert, /looks like a TLS alert$/m],
    ["clock", [], http, /looks like an HTTP response$/m],
    ["clock", [], alert, /looks like a TLS alert$/m],
    ["objects", [], bytes("Hello Node!\n"), /looks like a line of text$/m],
    ["objects", [], alert, /looks like a TLS alert$/m],
    ["sixteen", [], alert, /looks like a TLS alert$/m],
    ["fixed", [], http, /looks like an HTTP response$/m],
    ["tagged", [], http, /looks like an HTTP response$/m],
    ["tagged", [], headed("Welcome to the server!"), /looks like a decimal length header$/m],
  ];
  for (const [client, args, answer, looksLike] of cases) {
    await using server = fakeServer(async (peer) => {
      await peer.send(answer);
      await peer.end();
      await peer.receiveAll();
    });
    const { code, stderr } = await runClient(client, ["--port", String(server.port), ...args]);
    assertMatch(stderr, looksLike, `${client}: ${stderr}`);
    assertEquals(code, 1);
  }
});
