import { assertEquals, assertRejects } from "@std/assert";
import { Connection, ConnectionError, connectTcp } from "@wirebench/wirebench/net";
import { bytes, RawPeer, stubSocket, textOf } from "../harness.ts";
import { oneConnection } from "./_one_connection.ts";

Deno.test("write() completes partial writes, and never interleaves two writers", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const parts = ["a", "b", "c", "d"].map((letter) => bytes(letter.repeat(3_000_000)));
  const writing = Promise.all(parts.map((part) => connection.write(part)));
  for (const part of parts) assertEquals(await peer.receive(part.length), textOf(part));
  await writing;
});

Deno.test("closeWrite() waits for pending writes, and the other direction stays open", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const written = [
    connection.write(bytes("first ")),
    connection.write(bytes("second ")),
    connection.write(bytes("third")),
  ];
  const ended = connection.closeWrite();
  assertEquals(await peer.receiveAll(), "first second third");
  await Promise.all([...written, ended]);
  await peer.send("still open");
  assertEquals(textOf((await connection.readChunk())!), "still open");
  const refused = await assertRejects(() => connection.write(bytes("late")), ConnectionError);
  assertEquals(refused.message, "This side has ended, nothing more can be written");
});

Deno.test("a peer that does not read is too slow", async () => {
  await using server = oneConnection({ writeTimeout: 200 });
  using _peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const error = await assertRejects(() => connection.write(new Uint8Array(50_000_000)), ConnectionError);
  assertEquals([error.reason, connection.reason, connection.signal.aborted], ["too slow", "too slow", true]);
});

Deno.test("writes that nobody awaits are limited while the peer does not read", async () => {
  const connection = new Connection(stubSocket({ write: (_, closed) => closed }), { maxQueue: 1000 });
  const writes = [1, 400, 400, 201].map((length) => connection.write(new Uint8Array(length)));
  for (const write of writes) {
    const error = await assertRejects(() => write, ConnectionError, "More than 1000 bytes wait for the peer to read");
    assertEquals(error.reason, "too slow");
  }
  await assertRejects(() => connection.write(new Uint8Array(1)), ConnectionError, "More than 1000 bytes");
});

Deno.test("a read from a closed connection fails and leaves no timer", async () => {
  await using server = oneConnection();
  const connection = await connectTcp({ port: server.port });
  connection.close();
  await assertRejects(() => connection.readChunk(), ConnectionError, "The connection is closed");
});

Deno.test("every connection disables Nagle's algorithm", () => {
  const calls: boolean[] = [];
  using _connection = new Connection(stubSocket({ setNoDelay: (on) => calls.push(on) }));
  assertEquals(calls, [true]);
});

Deno.test("a connection keeps its first reason whatever happens while it closes", async () => {
  const connection = new Connection(stubSocket({ read: () => Promise.reject(new Deno.errors.ConnectionReset()) }));
  const { signal } = connection;
  await connection.finish("malformed");
  assertEquals([connection.reason, signal.reason.reason], ["malformed", "malformed"]);
  const silent = new Connection(stubSocket(), { lingerTimeout: 20 });
  await silent.finish();
  assertEquals(silent.reason, "finished");
});

Deno.test("a connection without deadlines waits until the peer sends", async () => {
  await using server = oneConnection({ idleTimeout: Infinity, drainTimeout: Infinity });
  using connection = await connectTcp({ port: server.port, connectTimeout: Infinity, idleTimeout: 1e15 });
  const reading = connection.readChunk();
  await (await server.connection).write(bytes("late"));
  assertEquals(textOf((await reading)!), "late");
});

Deno.test("messages as long as the first buffer make it grow once, and never shrink and grow again", async () => {
  await using server = oneConnection();
  using peer = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const connection = await server.connection;
  const buffers = new Set<ArrayBufferLike>();
  for (let count = 0; count < 200; count++) {
    await peer.write(new Uint8Array(1024));
    for (let received = 0; received < 1024;) {
      const chunk = (await connection.readChunk())!;
      received += chunk.length;
      buffers.add(chunk.buffer);
    }
  }
  assertEquals([...buffers].map(({ byteLength }) => byteLength), [1024, 4096]);
});
