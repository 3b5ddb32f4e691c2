import {
  bytes,
  grantsOf,
  NO_IPV6,
  RawPeer,
  runClient,
  ServerProcess,
  textOf,
  until,
  untilNobodyListens,
  within,
} from "../harness.ts";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connectUdp, type ListenAddress, serveTcp, serveUdp } from "@wirebench/wirebench/net";

Deno.test("the last answer arrives although the client sent more than the server read", async () => {
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

Deno.test("an error in a handler ends only its own connection", async () => {
  let first = true;
  await using server = serveTcp({ onError() {} }, async (connection) => {
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

/** Runs servers with failing handlers in a program of its own, and returns what it writes, without stack frames. */
async function runFailingHandlers(mode: "none" | "log" | "onError"): Promise<{ stdout: string[]; stderr: string[] }> {
  const file = new URL("_failing_handlers.ts", import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--allow-net=127.0.0.1", file, mode],
    env: { NO_COLOR: "1" },
  });
  const { success, stdout, stderr } = await within(process.output(), "the end of the program");
  assertEquals(success, true, textOf(stderr));
  const linesOf = (output: Uint8Array) => textOf(output).split("\n").filter((line) => line !== "");
  return { stdout: linesOf(stdout), stderr: linesOf(stderr) };
}

Deno.test("an error of a handler goes to standard error with its stack if no log is configured, errors of peers do not", async () => {
  const { stderr } = await runFailingHandlers("none");
  const lines = stderr.filter((line) => !line.startsWith("    at "));
  assertEquals(lines.length, 2, stderr.join("\n"));
  assertMatch(lines[0]!, /^\[.* – Server\]: 127\.0\.0\.1:\d+ closed: failed \(TypeError: a bug \\x1b\[2J$/);
  assertMatch(lines[1]!, /^\[.* – Server\]: 127\.0\.0\.1:\d+ gets no answer: TypeError: a bug in UDP$/);
  assertMatch(stderr[1]!, /^ {4}at .*_failing_handlers\.ts:\d+:\d+/);
});

Deno.test("an error of a handler is logged once if the log is configured, as is an error of a peer", async () => {
  const { stderr } = await runFailingHandlers("log");
  const records = stderr.map((line) => JSON.parse(line)).filter(({ level }) => level !== "info");
  assertEquals(records.map(({ level, reason }) => [level, reason]), [
    ["error", "failed"],
    ["warning", "too slow"],
    ["warning", "malformed"],
    ["error", undefined],
  ]);
});

Deno.test("onError gets the errors of handlers in place of standard error", async () => {
  assertEquals(await runFailingHandlers("onError"), { stdout: ["a bug \x1b[2J", "a bug in UDP"], stderr: [] });
});

Deno.test("an onError that throws or rejects stops neither server", async () => {
  const { error } = console;
  const written: string[] = [];
  console.error = (text) => written.push(text);
  const throws = () => {
    throw new Error("thrown");
  };
  try {
    for (const onError of [throws, () => Promise.reject(new Error("rejected"))]) {
      let count = 0;
      const failFirst = () => {
        if (count++ === 0) throw new Error("a mistake");
        return bytes("well");
      };
      await using server = serveTcp({ onError }, (connection) => connection.write(failFirst()));
      using broken = await RawPeer.connect(server.addr.port);
      assertEquals(await broken.receiveAll(), "");
      using fine = await RawPeer.connect(server.addr.port);
      assertEquals(await fine.receiveAll(), "well");
      count = 0;
      await using datagrams = serveUdp({ onError }, failFirst);
      using peer = await connectUdp({ port: datagrams.addr.port });
      for (let sent = 0; sent < 2; sent++) await peer.send(bytes("long enough"));
      assertEquals(textOf(await peer.receive()), "well");
    }
  } finally {
    console.error = error;
  }
  assertEquals(written.map((line) => /onError failed: Error: \w+/.exec(line)?.[0]), [
    "onError failed: Error: thrown",
    "onError failed: Error: thrown",
    "onError failed: Error: rejected",
    "onError failed: Error: rejected",
  ]);
});

Deno.test("a handler that throws something other than an Error ends only its own connection", async () => {
  await using server = serveTcp({ onError() {} }, () => {
    throw Object.create(null);
  });
  using peer = await RawPeer.connect(server.addr.port);
  assertEquals(await peer.receiveAll(), "");
  assertEquals(server.closed.get("failed"), 1);
});

Deno.test("a port in use and options out of range are rejected at once", async () => {
  await using server = serveTcp({}, () => {});
  assertThrows(() => serveTcp({ port: server.addr.port }, () => {}), Deno.errors.AddrInUse);
  assertThrows(() => serveTcp({ idleTimeout: 0 }, () => {}), RangeError, "Cannot use idleTimeout 0");
  assertThrows(() => serveTcp({ messageTimeout: NaN }, () => {}), RangeError);
  for (const maxConnections of [0, -1, 1.5, NaN]) {
    assertThrows(() => serveTcp({ maxConnections }, () => {}), RangeError, "Cannot use maxConnections");
  }
});

Deno.test("serveTcp() stops listening if onListen throws", async () => {
  let port = 0;
  const onListen = (address: ListenAddress) => {
    port = address.port;
    throw new Error("boom");
  };
  assertThrows(() => serveTcp({ onListen }, () => {}), Error, "boom");
  await untilNobodyListens(port);
});

Deno.test("shutdown() closes at its deadline the connections that have not finished, and reports them", async () => {
  const server = serveTcp({ drainTimeout: 100 }, async (connection) => {
    while (await connection.readChunk() !== null) { /* reads to the end */ }
  });
  using staying = await RawPeer.connect(server.addr.port);
  using leaving = await RawPeer.connect(server.addr.port);
  await staying.send("here");
  await leaving.send("here");
  await until(() => server.connections === 2, "two connections");
  const report = server.shutdown();
  await leaving.end();
  assertEquals(await report, { finished: 1, aborted: 1 });
  assertEquals(await server.shutdown(), { finished: 1, aborted: 1 });
  assertEquals(await staying.receiveAll(), "");
  await server.finished;
});

Deno.test("a server's signal closes everything at once", async () => {
  const controller = new AbortController();
  const server = serveTcp({ signal: controller.signal }, async (connection) => {
    await connection.readChunk();
  });
  using peer = await RawPeer.connect(server.addr.port);
  await until(() => server.connections === 1, "a connection");
  controller.abort();
  await server.finished;
  assertEquals(await peer.receiveAll(), "");
  assertEquals([...server.closed], [["shutdown", 1]]);
});

Deno.test("a connection accepted while the server stops is not served, and the server ends", async () => {
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

Deno.test("serveTcp() shuts down although a handler never returns", async () => {
  const stuck = serveTcp({ drainTimeout: 50 }, () => new Promise(() => {}));
  using _peer = await RawPeer.connect(stuck.addr.port);
  await until(() => stuck.connections === 1, "a connection");
  assertEquals(await within(stuck.shutdown(), "the server's end"), { finished: 0, aborted: 1 });
});

Deno.test("shutdown() reports what was open when it was called, and nothing from before", async () => {
  const server = serveTcp({}, async (connection) => {
    while (await connection.readChunk() !== null) { /* reads to the end */ }
  });
  using early = await RawPeer.connect(server.addr.port);
  await early.end();
  assertEquals(await early.receiveAll(), "");
  early.close();
  await until(() => server.closed.has("finished") && server.connections === 0, "the end of the connection");
  assertEquals(await server.shutdown(), { finished: 0, aborted: 0 });
});

const ipv6 = {
  name: `echo:server --host :: serves both families, and shows an IPv4 client as one${NO_IPV6}`,
  ignore: NO_IPV6 !== "",
};
Deno.test(ipv6, async () => {
  await using server = await ServerProcess.start("echo", {
    args: ["--host", "::"],
    permissions: [...grantsOf("echo", "server"), "--allow-net=[::]"],
  });
  const port = ["--port", String(server.port)];
  for (const host of ["127.0.0.1", "::1", "[::1]", "localhost"]) {
    assertEquals((await runClient("echo", ["--host", host, ...port])).stdout, "Hello, world\n");
  }
  await server.logged(/^127\.0\.0\.1:\d+ closed/);
  await server.logged(/^\[::1\]:\d+ closed/);
  assertEquals(server.log.filter(({ message }) => message.includes("ffff")), []);
  await server.logged(/Every host that can reach this machine/);
});

Deno.test("a server can restart at once on the same port, even after closing connections itself", async () => {
  const first = await ServerProcess.start("echo");
  using peer = await first.connect();
  await peer.send("x");
  await peer.receive(1);
  first.signal("SIGTERM");
  await first.logged(/letting 1 connection finish/);
  await peer.end();
  await first.logged(/^Stopped/);
  await using _first = first;
  await first.process.status;
  const again = await ServerProcess.start("echo", { args: ["--port", String(first.port)] });
  await using _again = again;
  assertEquals(again.port, first.port);
  using next = await again.connect();
  await next.send("y");
  assertEquals(await next.receive(1), "y");
});
