// The judge names the cause, and does not blame a program for what follows from it.

import { createServer } from "node:net";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Finding, judge } from "@wirebench/wirebench/judge";
import { fakeServer, type RawPeer } from "../harness.ts";

function wrongOnes(findings: Finding[]): Finding[] {
  return findings.filter(({ verdict }) => verdict === "wrong");
}

/** Calls `take` with each read, until the end or until it returns false. */
async function reads(peer: RawPeer, take: (text: string) => Promise<boolean | void>): Promise<void> {
  const buffer = new Uint8Array(65_536);
  for (let count; (count = await peer.socket.read(buffer)) !== null;) {
    if (await take(new TextDecoder().decode(buffer.subarray(0, count))) === false) return;
  }
}

Deno.test("the judge blames a server that never closes for that only", async () => {
  await using server = fakeServer(async (peer, held) => {
    let rest = "";
    await reads(peer, async (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      const last = lines.findIndex((line) => line.trimEnd() === "STOP");
      const count = last === -1 ? lines.length : last + 1;
      if (count > 0) await peer.send("Hello Node!\n".repeat(count));
      return last === -1;
    });
    await held;
  });
  const only = ["plain", "two-at-once", "half-close", "stop", "stop-crlf", "stop-end", "empty", "crlf", "crlf-cut"];
  const wrong = wrongOnes(await judge("lines", { port: server.port, timeout: 1000, only }));
  assertEquals(wrong.map((finding) => finding.case), ["half-close", "stop-end"]);
  for (const { said } of wrong) assertMatch(said, /A program that does not close the socket, /);
});

Deno.test("the judge blames a server that takes one recv for one line for that only", async () => {
  await using server = fakeServer((peer) => reads(peer, (text) => peer.send(`${text.replace(/\r?\n$/, "")}\n`)));
  const findings = await judge("delimited", { port: server.port, timeout: 1000 });
  const [first, ...others] = wrongOnes(findings);
  assertEquals(first?.case, "byte-by-byte");
  const follow = ["character-cut", "crlf", "crlf-cut", "empty", "half-close", "last-line", "without-reading"];
  assertEquals(others.filter((finding) => follow.includes(finding.case)), []);
});

Deno.test("the judge says once that a server does not speak the protocol, and does not call it gone", async () => {
  await using server = fakeServer((peer) => reads(peer, (text) => peer.send(text.toUpperCase())));
  const [plain, ...others] = await judge("echo", { port: server.port });
  assertMatch(plain!.said, /^I sent 12 bytes, "Hello, world"; byte 2 of 12 you answered is wrong/);
  assertEquals(new Set(others.map(({ said }) => said)), new Set(["It needs what the case plain is about."]));
});

Deno.test("the judge sees that a server answers sixteen bytes before they have come", async () => {
  await using server = fakeServer((peer, held) =>
    reads(peer, async () => {
      await peer.send("Farewell, client");
      await peer.socket.closeWrite();
      await held;
    })
  );
  const findings = await judge("sixteen", { port: server.port, only: ["byte-by-byte"] });
  assertMatch(findings[0]!.said, /; you answered after 1 of 16 bytes\. A program that takes one recv for one message/);
});

Deno.test("the judge sees that a server keeps any number of answers that nobody reads", async () => {
  const server = createServer((socket) => {
    socket.on("data", (chunk) => socket.write(chunk)).on("error", () => {});
  });
  const port = await new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port))
  );
  try {
    const [unread] = await judge("echo", { port, only: ["unread"] });
    assertEquals([unread!.verdict, unread!.level], ["wrong", "should"], unread!.said);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

Deno.test("the judge says that an echo server strips whitespace, in each case that shows it", async () => {
  await using server = fakeServer((peer) => reads(peer, (text) => peer.send(text.trim())));
  const findings = await judge("echo", {
    port: server.port,
    only: ["plain", "byte-by-byte", "long-message"],
    timeout: 1000,
  });
  const [byteByByte, long] = wrongOnes(findings);
  for (const finding of [byteByByte!, long!]) {
    assertMatch(finding.said, /A program that strips whitespace, which belongs to the message, does this\.$/);
  }
});

Deno.test("the judge says what a server waits for that answers nothing at first", async () => {
  await using server = fakeServer(async (peer) => await peer.send(await peer.receiveAll()));
  const [plain] = await judge("echo", { port: server.port, only: ["plain"], timeout: 500 });
  assertMatch(
    plain!.said,
    /; you sent nothing within 0\.5 s\. A program that waits for more than the protocol asks for, /,
  );
});

Deno.test("the judge says that a server sends one client's answer to another one", async () => {
  const peers = new Set<RawPeer>();
  await using server = fakeServer(async (peer) => {
    peers.add(peer);
    await reads(peer, async (text) => {
      for (const each of peers) await each.send(text).catch(() => {});
    });
    peers.delete(peer);
  });
  const findings = await judge("echo", { port: server.port, only: ["plain", "silent-beside"] });
  const [beside] = wrongOnes(findings);
  assertEquals(beside?.case, "silent-beside");
  assertMatch(beside!.said, /^I connected and sent nothing; you sent 12 bytes too many: "Hello, world"\. /);
});

Deno.test("the judge does not call a server right that reads an endless message for longer than the judge waits", async () => {
  await using server = fakeServer((peer) =>
    reads(peer, async () => await new Promise((resolve) => setTimeout(resolve, 5)))
  );
  const [endless] = await judge("delimited", { port: server.port, timeout: 800, only: ["endless"] });
  // On a busy machine it reads too little to be judged.
  assert(endless!.verdict !== "right");
});
