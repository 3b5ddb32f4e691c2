import { assert, assertEquals, assertRejects } from "@std/assert";
import { decimalHeader, FramingError, lines, text } from "@wirebench/wirebench/framing";
import { Connection, ConnectionError, connectTcp, framed, serveTcp } from "@wirebench/wirebench/net";
import { bytes, headed, RawPeer, stubSocket, textOf, within } from "../harness.ts";
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

Deno.test("a loop that awaits the answer to each message writes the answers to one read together", async () => {
  const written: string[] = [];
  const chunks = ["one\ntwo\nthree\n", "four\n"];
  const socket = stubSocket({
    read(buffer) {
      const chunk = chunks.shift();
      if (chunk !== undefined) buffer.set(bytes(chunk));
      return Promise.resolve(chunk?.length ?? null);
    },
    write(chunk) {
      written.push(textOf(chunk));
      return Promise.resolve(chunk.length);
    },
  });
  using connection = new Connection(socket);
  const messages = framed(connection, text(lines()));
  for await (const line of messages) await messages.send(line.toUpperCase());
  assertEquals(written, ["ONE\nTWO\nTHREE\n", "FOUR\n"]);
});

Deno.test("an answer is on its way although its handler waits for something else before the next message", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  await peer.send("one\ntwo\n");
  for await (const line of messages) {
    await messages.send(line.toUpperCase());
    assertEquals(await peer.receive(4), `${line.toUpperCase()}\n`);
    if (line === "two") break;
  }
});

Deno.test("what a handler has sent is written although it returns while more messages wait", async () => {
  await using server = serveTcp({}, async (connection) => {
    const messages = framed(connection, text(lines()));
    for await (const line of messages) {
      await messages.send(line.toUpperCase());
      if (line === "two") return;
    }
  });
  using peer = await RawPeer.connect(server.addr.port);
  await peer.send("one\ntwo\nthree\nfour\n");
  assertEquals(await peer.receiveAll(), "ONE\nTWO\n");
  // Also when the peer has ended its side before.
  using other = await RawPeer.connect(server.addr.port);
  await other.send("one\ntwo\nthree\n");
  await other.end();
  assertEquals(await other.receiveAll(), "ONE\nTWO\n");
});

Deno.test("send() fails once the connection has ended, also while messages wait to be received", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  await peer.send("one\ntwo\n");
  assertEquals(await messages.receive(), "one");
  messages.connection.close();
  await assertRejects(() => messages.send("late"), ConnectionError);
  await assertRejects(() => messages.send("a line\nand another"), FramingError);
});

Deno.test("concurrent receive() calls get the messages in the order of the calls", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  const five = Promise.all(Array.from({ length: 5 }, () => messages.receive()));
  await peer.send("a\nb\nc\n");
  await peer.send("d\ne\nf\n");
  assertEquals(await within(five, "five messages"), ["a", "b", "c", "d", "e"]);
  assertEquals(await messages.receive(), "f");
});

Deno.test("requests in one turn get their answers in order", async () => {
  await using server = serveTcp({}, async (connection) => {
    const messages = framed(connection, text(lines()));
    for await (const line of messages) await messages.send(line.toUpperCase());
  });
  using connection = await connectTcp({ port: server.addr.port });
  const messages = framed(connection, text(lines()));
  const answers = Promise.all(["a", "b", "c", "d", "e"].map((line) => messages.request(line)));
  assertEquals(await within(answers, "five answers"), ["A", "B", "C", "D", "E"]);
});
