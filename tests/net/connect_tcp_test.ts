import { assertEquals, assertRejects } from "@std/assert";
import { ConnectionError, type ConnectionOptions, connectTcp, serveTcp } from "@wirebench/wirebench/net";
import { fakeServer, until, within } from "../harness.ts";
import { oneConnection } from "./_one_connection.ts";

Deno.test("connectTcp() gives up at its timeout, and when its signal aborts", async () => {
  // A listener with a full backlog does not answer.
  const full = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = full.addr;
  const waiting: Deno.TcpConn[] = [];
  for (let count = 0; count < 3; count++) {
    const signal = AbortSignal.timeout(200);
    await Deno.connect({ hostname: "127.0.0.1", port, signal }).then((socket) => waiting.push(socket), () => {});
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

Deno.test("a connection closes when its signal aborts", async () => {
  await using server = oneConnection();
  const controller = new AbortController();
  using connection = await connectTcp({ port: server.port, signal: controller.signal });
  const reading = assertRejects(() => connection.readChunk(), ConnectionError, "Interrupted");
  const why = new Error("the user pressed a button");
  controller.abort(why);
  const { reason, cause } = await reading;
  assertEquals([reason, cause], ["shutdown", why]);
});

Deno.test("a client waits for the first message as long as it likes, unless it asks for a deadline", async () => {
  await using server = fakeServer((_, held) => held);
  const { port } = server;
  const first = async (options: ConnectionOptions) => {
    using connection = await connectTcp({ port, ...options });
    return connection.deadlines.firstMessageTimeout;
  };
  assertEquals([await first({}), await first({ firstMessageTimeout: 50 }), await first({ idleTimeout: 60 })], [
    Infinity,
    50,
    60,
  ]);
});

Deno.test("the idleTimeout of a client counts from the read also for the first message", async () => {
  await using server = fakeServer(async (peer) => {
    await peer.receive(3);
    await peer.send("You");
    await peer.receive(3);
  });
  const { now } = performance;
  performance.now = () => now.call(performance) - 60_000;
  const connecting = connectTcp({ port: server.port, idleTimeout: 60_000 });
  using connection = await connecting.finally(() => performance.now = now);
  const reading = connection.readChunk("first message");
  // Long after the deadline would have passed if it counted from the beginning.
  const began = performance.now();
  await until(() => performance.now() - began > 100, "the deadline to pass");
  await connection.write(new TextEncoder().encode("Hey"));
  assertEquals((await reading)?.length, 3);
});

Deno.test("connectTcp() closes a connection that is made while its signal aborts", async () => {
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
