import { assert, assertEquals, assertRejects } from "@std/assert";
import { decimalHeader, lines, text } from "@wirebench/wirebench/framing";
import { ConnectionError, framed } from "@wirebench/wirebench/net";
import { headed, RawPeer, textOf } from "../harness.ts";
import { oneConnection } from "./_one_connection.ts";

Deno.test("framed() delivers messages before an error, then the error, and batches what one read completes", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(decimalHeader()));
  await peer.send(textOf(headed("a")) + textOf(headed("b")) + textOf(headed("c")));
  assertEquals(await messages.receive(), "a");
  assertEquals(await messages.receiveBatch(), ["b", "c"]);
  await peer.send(textOf(headed("d")) + "no header here");
  assertEquals(await messages.receive(), "d");
  await assertRejects(() => messages.receive(), Error, "Malformed message at byte 44");
});

Deno.test("a read of many tiny messages is handed out in batches, and none is lost", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  const count = 300_000;
  const sending = peer.send("\n".repeat(count - 1) + "last\n").then(() => peer.end());
  let received = 0;
  let last: string[] = [];
  for (let batch; (batch = await messages.receiveBatch()).length > 0;) {
    assert(batch.length <= 32 * 1024, `${batch.length} messages at once`);
    received += batch.length;
    last = batch;
  }
  await sending;
  assertEquals([received, last.at(-1)], [count, "last"]);
});

Deno.test("a message that trickles in byte by byte has one deadline in all", async () => {
  await using server = oneConnection({ messageTimeout: 300, idleTimeout: 10_000 });
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(decimalHeader()));
  const receiving = assertRejects(() => messages.receive(), ConnectionError, "did not end within 0.3 s");
  const dribbling = setInterval(() => peer.send(" ").catch(() => clearInterval(dribbling)), 50);
  assertEquals((await receiving).reason, "too slow");
  clearInterval(dribbling);
});

Deno.test("the first message has its own deadline", async () => {
  await using server = oneConnection({ firstMessageTimeout: 100 });
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, lines());
  assertEquals((await assertRejects(() => messages.receive(), ConnectionError)).reason, "idle");
  assertEquals(await peer.receiveAll(), "");
});

Deno.test("every way to read from an ended connection reports its end", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  await peer.send("one\n");
  await peer.end();
  assertEquals([await messages.receive(), await messages.receive(), await messages.receive()], [
    "one",
    undefined,
    undefined,
  ]);
  for await (const message of messages) throw new Error(`${message} after the end`);
  assertEquals(await messages.receiveBatch(), []);
});
