import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { decimalHeader, lines, text } from "@wirebench/wirebench/framing";
import {
  after,
  Broadcast,
  Connection,
  ConnectionError,
  connectTcp,
  connectUdp,
  formatAddress,
  framed,
  isLoopback,
  type ListenAddress,
  resolveUdp,
  serveTcp,
  serveUdp,
  type Subscriber,
} from "@wirebench/wirebench/net";
import { bytes, headed, RawPeer, stubSocket, textOf, untilNobodyListens, within } from "../harness.ts";

/** Serves one connection and hands it to the test, which ends the handler by resolving `done`. */
function oneConnection(
  options = {},
): AsyncDisposable & { port: number; connection: Promise<Connection>; done: () => void } {
  const accepted = Promise.withResolvers<Connection>();
  const done = Promise.withResolvers<void>();
  const server = serveTcp(options, (connection) => {
    accepted.resolve(connection);
    return done.promise;
  });
  return {
    port: server.addr.port,
    connection: accepted.promise,
    done: done.resolve,
    async [Symbol.asyncDispose]() {
      done.resolve();
      await server.shutdown();
    },
  };
}

Deno.test("write() finishes partial writes, and never mixes the bytes of two writers", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const parts = ["a", "b", "c", "d"].map((letter) => bytes(letter.repeat(3_000_000)));
  const writing = Promise.all(parts.map((part) => connection.write(part)));
  for (const part of parts) assertEquals(await peer.receive(part.length), textOf(part));
  await writing;
});

Deno.test("closeWrite() comes after everything that was to be written, and the other side can go on", async () => {
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

Deno.test("a message that comes a byte at a time, but too slowly in all, is too slow", async () => {
  await using server = oneConnection({ messageTimeout: 300, idleTimeout: 10_000 });
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(decimalHeader()));
  const receiving = assertRejects(() => messages.receive(), ConnectionError, "did not end within 0.3 s");
  const dribbling = setInterval(() => peer.send(" ").catch(() => clearInterval(dribbling)), 50);
  assertEquals((await receiving).reason, "too slow");
  clearInterval(dribbling);
});

Deno.test("the first message has a deadline of its own", async () => {
  await using server = oneConnection({ firstMessageTimeout: 100 });
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, lines());
  assertEquals((await assertRejects(() => messages.receive(), ConnectionError)).reason, "idle");
  assertEquals(await peer.receiveAll(), "");
});

Deno.test("the last answer arrives although the client sent more than was read", async () => {
  await using server = serveTcp({}, async (connection) => {
    await connection.read(new Uint8Array(1));
    await connection.write(bytes("Farewell"));
  });
  for (let round = 0; round < 20; round++) {
    using peer = await RawPeer.connect(server.addr.port);
    await peer.send("x".repeat(100_000));
    assertEquals(await peer.receiveAll(), "Farewell");
  }
});

Deno.test("an error in a handler ends its connection alone", async () => {
  let first = true;
  await using server = serveTcp({}, async (connection) => {
    if (first) {
      first = false;
      throw new Error("a mistake");
    }
    await connection.write(bytes("well"));
  });
  using broken = await RawPeer.connect(server.addr.port);
  assertEquals(await broken.receiveAll(), "");
  using fine = await RawPeer.connect(server.addr.port);
  assertEquals(await fine.receiveAll(), "well");
  assertEquals(server.closed.get("failed"), 1);
});

Deno.test("shutdown() aborts after its deadline what does not finish, and reports it", async () => {
  const server = serveTcp({ drainTimeout: 100 }, async (connection) => {
    while (await connection.readChunk() !== null) { /* reads to the end */ }
  });
  using staying = await RawPeer.connect(server.addr.port);
  using leaving = await RawPeer.connect(server.addr.port);
  await staying.send("here");
  await leaving.send("here");
  while (server.connections < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  const report = server.shutdown();
  await leaving.end();
  assertEquals(await report, { finished: 1, aborted: 1 });
  assertEquals(await server.shutdown(), { finished: 1, aborted: 1 });
  assertEquals(await staying.receiveAll(), "");
  await server.finished;
});

Deno.test("a server's signal cuts everything at once", async () => {
  const controller = new AbortController();
  const server = serveTcp({ signal: controller.signal }, async (connection) => {
    await connection.readChunk();
  });
  using peer = await RawPeer.connect(server.addr.port);
  while (server.connections < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  controller.abort();
  await server.finished;
  assertEquals(await peer.receiveAll(), "");
  assertEquals([...server.closed], [["shutdown", 1]]);
});

Deno.test("a port in use and options out of range are refused at once", async () => {
  await using server = serveTcp({}, () => {});
  assertThrows(() => serveTcp({ port: server.addr.port }, () => {}), Deno.errors.AddrInUse);
  assertThrows(() => serveTcp({ idleTimeout: 0 }, () => {}), RangeError, "Cannot use idleTimeout 0");
  assertThrows(() => serveTcp({ messageTimeout: NaN }, () => {}), RangeError);
  for (const maxConnections of [0, -1, 1.5, NaN]) {
    assertThrows(() => serveTcp({ maxConnections }, () => {}), RangeError, "Cannot use maxConnections");
  }
});

Deno.test("connectTcp() gives up in time, and when it is told to", async () => {
  // A listener whose backlog is full answers no more.
  const full = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = full.addr;
  const waiting: Deno.TcpConn[] = [];
  try {
    for (let count = 0; count < 3; count++) {
      const signal = AbortSignal.timeout(200);
      waiting.push(await Deno.connect({ hostname: "127.0.0.1", port, signal }));
    }
  } catch {
    // Full.
  }
  const error = await assertRejects(() => connectTcp({ port, connectTimeout: 100 }), ConnectionError);
  assertEquals(error.message, `No answer from 127.0.0.1:${port} within 0.1 s`);
  const controller = new AbortController();
  const connecting = connectTcp({ port, signal: controller.signal });
  controller.abort(new Error("enough"));
  await assertRejects(() => connecting, Error, "enough");
  for (const socket of waiting) socket.close();
  full.close();
});

Deno.test("a connection closes when its signal says so, and forgets the signal when it has closed", async () => {
  await using server = oneConnection();
  const controller = new AbortController();
  using connection = await connectTcp({ port: server.port, signal: controller.signal });
  const reading = assertRejects(() => connection.readChunk(), ConnectionError, "Interrupted");
  controller.abort();
  assertEquals((await reading).reason, "shutdown");
});

Deno.test("framed() gives what was complete before an error, then the error, and batches what one read completes", async () => {
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

Deno.test("Broadcast skips a subscriber's own messages, across segments and for those that join late", async () => {
  const room = new Broadcast({ segmentSize: 64 });
  const members: Subscriber[] = [];
  const joined = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  await using server = serveTcp({}, async (connection) => {
    members.push(room.subscribe(connection));
    const member = members.at(-1)!;
    joined[members.length - 1]!.resolve();
    await connection.readChunk();
    await member.leave();
  });
  using first = await RawPeer.connect(server.addr.port);
  await joined[0]!.promise;
  using second = await RawPeer.connect(server.addr.port);
  await joined[1]!.promise;
  const expected: [string, string, string] = ["", "", ""];
  for (let round = 0; round < 100; round++) {
    const sender = [members[0], members[1], undefined][round % 3];
    const message = `${round % 3}:${"x".repeat(round)};`;
    if (sender === undefined) room.publish([bytes(message.slice(0, 1)), bytes(message.slice(1))]);
    else sender.publish([bytes(message.slice(0, 1)), bytes(message.slice(1))]);
    for (const index of [0, 1] as const) if (round % 3 !== index) expected[index] += message;
    if (round % 7 === 0) await Promise.resolve();
  }
  using third = await RawPeer.connect(server.addr.port);
  await joined[2]!.promise;
  members[0]!.publish([bytes("late")]);
  expected[1] += "late";
  expected[2] += "late";
  for (const peer of [first, second, third]) await peer.end();
  assertEquals([await first.receiveAll(), await second.receiveAll(), await third.receiveAll()], expected);
  assertEquals(room.size, 0);
});

Deno.test("Broadcast closes who falls too far behind, and lets go of what everybody has read", async () => {
  const room = new Broadcast({ segmentSize: 100_000, maxLag: 1_000_000 });
  const reasons: unknown[] = [];
  const joined = Promise.withResolvers<void>();
  await using server = serveTcp({}, async (connection) => {
    room.subscribe(connection);
    if (room.size === 2) joined.resolve();
    await connection.readChunk().catch((error) => reasons.push(error.reason));
  });
  using _deaf = await RawPeer.connect(server.addr.port);
  using listener = await RawPeer.connect(server.addr.port);
  await joined.promise;
  const message = new Uint8Array(50_000).fill(0x78);
  for (let count = 0; count < 400; count++) {
    room.publish([message]);
    await listener.receive(message.length);
  }
  while (reasons.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals([reasons, room.size], [["too slow"], 1]);
});

Deno.test("serveUdp() goes on after an error in its handler and after an address it cannot answer", async () => {
  let failing = true;
  await using server = serveUdp({}, (datagram) => {
    if (!failing) return datagram;
    failing = false;
    throw new Error("a mistake");
  });
  using peer = await connectUdp({ port: server.addr.port });
  await peer.send(bytes("lost"));
  await server.send(bytes("nobody"), { transport: "udp", hostname: "127.0.0.1", port: 0 });
  await peer.send(bytes("answered"));
  assertEquals(textOf(await peer.receive()), "answered");
});

Deno.test("connectUdp() never shows datagrams of others, and gives up in time although they keep coming", async () => {
  const asked = Promise.withResolvers<Deno.NetAddr>();
  await using silent = serveUdp({}, (_, from) => asked.resolve(from));
  using peer = await connectUdp({ port: silent.addr.port });
  await peer.send(bytes("anybody there?"));
  const peerAddress = await asked.promise;
  const stranger = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const pestering = setInterval(() => void stranger.send(bytes("forged"), peerAddress), 20);
  const error = await assertRejects(() => peer.receive(200), ConnectionError);
  clearInterval(pestering);
  stranger.close();
  assertEquals(error.message, `No answer from 127.0.0.1:${silent.addr.port} within 0.2 s`);
});

Deno.test("addresses have one form", () => {
  assertEquals(formatAddress({ transport: "tcp", hostname: "127.0.0.1", port: 1 }), "127.0.0.1:1");
  assertEquals(formatAddress({ hostname: "::1", port: 1 }), "[::1]:1");
  assertEquals(formatAddress({ hostname: "::ffff:10.0.0.1", port: 1 }), "10.0.0.1:1");
  assertEquals(formatAddress({ transport: "unix", path: "/tmp/x" }), "/tmp/x");
  assertEquals(["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"].map(isLoopback), Array(5).fill(true));
  assertEquals(["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.com"].map(isLoopback), Array(4).fill(false));
});

Deno.test("resolveUdp() resolves names, and says which name does not resolve", async () => {
  assertEquals((await resolveUdp({ hostname: "localhost", port: 7 })).port, 7);
  const error = await within(resolveUdp({ hostname: "nobody.invalid", port: 7 }).catch((error) => error), "an answer");
  assert(error instanceof ConnectionError || error instanceof Deno.errors.NotCapable, String(error));
});

Deno.test("a subscriber that leaves without reading falls behind like any other", async () => {
  const room = new Broadcast({ segmentSize: 100_000, maxLag: 1_000_000 });
  const reason = Promise.withResolvers<unknown>();
  const left = Promise.withResolvers<void>();
  await using server = serveTcp({}, async (connection) => {
    const member = room.subscribe(connection);
    room.publish([new Uint8Array(20_000_000)]);
    await connection.readChunk();
    left.resolve();
    await member.leave();
    reason.resolve(connection.reason);
  });
  using deaf = await RawPeer.connect(server.addr.port);
  await deaf.end();
  await left.promise;
  for (let count = 0; count < 20; count++) room.publish([new Uint8Array(100_000)]);
  assertEquals([await reason.promise, room.size], ["too slow", 0]);
});

Deno.test("a connection that comes in the very moment of the stop is not served, and the server ends", async () => {
  for (let round = 0; round < 20; round++) {
    const controller = new AbortController();
    const server = serveTcp({ signal: controller.signal }, async (connection) => {
      queueMicrotask(() => controller.abort());
      await connection.readChunk();
    });
    const peers = await Promise.all(Array.from({ length: 10 }, () => RawPeer.connect(server.addr.port)));
    await within(server.finished, "the server's end");
    for (const peer of peers) peer.close();
  }
  const server = serveTcp({}, async (connection) => {
    server.shutdown();
    await connection.readChunk();
  });
  using peer = await RawPeer.connect(server.addr.port);
  await peer.end();
  assertEquals(await peer.receiveAll(), "");
  await within(server.finished, "the server's end");
});

Deno.test("connectTcp() that is aborted as the connection is made closes it", async () => {
  for (let round = 0; round < 20; round++) {
    const controller = new AbortController();
    const closed = Promise.withResolvers<void>();
    await using server = serveTcp({}, async (connection) => {
      controller.abort(new Error("enough"));
      await connection.readChunk().catch(() => {});
      closed.resolve();
    });
    const connecting = connectTcp({ port: server.addr.port, signal: controller.signal });
    const connection = await connecting.catch((error) => assertEquals(error.message, "enough"));
    if (connection !== undefined) assertEquals(connection.reason, "shutdown");
    await within(closed.promise, "the connection's end");
  }
});

Deno.test("a closed connection leaves no timer behind when it is read from", async () => {
  await using server = oneConnection();
  const connection = await connectTcp({ port: server.port });
  connection.close();
  await assertRejects(() => connection.readChunk(), ConnectionError, "The connection is closed");
});

Deno.test("a wait without limit is not over at once", async () => {
  await using server = oneConnection({ idleTimeout: Infinity, drainTimeout: Infinity });
  using connection = await connectTcp({ port: server.port, connectTimeout: Infinity, idleTimeout: 1e15 });
  const reading = connection.readChunk();
  await (await server.connection).write(bytes("late"));
  assertEquals(textOf((await reading)!), "late");
  const silent = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  using peer = await connectUdp({ port: (silent.addr as Deno.NetAddr).port });
  const receiving = peer.receive(Infinity);
  await peer.send(bytes("?"));
  const [, from] = await silent.receive();
  await silent.send(bytes("!"), from);
  assertEquals(textOf(await receiving), "!");
  silent.close();
});

Deno.test("a server whose onListen throws does not go on listening", async () => {
  let port = 0;
  const onListen = (address: ListenAddress) => {
    port = address.port;
    throw new Error("boom");
  };
  assertThrows(() => serveTcp({ onListen }, () => {}), Error, "boom");
  await untilNobodyListens(port);
  assertThrows(() => serveUdp({ onListen }, () => {}), Error, "boom");
});

Deno.test("a handler that throws what is no error ends its connection alone", async () => {
  await using server = serveTcp({}, () => {
    throw Object.create(null);
  });
  using peer = await RawPeer.connect(server.addr.port);
  assertEquals(await peer.receiveAll(), "");
  assertEquals(server.closed.get("failed"), 1);
});

Deno.test("an address is compared in its normal form", async () => {
  assertEquals(formatAddress({ hostname: "0:0:0:0:0:0:0:1", port: 1 }), "[::1]:1");
  assertEquals(formatAddress({ hostname: "::FFFF:7f00:1", port: 1 }), "127.0.0.1:1");
  assertEquals(isLoopback("0:0:0:0:0:0:0:1"), true);
  assertEquals((await resolveUdp({ hostname: "0:0:0:0:0:0:0:1", port: 1 })).hostname, "::1");
});

Deno.test("every connection turns Nagle's algorithm off", () => {
  const calls: boolean[] = [];
  using _connection = new Connection(stubSocket({ setNoDelay: (on) => calls.push(on) }));
  assertEquals(calls, [true]);
});

Deno.test("a connection ends for one reason, whatever happens while it says goodbye", async () => {
  const connection = new Connection(stubSocket({ read: () => Promise.reject(new Deno.errors.ConnectionReset()) }));
  const { signal } = connection;
  await connection.finish("malformed");
  assertEquals([connection.reason, signal.reason.reason], ["malformed", "malformed"]);
  const silent = new Connection(stubSocket(), { lingerTimeout: 20 });
  await silent.finish();
  assertEquals(silent.reason, "finished");
});

Deno.test("shutdown() does not wait for ever for a handler that does", async () => {
  const stuck = serveTcp({ drainTimeout: 50 }, () => new Promise(() => {}));
  using _peer = await RawPeer.connect(stuck.addr.port);
  while (stuck.connections < 1) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(await within(stuck.shutdown(), "the server's end"), { finished: 0, aborted: 1 });
  const called = Promise.withResolvers<void>();
  const silent = serveUdp({}, () => {
    called.resolve();
    return new Promise<void>(() => {});
  });
  using peer = await connectUdp({ port: silent.addr.port });
  await peer.send(bytes("?"));
  await called.promise;
  await within(silent.shutdown(), "the server's end");
});

Deno.test("shutdown() reports what was open when it was called, and nothing from before", async () => {
  const server = serveTcp({}, async (connection) => {
    while (await connection.readChunk() !== null) { /* reads to the end */ }
  });
  using early = await RawPeer.connect(server.addr.port);
  await early.end();
  assertEquals(await early.receiveAll(), "");
  early.close();
  while (!server.closed.has("finished") || server.connections > 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals(await server.shutdown(), { finished: 0, aborted: 0 });
});

Deno.test("after() bears waits longer than a timer can", async () => {
  let ran = false;
  const cancels = [2 ** 31, 1e15, Infinity].map((milliseconds) => after(milliseconds, () => ran = true));
  await new Promise((resolve) => after(20, () => resolve(undefined)));
  for (const cancel of cancels) cancel();
  assertEquals(ran, false);
});

Deno.test("publishers that settle keep a steady reader that is slower than they are", async () => {
  const room = new Broadcast({ segmentSize: 100_000, maxLag: 4_000_000 });
  const joined = Promise.withResolvers<void>();
  let reason: unknown;
  await using server = serveTcp({}, async (connection) => {
    using member = room.subscribe(connection);
    joined.resolve();
    await connection.readChunk().catch((error) => reason = error.reason);
    await member.leave();
  });
  using reader = await RawPeer.connect(server.addr.port);
  await joined.promise;
  const total = 40_000_000;
  const reading = (async () => {
    const buffer = new Uint8Array(200_000);
    for (let received = 0; received < total;) {
      const count = await reader.socket.read(buffer);
      if (count === null) return received;
      received += count;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return total;
  })();
  const message = new Uint8Array(50_000);
  for (let sent = 0; sent < total; sent += message.length) {
    room.publish([message]);
    const ready = room.ready();
    if (ready !== undefined) await ready;
    else if (sent % 1_000_000 === 0) await Promise.resolve();
  }
  assertEquals([await within(reading, "the reader"), reason], [total, undefined]);
});

Deno.test("a read of many tiny messages is handed out in parts, and none is lost", async () => {
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

Deno.test("a connection at its end stays there, whichever way it is read from", async () => {
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

Deno.test("two who wait for datagrams at once both give up in time, or get one each", async () => {
  await using silent = serveUdp({}, () => {});
  const peer = await connectUdp({ port: silent.addr.port });
  const waits = Promise.allSettled([peer.receive(50), peer.receive(60)]);
  assertEquals((await within(waits, "both")).map(({ status }) => status), ["rejected", "rejected"]);
});
