import { concat } from "@std/bytes/concat";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { serveEcho } from "@wirebench/wirebench/echo";
import { FramingError, lines, netstring } from "@wirebench/wirebench/framing";
import { serveProxy, type ServeProxyOptions } from "@wirebench/wirebench/proxy";
import { serveUppercase } from "@wirebench/wirebench/uppercase";
import { connect, createServer } from "node:net";
import {
  checkFaults,
  DatagramFaults,
  type Fault,
  type FaultOptions,
  StreamFaults,
} from "../../services/proxy/_faults.ts";
import { Messages } from "../../services/proxy/_messages.ts";
import { mulberry32 } from "../../services/proxy/random.ts";
import { freePort } from "../../scripts/shared/ports.ts";
import { ChildProcess } from "../../scripts/shared/child_process.ts";
import {
  bytes,
  fakeServer,
  headed,
  NO_IPV6,
  RawPeer,
  ServerProcess,
  steadily,
  temporaryFolder,
  textOf,
  turn,
  until,
  untilStill,
  within,
} from "../harness.ts";

/** A proxy in front of a port, both on loopback. */
function before(port: number, faults: Omit<ServeProxyOptions, "listen" | "to"> = {}) {
  return serveProxy({ listen: "tcp://127.0.0.1:0", to: `tcp://127.0.0.1:${port}`, ...faults });
}

/** Whether a connection to a port is reset, possibly while it is made. */
async function resets(port: number): Promise<boolean> {
  try {
    using peer = await RawPeer.connect(port);
    return (await peer.readToEnd()).wasReset;
  } catch (error) {
    return error instanceof Deno.errors.ConnectionReset;
  }
}

/** Bytes that depend on their offset. */
function pattern(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(length).map((_, index) => (index * 31) ^ (index >> 8) ^ (index >> 16));
}

function same(one: Uint8Array, other: Uint8Array): void {
  assertEquals(one.length, other.length);
  const differs = one.findIndex((byte, index) => byte !== other[index]);
  assertEquals(differs, -1, `byte ${differs} differs`);
}

Deno.test("mulberry32() generates the numbers of the reference implementation", () => {
  const random = mulberry32(42);
  assertEquals([random(), random(), random()].map((number) => Math.floor(number * 2 ** 32)), [
    2581720956,
    1925393290,
    3661312704,
  ]);
});

/** Lengths of the writes for some chunks. */
function pieces(options: FaultOptions, seed: number, chunks: Uint8Array[], connection = 1): number[] {
  const faults = new StreamFaults(checkFaults(options, false), seed, connection, "up");
  return chunks.flatMap((chunk) => [...faults.steps(chunk)]).map(({ bytes }) => bytes.length);
}

Deno.test("cuts depend on the seed, the connection and the direction only", () => {
  const cut = { cut: [1, 7] } as const;
  const first = pieces(cut, 7, [pattern(1000)]);
  assertEquals(first, pieces(cut, 7, [pattern(1000)]));
  assertEquals(new Set(first.slice(0, -1)), new Set([1, 2, 3, 4, 5, 6, 7]));
  assert(String(first) !== String(pieces(cut, 8, [pattern(1000)])));
  assert(String(first) !== String(pieces(cut, 7, [pattern(1000)], 2)));
  const down = [...new StreamFaults(cut, 7, 1, "down").steps(pattern(1000))].map(({ bytes }) => bytes.length);
  assert(String(first) !== String(down));
  assertEquals(pieces({ ...cut, direction: "down" }, 7, [pattern(1000)]), [1000]);
});

Deno.test("cuts are at the same offsets however the bytes arrive", () => {
  const places = (lengths: number[]) => {
    let at = 0;
    return new Set(lengths.map((length) => at += length));
  };
  const whole = places(pieces({ cut: [1, 7] }, 7, [pattern(100)]));
  for (const size of [1, 2, 3, 10]) {
    const chunks = Array.from(
      { length: Math.ceil(100 / size) },
      (_, index) => pattern(100).subarray(index * size, (index + 1) * size),
    );
    const cut = places(pieces({ cut: [1, 7] }, 7, chunks));
    assert([...whole].every((place) => cut.has(place)), `chunks of ${size}`);
  }
});

Deno.test("a reset in a part comes between its first and last byte, at an offset drawn from the seed", () => {
  const messages = concat([headed("one"), headed("a longer message"), headed("three")]);
  const run = (options: FaultOptions, seed: number, size: number, stream: Uint8Array) => {
    const checked = checkFaults(options, false);
    const faults = new StreamFaults(checked, seed, 1, "up");
    const followed = checked.framing && new Messages(checked.framing, 0);
    for (let at = 0; at < stream.length; at += size) {
      for (const { bytes, fault } of faults.steps(stream.subarray(at, at + size))) {
        if (fault !== undefined) return fault;
        followed?.take(bytes, false, (part) => faults.placeReset(part));
      }
    }
    return followed?.failure;
  };
  const placeOf = (options: FaultOptions, seed: number, size: number, stream = messages) =>
    run(options, seed, size, stream) as Fault;
  const places = new Set<number>();
  for (let seed = 0; seed < 50; seed++) {
    const options = { framing: "header", resetIn: "payload", message: 2 };
    const { at, where } = placeOf(options, seed, 1);
    assert(at > 23 && at < 39, `${at}`);
    assertEquals(where, "in the payload of message 2");
    assertEquals(placeOf(options, seed, 7).at, at);
    places.add(at);
  }
  assert(places.size > 5);
  for (const size of [1, 2, 3, 8]) {
    // Only its last byte shows that a delimiter is there.
    const lines = bytes("one\r\ntwo");
    assertEquals(placeOf({ framing: "lines", resetIn: "newline" }, 1, size, lines).at, 4);
    assertEquals(placeOf({ framing: "delimited:\\r\\n", resetIn: "delimiter" }, 1, size, lines).at, 4);
    assertEquals(placeOf({ framing: "netstring", resetIn: "delimiter" }, 1, size, bytes("3:one,")).at, 1);
    assertEquals(placeOf({ framing: "tagged:o=2", resetIn: "header" }, 1, size, lines).at, 0);
  }
  // The proxy refuses what the framing's decoder refuses: a leading zero, a length over the limit.
  for (const [framing, stream] of [["netstring", "03:one,"], ["header", "2000000   two"]] as const) {
    assert(run({ framing, resetIn: "payload" }, 1, 3, bytes(stream)) instanceof FramingError);
  }
  assertEquals(placeOf({ resetAt: 0 }, 1, 1).at, 0);
  assertEquals(placeOf({ resetAt: 5, stopAfter: 9 }, 1, 3), { kind: "reset", at: 5 });
  assertEquals(placeOf({ resetAt: 9, stopAfter: 5 }, 1, 3), { kind: "stop", at: 5 });
});

Deno.test("invalid faults are rejected", async () => {
  const at = { listen: "tcp://127.0.0.1:0", to: "tcp://127.0.0.1:1" };
  const udp = { listen: "udp://127.0.0.1:0", to: "udp://127.0.0.1:1" };
  const cases: [options: ServeProxyOptions, words: string][] = [
    [{ ...at, listen: "127.0.0.1:0" }, "expected tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH"],
    [{ ...at, to: "unix:relative" }, "expected tcp://HOST:PORT"],
    [{ ...at, to: "tcp://127.0.0.1:0" }, "Cannot forward to port 0"],
    [{ ...at, to: "udp://127.0.0.1:1" }, "Cannot forward tcp to udp"],
    [{ ...at, cut: 0 }, "Cannot use cut 0: expected 1 or more"],
    [{ ...at, cut: [3, 1] }, "Cannot use cut 3-1"],
    [{ ...at, cut: 1.5 }, "Cannot use cut 1.5"],
    [{ ...at, delay: NaN }, "Cannot use delay"],
    [{ ...at, rate: 0 }, "Cannot use rate"],
    [{ ...at, lose: 10 }, "Cannot use lose here: it is for datagrams"],
    [{ ...udp, resetAt: 10 }, "Cannot use reset-at here: it is for streams"],
    [{ ...udp, lose: 101 }, "Cannot use lose 101: expected 0 to 100 percent"],
    [{ ...at, resetIn: "header" }, "expected both a framing and a part"],
    [{ ...at, framing: "header", message: 2 }, "expected both a framing and a part"],
    [{ ...at, framing: `delimited:${"x".repeat(1000)}` }, "Cannot use a framing of 1010 characters"],
    [{ ...at, framing: "xml", resetIn: "tag" }, "expected one of header, lines"],
    [{ ...at, framing: "fixed", resetIn: "payload" }, "expected one of header, lines"],
    [{ ...at, framing: "fixed:0", resetIn: "payload" }, "expected fixed:LENGTH"],
    [{ ...at, framing: "tagged:AB=1", resetIn: "payload" }, "expected tagged:TYPE=LENGTH"],
    [{ ...at, framing: "lines", resetIn: "header" }, 'Cannot reset in "header": lines has line, newline'],
    [{ ...at, framing: lines(), resetIn: "header" }, 'Cannot reset in "header": the framing has line, newline'],
    [{ ...at, seed: -1 }, "Cannot use seed -1"],
    [{ ...at, maxConnections: 0 }, "Cannot use maxConnections 0"],
  ];
  for (const [options, words] of cases) await assertRejects(() => serveProxy(options), Error, words);
});

Deno.test("a proxy that would connect to itself is rejected, in any notation of its address", async () => {
  const itself: [listen: string, to: string][] = [
    ["127.0.0.1:9000", "127.0.0.1:9000"],
    ["localhost:9000", "127.0.0.1:9000"],
    ["127.0.0.1:9000", "LOCALHOST:9000"],
    ["[::1]:9000", "localhost:9000"],
    ["[0:0:0:0:0:0:0:1]:9000", "[::1]:9000"],
    ["[::ffff:127.0.0.1]:9000", "127.0.0.1:9000"],
    ["0.0.0.0:9000", "127.1.2.3:9000"],
    ["0.0.0.0:9000", "localhost:9000"],
    ["[::]:9000", "[::1]:9000"],
    ["[::]:9000", "127.0.0.1:9000"],
    // Connecting to 0.0.0.0 or :: reaches this machine.
    ["127.0.0.1:9000", "0.0.0.0:9000"],
    ["[::1]:9000", "[::]:9000"],
    ["0.0.0.0:9000", "0.0.0.0:9000"],
  ];
  const endpoints = itself.flatMap((pair) => ["tcp", "udp"].map((kind) => pair.map((at) => `${kind}://${at}`)));
  const path = "unix:/tmp/wirebench-none.sock";
  for (const [listen, to] of [...endpoints, [path, path], [path, "unix:/tmp//none/../wirebench-none.sock"]]) {
    await assertRejects(
      () => serveProxy({ listen: listen!, to: to! }),
      RangeError,
      `Cannot forward to ${to}: the proxy itself listens there`,
    );
  }
  // The same port at another address is another endpoint.
  const port = freePort();
  for (const host of ["127.0.0.2", ...(NO_IPV6 === "" ? ["[::1]"] : [])]) {
    await using _proxy = await serveProxy({ listen: `tcp://127.0.0.1:${port}`, to: `tcp://${host}:${port}` });
  }
});

Deno.test("a loop of two UDP proxies stops once both have reached their limit of clients", async () => {
  const client = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const free = () => `udp://127.0.0.1:${freePort("udp")}`;
  const [one, other] = [free(), free()];
  try {
    await using there = await serveProxy({ listen: one, to: other, maxConnections: 20 });
    await using back = await serveProxy({ listen: other, to: one, maxConnections: 20 });
    await client.send(bytes("round"), there.addr as Deno.NetAddr);
    await until(() => back.report.up > 0, "the datagram to come back");
    const rest = untilStill(() => there.report.up);
    await within(rest, () => `the datagram to rest, ${there.report.connections} clients came`);
    assert(there.report.connections < 100, `${there.report.connections} clients came`);
  } finally {
    client.close();
  }
});

Deno.test("without faults, megabytes pass unchanged in both directions at once", async () => {
  const up = pattern(5_000_000);
  const down = up.toReversed();
  const got = Promise.withResolvers<Uint8Array>();
  await using server = fakeServer(async (peer) => {
    const [{ data }] = await Promise.all([peer.readToEnd(), peer.send(down).then(() => peer.end())]);
    got.resolve(data);
  });
  await using proxy = await before(server.port);
  using peer = await RawPeer.connect(proxy.addr.port);
  const random = mulberry32(1);
  const sending = (async () => {
    for (let at = 0; at < up.length;) {
      const size = Math.ceil(random() ** 4 * 300_000);
      await peer.send(up.subarray(at, at + size));
      at += size;
    }
    await peer.end();
  })();
  const { data, wasReset } = await peer.readToEnd();
  await sending;
  same(data, down);
  same(await got.promise, up);
  assertEquals([wasReset, proxy.report.up, proxy.report.down], [false, up.length, down.length]);
});

Deno.test("the end of one direction is passed on, and the other stays open: the client first, then the server", async () => {
  await using server = fakeServer(async (peer) => {
    const { data } = await peer.readToEnd();
    await peer.send(`got ${textOf(data)}`);
    await peer.end();
  });
  await using proxy = await before(server.port);
  using peer = await RawPeer.connect(proxy.addr.port);
  await peer.send("all of it");
  await peer.end();
  assertEquals(await peer.receiveAll(), "got all of it");
});

Deno.test("the end of one direction is passed on, and the other stays open: the server first, then the client", async () => {
  const got = Promise.withResolvers<string>();
  await using server = fakeServer(async (peer) => {
    await peer.send("that was all");
    await peer.end();
    got.resolve(await peer.receiveAll());
  });
  await using proxy = await before(server.port);
  using peer = await RawPeer.connect(proxy.addr.port);
  assertEquals(await peer.receiveAll(), "that was all");
  await peer.send("not from here");
  await peer.end();
  assertEquals(await got.promise, "not from here");
});

Deno.test("a client's reset arrives as a reset at the server, and a server's at the client", async () => {
  const ended = Promise.withResolvers<boolean>();
  await using server = fakeServer(async (peer) => {
    await peer.send(await peer.receive(11));
    ended.resolve((await peer.readToEnd()).wasReset);
  });
  await using proxy = await before(server.port);
  const client = connect(proxy.addr.port, "127.0.0.1", () => client.write("half a mess"));
  client.on("data", () => client.resetAndDestroy());
  assertEquals(await ended.promise, true);

  const breaking = createServer((socket) => void socket.on("data", () => socket.resetAndDestroy()));
  await new Promise<void>((resolve) => breaking.listen(0, "127.0.0.1", resolve));
  await using other = await before((breaking.address() as { port: number }).port);
  using peer = await RawPeer.connect(other.addr.port);
  await peer.send("Hey");
  assertEquals((await peer.readToEnd()).wasReset, true);
  await new Promise<void>((resolve) => breaking.close(() => resolve()));
});

Deno.test("a peer that does not read stops the writer, and the proxy buffers a bounded amount", async () => {
  const held = Promise.withResolvers<void>();
  await using server = fakeServer(async (peer) => {
    await held.promise;
    await peer.receiveAll();
  });
  await using proxy = await before(server.port);
  using peer = await RawPeer.connect(proxy.addr.port);
  let sent = 0;
  const stuffing = (async () => {
    while (sent < 60_000_000) {
      await peer.send(new Uint8Array(100_000));
      sent += 100_000;
    }
    await peer.end();
  })();
  // The system's own buffers fill first.
  await untilStill(() => sent);
  assert(sent < 30_000_000, `${sent} bytes went nowhere`);
  assert(sent - proxy.report.up < 10_000_000);
  held.resolve();
  await stuffing;
  await peer.receiveAll();
  assertEquals(proxy.report.up, 60_000_000);
});

Deno.test("shutdown() does not wait for a peer that does not read", async () => {
  await using server = fakeServer((_, held) => held);
  const proxy = await before(server.port);
  using peer = await RawPeer.connect(proxy.addr.port);
  const stuffing = peer.send(new Uint8Array(50_000_000)).catch((error) => error);
  await until(() => proxy.report.up > 0, "bytes to pass");
  const report = await within(proxy.shutdown(), "the end of the proxy");
  await proxy.finished;
  assertEquals([report.connections, report.aborted, report.reset], [1, 1, 0]);
  assert(await stuffing instanceof Error);
});

Deno.test("an aborted signal ends the proxy", async () => {
  const stop = new AbortController();
  await using proxy = await before(1, { signal: stop.signal });
  stop.abort();
  await within(proxy.finished, "the end of the proxy");
  await assertRejects(() => before(1, { signal: stop.signal }), DOMException);
});

Deno.test("--cut: the peer receives chunks of the given sizes, the same for the same seed", async () => {
  await using server = serveEcho({ port: 0 });
  const run = async (seed: number) => {
    await using proxy = await before(server.addr.port, { cut: [1, 3], delay: 5, seed, direction: "down" });
    using peer = await RawPeer.connect(proxy.addr.port);
    await peer.send(pattern(40));
    await peer.end();
    const { chunks, data } = await peer.readToEnd();
    same(data, pattern(40));
    return chunks.map(({ length }) => length);
  };
  // On a busy machine one read may return two chunks. So the test compares offsets, not lengths.
  const planned = [...new StreamFaults({ cut: [1, 3] }, 7, 1, "down").steps(pattern(40))].map(({ bytes }) =>
    bytes.length
  );
  const places = (lengths: number[]) => lengths.map(((at) => (length: number) => at += length)(0));
  const seen = await run(7);
  assert(seen.length > 10, `${seen}`);
  assert(places(seen).every((place) => places(planned).includes(place)), `${seen} of ${planned}`);
  assert(!places(await run(8)).every((place) => places(planned).includes(place)));
});

Deno.test("--delay holds each write back for at least the given time", async () => {
  await using server = serveEcho({ port: 0 });
  await using proxy = await before(server.addr.port, { delay: 60 });
  using peer = await RawPeer.connect(proxy.addr.port);
  for (let round = 0; round < 3; round++) {
    const began = performance.now();
    await peer.send("Hey");
    await peer.receive(3);
    const took = performance.now() - began;
    assert(took >= 119, `there and back took ${took} ms`);
  }
});

Deno.test("--rate limits the bytes per second", async () => {
  await using server = serveEcho({ port: 0 });
  await using proxy = await before(server.addr.port, { rate: 100_000, direction: "down" });
  using peer = await RawPeer.connect(proxy.addr.port);
  const began = performance.now();
  const sending = peer.send(pattern(50_000)).then(() => peer.end());
  same((await peer.readToEnd()).data, pattern(50_000));
  await sending;
  const took = performance.now() - began;
  assert(took > 450, `50,000 bytes at 100,000 a second took ${took} ms`);
});

Deno.test("--join combines several reads into one write", async () => {
  const got = Promise.withResolvers<number[]>();
  await using server = fakeServer(async (peer) =>
    got.resolve((await peer.readToEnd()).chunks.map((chunk) => chunk.length))
  );
  await using proxy = await before(server.port, { join: 60_000, direction: "up" });
  using peer = await RawPeer.connect(proxy.addr.port);
  for (const character of "a sentence in pieces") await peer.send(character);
  await peer.end();
  assertEquals(await got.promise, [20]);
});

Deno.test("--reset-at passes exactly the given number of bytes, and resets both sides", async () => {
  for (const count of [1, 7, 300_000]) {
    const got = Promise.withResolvers<{ data: Uint8Array; wasReset: boolean }>();
    await using server = fakeServer(async (peer) => {
      // It speaks first: a connection reset before it is accepted is never seen.
      await peer.send("!");
      got.resolve(await peer.readToEnd());
    });
    await using proxy = await before(server.port, { resetAt: count, direction: "up" });
    using peer = await RawPeer.connect(proxy.addr.port);
    await peer.receive(1);
    await peer.send(pattern(count + 10)).catch(() => {});
    const [here, there] = [await peer.readToEnd(), await got.promise];
    assertEquals([here.data.length, here.wasReset, there.data.length, there.wasReset], [0, true, count, true]);
    same(there.data, pattern(count));
    assertEquals(proxy.report.faults.reset, 1);
  }
});

Deno.test("--reset-at 0 resets before the first byte, and a range is a random offset", async () => {
  await using server = serveEcho({ port: 0 });
  await using proxy = await before(server.addr.port, { resetAt: 0 });
  using peer = await RawPeer.connect(proxy.addr.port);
  assertEquals(await peer.readToEnd(), { chunks: [], data: concat([]), wasReset: true });
  const drawn = new Set(Array.from({ length: 100 }, (_, connection) => {
    const [...steps] = new StreamFaults({ resetAt: [3, 6] }, 1, connection, "up").steps(pattern(10));
    return steps.at(-1)!.fault!.at;
  }));
  assertEquals([...drawn].sort(), [3, 4, 5, 6]);
});

Deno.test("--reset-at --direction down resets the stream from the server", async () => {
  await using server = serveEcho({ port: 0 });
  await using proxy = await before(server.addr.port, { resetAt: 5, direction: "down" });
  using peer = await RawPeer.connect(proxy.addr.port);
  await peer.send("Hello, world");
  const { data, wasReset } = await peer.readToEnd();
  assertEquals([textOf(data), wasReset], ["Hello", true]);
});

Deno.test("--reset-in resets inside the named part of the given message", async () => {
  const got = Promise.withResolvers<{ data: Uint8Array; wasReset: boolean }>();
  await using server = fakeServer(async (peer) => {
    await peer.send("!");
    got.resolve(await peer.readToEnd());
  });
  await using proxy = await before(server.port, { framing: "header", resetIn: "header", message: 2, direction: "up" });
  using peer = await RawPeer.connect(proxy.addr.port);
  await peer.receive(1);
  await peer.send(headed("first"));
  await peer.send(headed("second")).catch(() => {});
  const { data, wasReset } = await got.promise;
  assert(data.length > 15 && data.length < 25, `${data.length} bytes`);
  assertEquals(wasReset, true);
});

Deno.test("--stop-after stops reading, so that the writer blocks, while other connections continue", async () => {
  const got = Promise.withResolvers<string>();
  let first = true;
  await using server = fakeServer(async (peer, held) => {
    if (!first) return await peer.send(await peer.receive(5));
    first = false;
    got.resolve(await peer.receive(10));
    await held;
  });
  await using proxy = await before(server.port, { stopAfter: 10, direction: "up" });
  using peer = await RawPeer.connect(proxy.addr.port);
  let sent = 0;
  const stuffing = (async () => {
    for (;;) sent += await peer.socket.write(new Uint8Array(100_000).fill(0x61));
  })().catch(() => {});
  assertEquals(await got.promise, "a".repeat(10));
  await untilStill(() => sent);
  using other = await RawPeer.connect(proxy.addr.port);
  await other.send("Hello");
  assertEquals(await other.receive(5), "Hello");
  assertEquals([proxy.connections, proxy.report.faults.stopped, proxy.report.up], [2, 1, 15]);
  peer.close();
  await stuffing;
});

Deno.test("setFaults() changes the faults of open connections from the next byte on", async () => {
  await using server = fakeServer(async (peer) => {
    for (;;) await peer.send(await peer.receive(1));
  });
  await using proxy = await before(server.port, { delay: 3_600_000 });
  using peer = await RawPeer.connect(proxy.addr.port);
  await peer.send("Hey");
  // The bytes that wait for a delay get the new faults.
  while (proxy.connections === 0) await turn();
  proxy.setFaults({});
  assertEquals(await peer.receive(3), "Hey");
  proxy.setFaults({ stopAfter: 2, direction: "up" });
  await peer.send("There");
  assertEquals(await peer.receive(2), "Th");
  await until(() => proxy.report.faults.stopped === 1, "the stop");
  proxy.setFaults({ cut: 1 });
  assertEquals(await peer.receive(3), "ere");
  proxy.setFaults({ resetAt: 3, direction: "up" });
  await peer.send("Farewell");
  assertEquals([(await peer.readToEnd()).wasReset, proxy.report.up], [true, 3 + 5 + 3]);
  assertThrows(() => proxy.setFaults({ cut: 0 }), RangeError, "Cannot use cut 0");
  assertThrows(() => proxy.setFaults({ lose: 1 }), RangeError, "Cannot use lose here");
});

Deno.test("setFaults() changes the faults of a proxy for datagrams", async () => {
  const open = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const [target, socket] = [open(), open()];
  const to = `udp://127.0.0.1:${(target.addr as Deno.NetAddr).port}`;
  await using proxy = await serveProxy({ listen: "udp://127.0.0.1:0", to, lose: 100 });
  await socket.send(bytes("lost"), proxy.addr);
  await until(() => proxy.report.faults.lost === 1, "the loss");
  proxy.setFaults({});
  await socket.send(bytes("kept"), proxy.addr);
  assertEquals(textOf((await within(target.receive(), "a datagram"))[0]), "kept");
  target.close();
  socket.close();
});

Deno.test("setFaults() takes a seed, with which the random numbers begin again", async () => {
  await using target = fakeServer(async (peer) => {
    await peer.receiveAll();
  });
  const cuts: number[] = [];
  await using proxy = await before(target.port, {
    cut: [1, 9],
    seed: 1,
    tap: { forwarded: (_connection, _way, _at, length) => cuts.push(length) },
  });
  using peer = await RawPeer.connect((proxy.addr as Deno.NetAddr).port);
  /** The lengths of the pieces of 200 bytes. */
  const pieces = async (): Promise<number[]> => {
    await peer.send(pattern(200));
    await until(() => cuts.reduce((sum, length) => sum + length, 0) === 200, () => String(cuts));
    return cuts.splice(0);
  };
  const first = await pieces();
  proxy.setFaults({ cut: [1, 9] }, 7);
  assertEquals(proxy.seed, 7);
  const second = await pieces();
  proxy.setFaults({ cut: [1, 9] }, 1);
  assertEquals(await pieces(), first);
  proxy.setFaults({ cut: [1, 9] });
  assertEquals([await pieces(), proxy.seed], [first, 1]);
  assert(String(second) !== String(first));
  assertThrows(() => proxy.setFaults({}, -1), RangeError, "Cannot use seed -1");
});

Deno.test("a framing without a layout resets inside a message", async () => {
  await using server = fakeServer(async (peer) => {
    for (;;) await peer.send(await peer.receive(1));
  });
  await using proxy = await before(server.port, {
    framing: { encode: netstring().encode, decoder: netstring().decoder },
    resetIn: "message",
    message: 3,
    direction: "up",
  });
  using peer = await RawPeer.connect(proxy.addr.port);
  await peer.send("3:one,0:,5:three,");
  assertEquals([(await peer.readToEnd()).wasReset, proxy.report.up], [true, "3:one,0:,5".length]);
});

Deno.test("an unreachable target resets the client, and the proxy continues", async () => {
  const port = freePort();
  await using proxy = await before(port);
  for (let round = 0; round < 3; round++) assert(await resets(proxy.addr.port));
  await using server = serveEcho({ port });
  using peer = await RawPeer.connect(proxy.addr.port);
  await peer.send("there now");
  assertEquals(await peer.receive(9), "there now");
  assertEquals(server.connections, 1);
});

Deno.test("a connection over the limit is reset, and a new one is accepted when one ends", async () => {
  await using server = serveEcho({ port: 0 });
  await using proxy = await before(server.addr.port, { maxConnections: 1 });
  using first = await RawPeer.connect(proxy.addr.port);
  await first.send("1");
  await first.receive(1);
  assert(await resets(proxy.addr.port));
  await first.end();
  await first.receiveAll();
  // The proxy sees the end a little later than the client.
  const room = async () => {
    for (;;) {
      try {
        using third = await RawPeer.connect(proxy.addr.port);
        await third.send("3");
        return await third.receive(1);
      } catch {
        // Not yet.
      }
    }
  };
  await within(room(), "room for a third connection");
});

/** Sends datagrams through a proxy to the uppercase server, and returns the answers. */
async function throughUdp(faults: FaultOptions & { seed: number }, count: number, expected: number): Promise<string[]> {
  await using server = serveUppercase({ port: 0 });
  await using proxy = await serveProxy({
    listen: "udp://127.0.0.1:0",
    to: `udp://127.0.0.1:${server.addr.port}`,
    ...faults,
  });
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const answers: string[] = [];
  const all = (async () => {
    while (answers.length < expected) answers.push(textOf((await socket.receive())[0]));
  })();
  for (let number = 0; number < count; number++) {
    await socket.send(bytes(`n${number}`), proxy.addr);
    // Pauses, so that the system does not drop any itself.
    if (number % 20 === 19) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  try {
    await within(all, () => `${expected} datagrams, got ${answers.length}`);
  } finally {
    socket.close();
  }
  return answers;
}

/** The datagrams that are expected to arrive: their numbers, in order. */
function planned(faults: FaultOptions & { seed: number }, count: number): string[] {
  const fates = new DatagramFaults(checkFaults(faults, true), faults.seed, 1, "up");
  return Array.from({ length: count }, (_, number) => Array(fates.next().copies).fill(`N${number}`)).flat();
}

Deno.test("UDP: datagrams pass, and the seed decides which are lost and repeated", async () => {
  assertEquals(await throughUdp({ seed: 1 }, 50, 50), Array.from({ length: 50 }, (_, number) => `N${number}`));
  const faults = { lose: 30, repeat: 20, direction: "up", seed: 7 } as const;
  const expected = planned(faults, 200);
  assert(expected.length < 200 && new Set(expected).size < expected.length);
  assertEquals(await throughUdp(faults, 200, expected.length), expected);
  assert(String(planned({ ...faults, seed: 8 }, 200)) !== String(expected));
  assertEquals(await throughUdp({ lose: 100, seed: 1 }, 5, 0), []);
});

Deno.test("UDP: --reorder sends a datagram after the next one, and the last one late", async () => {
  await steadily(async () => {
    const answers = await throughUdp({ reorder: 100, direction: "up", seed: 1 }, 5, 5);
    assertEquals(answers, ["N1", "N0", "N3", "N2", "N4"]);
  });
});

Deno.test("UDP: --delay holds datagrams back, in order", async () => {
  const began = performance.now();
  assertEquals(await throughUdp({ delay: [50, 100], direction: "down", seed: 1 }, 5, 5), [
    "N0",
    "N1",
    "N2",
    "N3",
    "N4",
  ]);
  assert(performance.now() - began >= 49);
});

Deno.test("UDP: answers reach their own client, and the client silent for longest makes room for a new one", async () => {
  await using server = serveUppercase({ port: 0 });
  await using proxy = await serveProxy({
    listen: "udp://127.0.0.1:0",
    to: `udp://127.0.0.1:${server.addr.port}`,
    maxConnections: 2,
  });
  const sockets = Array.from(
    { length: 3 },
    () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
  );
  try {
    for (const [number, text] of [[0, "a"], [1, "b"], [2, "c"], [0, "d"]] as const) {
      const socket = sockets[number]!;
      // Repeats, since there is room only after another client has been silent for a second.
      const asking = setInterval(() => socket.send(bytes(text), proxy.addr), 100);
      await socket.send(bytes(text), proxy.addr);
      // Other answers are those to repeats of its question before.
      for (let answer = ""; answer !== text.toUpperCase();) {
        const [datagram, from] = await within(socket.receive(), `an answer to ${text}`);
        answer = textOf(datagram);
        assert(["A", "B", "C", "D"].indexOf(answer) % 3 === number, `${answer} to client ${number}`);
        assertEquals((from as Deno.NetAddr).port, proxy.addr.port);
      }
      clearInterval(asking);
    }
    assertEquals([proxy.connections, proxy.report.connections], [2, 4]);
  } finally {
    for (const socket of sockets) socket.close();
  }
});

Deno.test("UDP: while nothing passes, the proxy keeps 64 MiB of datagrams of all clients, and drops the rest", async () => {
  const target = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  let [received, lost] = [0, 0];
  await using proxy = await serveProxy({
    listen: "udp://127.0.0.1:0",
    to: `udp://127.0.0.1:${(target.addr as Deno.NetAddr).port}`,
    tap: {
      received: () => received++,
      fault: (_connection, _way, _at, kind) => lost += Number(kind === "lost"),
    },
  });
  proxy.pause();
  const sockets = [0, 1].map(() => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }));
  try {
    const datagram = new Uint8Array(60_000);
    const room = Math.floor(64 * 1024 * 1024 / datagram.length);
    for (let sent = 1; sent <= room + 3; sent++) {
      // One at a time, so that the system drops none.
      await sockets[Number(sent > room / 2)]!.send(datagram, proxy.addr);
      await until(() => received === sent, () => `${sent} datagrams, got ${received}`);
      assertEquals(lost, Math.max(0, sent - room), `${sent} datagrams`);
    }
    // One that passes makes room for one.
    proxy.step(1, "up", "piece");
    await within(target.receive(), "the first datagram");
    for (const expected of [3, 4]) {
      await sockets[0]!.send(datagram, proxy.addr);
      await until(() => received === room + 1 + expected, "another datagram");
      assertEquals(lost, expected);
    }
  } finally {
    for (const socket of [...sockets, target]) socket.close();
  }
});

Deno.test("UDP: other sockets of the program are served while clients send datagrams as fast as they can", async () => {
  const target = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("served"));
  let received = 0;
  await using proxy = await serveProxy({
    listen: "udp://127.0.0.1:0",
    to: `udp://127.0.0.1:${(target.addr as Deno.NetAddr).port}`,
    tap: { received: () => received++ },
  });
  const flood = `
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const to = { transport: "udp", hostname: "127.0.0.1", port: ${(proxy.addr as Deno.NetAddr).port} };
    console.log("ready");
    for (;;) await socket.send(new Uint8Array(1), to).catch(() => {});`;
  const args = ["eval", "--unstable-net", flood];
  const command = new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "null" });
  try {
    await using stack = new AsyncDisposableStack();
    const floods = [1, 2, 3].map(() => stack.use(new ChildProcess(command.spawn())));
    for (const each of floods) assertEquals(await within(each.line(), "a flood"), "ready");
    const counts: number[] = [];
    for (let trip = 0; trip < 15; trip++) {
      const before = received;
      const response = await within(fetch(`http://127.0.0.1:${other.addr.port}/`), "an answer");
      assertEquals(await response.text(), "served");
      counts.push(received - before);
    }
    // A round trip takes some turns of the event loop. Without fair turns, each of them handles a thousand datagrams.
    const median = counts.toSorted((one, other) => one - other)[7]!;
    assert(median < 2000, `datagrams during each round trip: ${counts}`);
  } finally {
    await other.shutdown();
    target.close();
  }
});

/** Starts the command in its own process, by default with its permission set. */
function command(args: string[], permissions = ["-P=proxy"]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...permissions, "services/proxy/server.ts", ...args],
    cwd: new URL("../..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs the command until it ends by itself. */
async function ends(args: string[], permissions?: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const process = command(args, permissions);
  await process.stdin.close();
  const { code, stdout, stderr } = await within(process.output(), "the proxy's end");
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

Deno.test("deno task proxy logs its seed, its faults and what it does, and ends at a signal with a report", async () => {
  await using server = serveEcho({ port: 0 });
  const to = `tcp://127.0.0.1:${server.addr.port}`;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const args = [
      "--listen",
      "tcp://127.0.0.1:0",
      "--to",
      to,
      "--log",
      "json",
      "--cut",
      "1-2",
      "--delay",
      "0.001-0.002",
    ];
    await using proxy = new ServerProcess(
      command([...args, "--framing", "lines", "--reset-in", "newline", "--direction", "down"]),
    );
    const { message, seed, address } = await proxy.logged(/^Listening at/);
    assertMatch(
      message,
      /forwarding to .*; down: writes in fragments of 1-2 bytes, delay 0\.001-0\.002 s, reset in the newline/,
    );
    assert(Number.isSafeInteger(seed));
    using peer = await RawPeer.connect(Number(String(address).split(":").at(-1)));
    await peer.send("Hello\n");
    assertEquals(await peer.receiveAll(), "Hello");
    await proxy.logged(/: reset at byte 5 down \(in the newline of message 1\)$/);
    await proxy.logged(/closed: reset \(Injected fault\); 6 bytes up in 1 write, 5 bytes down in \d$/);
    using _open = await RawPeer.connect(Number(String(address).split(":").at(-1)));
    await proxy.logged(/connected, connection 2/);
    assertEquals(await proxy.stop(signal), 0);
    const { connections, reset, aborted } = await proxy.logged(
      /^Stopped; 2 connections since the start, 1 reset, 1 aborted at SIG(INT|TERM); 6 bytes up, 5 down; faults: 1 reset$/,
    );
    assertEquals([connections, reset, aborted], [2, 1, 1]);
  }
});

Deno.test("deno task proxy logs why a connection ended, with the same reasons as servers", async () => {
  const start = (to: number, ...more: string[]) => {
    const args = ["--listen", "tcp://127.0.0.1:0", "--to", `tcp://127.0.0.1:${to}`, "--log", "json", ...more];
    return new ServerProcess(command(args));
  };
  const portOf = async (proxy: ServerProcess) =>
    Number(String((await proxy.logged(/^Listening/)).address).split(":").at(-1));

  await using server = fakeServer(() => Promise.resolve());
  await using closed = start(server.port);
  using client = await RawPeer.connect(await portOf(closed));
  assertEquals(await client.receiveAll(), "");
  // The target has closed the connection. The proxy finds out when it sends more.
  const sending = setInterval(() => client.send("x").catch(() => {}), 10);
  const record = await closed.logged(/closed: /);
  clearInterval(sending);
  assertEquals([record.reason, record.detail], ["reset", "The target reset the connection"]);
  assertMatch(
    record.message,
    /closed: reset \(The target reset the connection\); \d+ bytes? up in \d+ writes?, 0 bytes/,
  );

  await using alone = start(freePort(), "--max-connections", "1");
  await resets(await portOf(alone));
  await alone.logged(
    /closed: reset \(Cannot reach tcp:\/\/127\.0\.0\.1:\d+: no program listens there\); 0 bytes up in 0 writes/,
  );

  await using other = fakeServer((_, held) => held);
  await using full = start(other.port, "--max-connections", "1");
  using _first = await RawPeer.connect(await portOf(full));
  await full.logged(/connected, connection 1$/);
  await resets(await portOf(full));
  await full.logged(/closed: refused \(The limit is 1 connection\)$/);
});

Deno.test("deno task proxy prints its help, and says in one line what is wrong", async () => {
  const help = await ends(["--help"]);
  assertEquals([help.code, help.stderr], [0, ""]);
  assertMatch(
    help.stdout,
    /Usage: deno task proxy \[options\]\n[^]*--seed N [^]*:\n {2}deno task proxy --listen [^\n]*\n$/,
  );
  const at = ["--listen", "tcp://127.0.0.1:0", "--to", "tcp://127.0.0.1:1"];
  const wrong: [args: string[], words: RegExp][] = [
    [[], /--listen is needed/],
    [at.slice(0, 2), /--to is needed/],
    [["--listen", "here", ...at.slice(2)], /--listen: expected tcp:\/\/HOST:PORT/],
    [[...at, "--cut", "0"], /--cut: expected N or N-M, integers of 1 or more, got "0"/],
    [[...at, "--cut", "7-1"], /--cut: expected N or N-M/],
    [[...at, "--delay", "1s"], /--delay: expected seconds/],
    [[...at, "--lose", "101"], /--lose: expected a number from 0 to 100/],
    [[...at, "--lose", "1"], /Cannot use lose here: it is for datagrams/],
    [[...at, "--framing", "xml"], /--framing: expected one of header, lines/],
    [[...at, "--reset-in", "header"], /expected both a framing and a part/],
    [[...at, "--seed", "4294967296"], /--seed: expected an integer from 0 to 4294967295/],
    [[...at, "extra"], /Unexpected argument "extra"/],
    [["--listen", "udp://localhost:9000", "--to", "udp://127.0.0.1:9000"], /: the proxy itself listens there/],
  ];
  for (const [args, words] of wrong) {
    const { code, stdout, stderr } = await ends(args);
    assertEquals([code, stdout], [2, ""]);
    assertMatch(stderr, /^proxy: [^\n]*; see deno task proxy --help\n$/);
    assertMatch(stderr, words);
  }
});

Deno.test("deno task proxy says in one line why it cannot listen, and what to add to its sandbox", async () => {
  await using server = serveEcho({ port: 0 });
  const to = ["--to", "tcp://127.0.0.1:1"];
  const used = await ends(["--listen", `tcp://127.0.0.1:${server.addr.port}`, ...to]);
  assertMatch(used.stderr, /^proxy: tcp:\/\/127\.0\.0\.1:\d+ is in use: [^\n]* another --listen [^\n]*\n$/);
  const outside = await ends(["--listen", "tcp://0.0.0.0:0", ...to]);
  assertMatch(
    outside.stderr,
    /^proxy: The sandbox of proxy does not allow 0\.0\.0\.0:0,127\.0\.0\.1:1; [^\n]* --allow-net [^\n]*\n$/,
  );
  const elsewhere = await ends(["--listen", "tcp://192.0.2.1:0", ...to], ["--allow-net"]);
  assertMatch(elsewhere.stderr, /^proxy: tcp:\/\/192\.0\.2\.1:0 is not an address of this machine\n$/);
  const unix = await ends(["--listen", "unix:/tmp/a.sock", "--to", "unix:/tmp/b.sock"]);
  const grants = "--allow-read=/tmp/a.sock,/tmp/b.sock --allow-write=/tmp/a.sock,/tmp/b.sock,recordings " +
    "--allow-net=unix:/tmp/a.sock,unix:/tmp/b.sock services/proxy/server.ts";
  assert(unix.stderr.includes(`deno run -P=proxy ${grants}`), unix.stderr);
  assertEquals([used.code, outside.code, elsewhere.code, unix.code], [1, 1, 1, 1]);
});

Deno.test({
  name: "deno task proxy passes TCP on to a Unix socket, that to another, and that to TCP" +
    (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    await using server = serveEcho({ port: 0 });
    const [one, other] = [1, 2].map((number) => `/tmp/wirebench-${crypto.randomUUID()}-${number}.sock`);
    const start = (listen: string, to: string, ...more: string[]) => {
      const paths = [listen, to].filter((at) => at.startsWith("unix:")).map((at) => at.slice("unix:".length));
      // A list on the command line replaces the list of the set.
      const grants = ["127.0.0.1", ...paths.map((path) => `unix:${path}`)];
      const permissions = ["-P=proxy", `--allow-net=${grants}`, `--allow-read=${paths}`, `--allow-write=${paths}`];
      return new ServerProcess(command(["--listen", listen, "--to", to, "--log", "json", ...more], permissions));
    };
    await using last = start(`unix:${other}`, `tcp://127.0.0.1:${server.addr.port}`);
    // The second time at the same path: the first proxy has removed its file.
    for (const _ of ["once", "again"]) {
      await using middle = start(`unix:${one}`, `unix:${other}`, "--cut", "1-1000");
      await using first = start("tcp://127.0.0.1:0", `unix:${one}`);
      const { address } = await first.logged(/^Listening/);
      await Promise.all([middle, last].map((proxy) => proxy.logged(/^Listening at unix:/)));
      using peer = await RawPeer.connect(Number(String(address).split(":").at(-1)));
      const sending = peer.send(pattern(100_000)).then(() => peer.end());
      const { data, wasReset } = await peer.readToEnd();
      await sending;
      same(data, pattern(100_000));
      assertEquals(wasReset, false);
      await middle.logged(/^unix client 1 closed: finished; 100000 bytes up/);
    }
  },
});

Deno.test({
  name: "a proxy that stops removes only its own Unix socket, not a file that has taken its place" +
    (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = temporaryFolder();
    const path = `${folder.path}/s`;
    const permissions = [
      "-P=proxy",
      `--allow-net=unix:${path},127.0.0.1`,
      `--allow-read=${path}`,
      `--allow-write=${path}`,
    ];
    const args = ["--listen", `unix:${path}`, "--to", "tcp://127.0.0.1:1", "--log", "json"];
    for (const remains of ["precious", undefined]) {
      await using proxy = new ServerProcess(command(args, permissions));
      await proxy.logged(/^Listening/);
      if (remains !== undefined) {
        Deno.removeSync(path);
        Deno.writeTextFileSync(path, remains);
      }
      assertEquals(await proxy.stop(), 0);
      assertEquals(await Deno.readTextFile(path).catch(() => undefined), remains);
      if (remains !== undefined) Deno.removeSync(path);
    }
  },
});
