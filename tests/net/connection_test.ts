import { assert, assertEquals, assertRejects } from "@std/assert";
import { FrameDecoderStream, lines, text } from "@wirebench/wirebench/framing";
import { Connection, ConnectionError, connectTcp } from "@wirebench/wirebench/net";
import { bytes, fakeServer, RawPeer, stubSocket, textOf, until, untilStill, within } from "../harness.ts";
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
    const error = await assertRejects(
      () => write,
      ConnectionError,
      "1001 bytes wait to be written, more than maxQueue (1000)",
    );
    assertEquals(error.reason, "failed");
  }
  await assertRejects(() => connection.write(new Uint8Array(1)), ConnectionError, "1001 bytes");
});

Deno.test("a program that sends 10,000 messages without waiting learns that it did, not that its peer was slow", async () => {
  let received = 0;
  await using server = fakeServer(async ({ socket }) => {
    const buffer = new Uint8Array(65_536);
    for (let length; (length = await socket.read(buffer)) !== null;) received += length;
  });
  using connection = await connectTcp({ port: server.port });
  const writes = Array.from({ length: 10_000 }, () => connection.write(new Uint8Array(2000)));
  const error = await assertRejects(
    () => writes[1]!,
    ConnectionError,
    "The program did not await write(): 16778000 bytes",
  );
  await Promise.allSettled(writes);
  assertEquals(error.reason, "failed");
  assert(received < 16_777_216);
});

Deno.test("a peer that stops reading is slow, also when the program does not await its writes", async () => {
  await using server = fakeServer((_, held) => held);
  using connection = await connectTcp({ port: server.port, writeTimeout: 6000, maxQueue: 500 });
  const stuck = assertRejects(() => connection.write(new Uint8Array(50_000_000)), ConnectionError);
  await until(() => {
    if (connection.reason === undefined) connection.write(Uint8Array.of(1)).catch(() => {});
    return connection.reason !== undefined;
  }, "the end of the connection");
  const { reason, message } = await stuck;
  assertEquals([reason, message], [
    "too slow",
    "The peer does not read: 501 bytes wait to be written, more than maxQueue (500)",
  ]);
});

Deno.test("drained() resolves when nothing waits, and rejects when the connection ends", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  await connection.drained();
  connection.queue(bytes("queued "));
  const writing = connection.write(new Uint8Array(10_000_000));
  connection.queue(bytes("last"));
  assert(connection.queued > 10_000_000);
  const receiving = peer.receive(7 + 10_000_000 + 4);
  await connection.drained();
  assertEquals(connection.queued, 0);
  await writing;
  assert((await receiving).endsWith("last"));
  const stuck = connection.write(new Uint8Array(50_000_000)).catch(() => {});
  const drained = assertRejects(() => connection.drained(), ConnectionError, "enough");
  connection.close("shutdown", "enough");
  await Promise.all([drained, stuck]);
});

Deno.test("the time for the first message counts from the beginning of the connection, not from the first read", async () => {
  await using server = fakeServer((_, held) => held);
  const socket = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const { now } = performance;
  performance.now = () => now.call(performance) - 60_000;
  using connection = new Connection(socket, { firstMessageTimeout: 60_000 });
  performance.now = now;
  const reading = assertRejects(() => connection.readChunk("first message"), ConnectionError, "Nothing came for 60 s");
  assertEquals((await within(reading, "the deadline")).reason, "idle");
});

Deno.test("bytes that came in time are read when the time for the first message has passed", async () => {
  await using server = oneConnection({ firstMessageTimeout: 100 });
  using peer = await RawPeer.connect(server.port);
  await peer.send("in time");
  const connection = await server.connection;
  const began = performance.now();
  await until(() => performance.now() - began > 150, "the deadline to pass");
  assertEquals(textOf((await connection.readChunk("first message"))!), "in time");
});

Deno.test("streams keep half-closes in both directions, and go on where readChunk() stopped", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  await peer.send("12");
  assertEquals(await connection.read(new Uint8Array(1)), 1);
  const messages = connection.readable.pipeThrough(new FrameDecoderStream(text(lines())));
  const writer = connection.writable.getWriter();
  await writer.write(bytes("all"));
  await writer.close();
  assertEquals(await peer.receiveAll(), "all");
  await peer.send("\nafter the end\n");
  await peer.end();
  assertEquals(await Array.fromAsync(messages), ["2", "after the end"]);
  assertEquals(connection.reason, undefined);
});

Deno.test("a writable stream goes on after the peer's end", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  await peer.end();
  assertEquals(await Array.fromAsync(connection.readable), []);
  await new Blob(["answer"]).stream().pipeTo(connection.writable);
  assertEquals(await peer.receiveAll(), "answer");
});

Deno.test("a stream that nobody reads slows the peer down, and one that the peer does not read slows its source", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const { readable } = connection;
  let sent = 0;
  const sending = (async () => {
    for (; sent < 500; sent++) await peer.send(new Uint8Array(1_000_000));
  })().catch(() => {});
  let pulled = 0;
  const source = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000_000).fill(++pulled)),
  }, { highWaterMark: 0 });
  const piping = assertRejects(() => source.pipeTo(connection.writable), ConnectionError, "enough");
  await untilStill(() => sent + pulled);
  assert(sent < 100 && pulled < 100, `${sent} MB were taken in, ${pulled} MB out`);
  connection.close("shutdown", "enough");
  await Promise.all([sending, piping, assertRejects(() => readable.getReader().read(), ConnectionError, "enough")]);
});

Deno.test("leaving a loop over a readable stream only stops reading", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  await peer.send("first");
  for await (const chunk of connection.readable) {
    assertEquals(textOf(chunk), "first");
    break;
  }
  await connection.write(bytes("go on"));
  assertEquals(await peer.receive(5), "go on");
  await peer.send("second");
  assertEquals(textOf((await connection.readChunk())!), "second");
});

Deno.test("aborting a writable stream closes the connection at once, even during a write", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const writer = connection.writable.getWriter();
  const why = new Error("the disk is full");
  const writing = assertRejects(() => writer.write(new Uint8Array(50_000_000)), Error, "the disk is full");
  await Promise.all([within(writer.abort(why), "the abort"), writing]);
  const { cause } = connection.signal.reason;
  assertEquals([connection.reason, cause], ["shutdown", why]);
  assert((await peer.receiveAll()).length < 50_000_000);
});

Deno.test("a writable stream errors when the connection ends", async () => {
  await using server = oneConnection();
  using _peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const { closed } = connection.writable.getWriter();
  connection.close("shutdown", "enough");
  await assertRejects(() => within(closed, "the stream's end"), ConnectionError, "enough");
});

Deno.test("await using closes a connection once everything written has arrived", async () => {
  const received = Promise.withResolvers<number>();
  await using server = fakeServer(async (peer) => {
    await peer.send("an answer that nobody reads");
    received.resolve((await peer.receiveAll()).length);
  });
  let reason;
  {
    // Longer than it takes to send all: only the peer's end may take that long.
    await using connection = await connectTcp({ port: server.port, lingerTimeout: 60_000 });
    for (let count = 0; count < 10; count++) connection.queue(new Uint8Array(1_000_000));
    reason = () => connection.reason;
  }
  assertEquals([await within(received.promise, "all bytes"), reason()], [10_000_000, "finished"]);
});

Deno.test("await using waits for a slow reader as long as writes do, and fails if bytes are lost", async () => {
  const release = Promise.withResolvers<void>();
  const received = Promise.withResolvers<number>();
  await using server = fakeServer(async (peer) => {
    await release.promise;
    received.resolve((await peer.receiveAll()).length);
  });
  const slow = await connectTcp({ port: server.port, lingerTimeout: 20 });
  slow.queue(new Uint8Array(10_000_000));
  const closing = slow[Symbol.asyncDispose]();
  await untilStill(() => slow.queued);
  release.resolve();
  assertEquals(await within(received.promise, "all bytes"), 10_000_000);
  await closing;

  await using deaf = fakeServer((_, held) => held);
  const lossy = await connectTcp({ port: deaf.port, writeTimeout: 100 });
  lossy.queue(new Uint8Array(10_000_000));
  const error = await assertRejects(async () => await lossy[Symbol.asyncDispose](), ConnectionError);
  assertEquals(error.reason, "too slow");
  await lossy[Symbol.asyncDispose]();
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

Deno.test("a read that is pending when the connection finishes gets its own bytes", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const reading = connection.readChunk();
  const finishing = connection.finish();
  await peer.send("a".repeat(1024));
  await peer.send("b".repeat(1024));
  await peer.end();
  assertEquals(textOf((await reading)!), "a".repeat(1024));
  await finishing;
});
