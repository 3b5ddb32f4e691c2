import { concat } from "@std/bytes/concat";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { serveEcho } from "@wirebench/wirebench/echo";
import { serveProxy, type ServeProxyOptions } from "@wirebench/wirebench/proxy";
import { parseRecording, type RecordedEvent, Recorder } from "@wirebench/wirebench/record";
import { serveUppercase } from "@wirebench/wirebench/uppercase";
import { bytes, fakeServer, headed, RawPeer, textOf, turn, until, untilStill, within } from "../harness.ts";

/** A proxy with a recorder in front of a port, both on loopback. */
async function recorded(port: number, options: Partial<ServeProxyOptions> = {}, protocol = "tcp") {
  const tap = new Recorder();
  const to = `${protocol}://127.0.0.1:${port}`;
  const proxy = await serveProxy({ seed: 1, ...options, listen: `${protocol}://127.0.0.1:0`, to, tap });
  const events = (): RecordedEvent[] => {
    const { events, problem } = parseRecording([...tap.snapshot()].join(""));
    assertEquals(problem, undefined);
    return events;
  };
  /** The events of a kind in a direction, as text. */
  const told = (kind: RecordedEvent["k"], way: "up" | "down" = "up") =>
    events().filter((event) => event.k === kind && (!("w" in event) || event.w === way)).map(short);
  return Object.assign(proxy, { events, told, port: (proxy.addr as Deno.NetAddr).port });
}

/** An event as text, without its time and connection. */
function short(event: RecordedEvent): string {
  switch (event.k) {
    case "in":
      return `${event.at} ${textOf(Uint8Array.fromBase64(event.d))}`;
    case "out":
      return `${event.at}+${event.n}`;
    case "fault":
      return [event.at, event.kind, event.where].filter((part) => part !== undefined).join(" ");
    case "end":
    case "from":
      return String(event.at);
    case "step":
      return `${event.at} ${event.unit}`;
    case "set":
      return JSON.stringify(event.faults);
    case "close":
      return event.reason;
    default:
      return event.k;
  }
}

/** A server that keeps what it received. */
function listening() {
  const server = { got: "", ended: false };
  const listener = fakeServer(async (peer) => {
    const buffer = new Uint8Array(65_536);
    for (let count; (count = await peer.socket.read(buffer)) !== null;) server.got += textOf(buffer.subarray(0, count));
    server.ended = true;
    await peer.end();
  });
  return Object.assign(listener, { seen: server });
}

Deno.test("a recording has every read, write, end and close of a connection, in order", async () => {
  await using server = serveEcho({ port: 0 });
  await using proxy = await recorded(server.addr.port, { cut: [1, 3] });
  using peer = await RawPeer.connect(proxy.port);
  await peer.send("Hello, world");
  assertEquals(await peer.receive(12), "Hello, world");
  await peer.end();
  assertEquals(await peer.receiveAll(), "");
  await until(() => proxy.connections === 0, "the end");
  const [open, ...rest] = proxy.events();
  assert(open!.k === "open" && open.peer === peer.address && /^127\.0\.0\.1:\d+$/.test(open.source!));
  assertEquals(rest.at(-1)!.k, "close");
  assertEquals(proxy.told("close"), ["finished"]);
  for (const way of ["up", "down"] as const) {
    const inputs = rest.filter((event) => event.k === "in" && event.w === way) as Extract<RecordedEvent, { k: "in" }>[];
    assertEquals(textOf(concat(inputs.map(({ d }) => Uint8Array.fromBase64(d)))), "Hello, world");
    const outputs = rest.filter((event) => event.k === "out" && event.w === way);
    let at = 0;
    for (const event of outputs) {
      assert(event.k === "out" && event.at === at && event.n <= 3);
      at += event.n;
    }
    assertEquals([at, proxy.told("end", way)], [12, ["12"]]);
  }
});

Deno.test("reads are recorded when they arrive, one by one, while earlier ones wait for --delay or --join", async () => {
  for (const fault of [{ delay: 3_600_000 }, { join: 3_600_000 }]) {
    await using server = listening();
    await using proxy = await recorded(server.port, fault);
    using peer = await RawPeer.connect(proxy.port);
    for (const [at, letter] of ["a", "b", "c"].entries()) {
      await peer.send(letter);
      await until(() => proxy.told("in").length === at + 1, "the read");
    }
    assertEquals([proxy.told("in"), proxy.told("out")], [["0 a", "1 b", "2 c"], []]);
  }
});

Deno.test("a client's bytes from before the connection to the target are recorded, also if there is no target", async () => {
  await using proxy = await recorded(1);
  using peer = await RawPeer.connect(proxy.port);
  await peer.send("anybody?").catch(() => {});
  await peer.receiveAll().catch(() => {});
  await until(() => proxy.told("close").length === 1, "the end");
  const [open] = proxy.events();
  assert(open!.k === "open" && open.source === undefined);
  assertEquals(proxy.told("close"), ["reset"]);
});

Deno.test("a paused proxy forwards nothing in any direction, and its senders block", async () => {
  await using server = fakeServer(async (peer) => {
    await peer.send("!");
    await peer.send(await peer.receive(3));
    await peer.receiveAll();
  });
  await using proxy = await recorded(server.port);
  using peer = await RawPeer.connect(proxy.port);
  await peer.receive(1);
  proxy.pause();
  assertEquals(proxy.isPaused, true);
  await peer.send("Hey");
  await until(() => proxy.told("in").length === 1, "the bytes");
  let sent = 3;
  const stuffing = (async () => {
    for (; sent < 60_000_000; sent += 100_000) await peer.send(new Uint8Array(100_000).fill(0x61));
    await peer.end();
  })();
  await untilStill(() => sent);
  assert(sent < 30_000_000, `${sent} bytes went nowhere`);
  assertEquals([proxy.report.up, proxy.report.down], [0, 1]);
  // A pause of a paused proxy is none.
  proxy.pause();
  proxy.resume();
  assertEquals(await peer.receive(3), "Hey");
  await stuffing;
  assertEquals(await peer.receiveAll(), "");
  assertEquals([proxy.report.up, proxy.isPaused], [60_000_003, false]);
});

Deno.test("the end of a stream waits for the end of a pause, or for a step", async () => {
  for (const step of [false, true]) {
    await using server = listening();
    await using proxy = await recorded(server.port, { framing: "lines" });
    using peer = await RawPeer.connect(proxy.port);
    await until(() => proxy.connections === 1, "the connection");
    proxy.pause();
    await peer.end();
    await until(() => proxy.told("end").length === 1, "the end at the proxy");
    proxy.setFaults({ cut: 1 });
    await turn();
    assertEquals(server.seen.ended, false);
    if (step) proxy.step(1, "up", "message");
    else proxy.resume();
    await until(() => server.seen.ended, "the end at the server");
  }
});

Deno.test("a step lets one byte, one piece or one message pass, also if it has yet to arrive", async () => {
  await using server = listening();
  await using proxy = await recorded(server.port, { framing: "header", cut: 4, delay: 3_600_000, direction: "up" });
  using peer = await RawPeer.connect(proxy.port);
  await until(() => proxy.connections === 1, "the connection");
  proxy.pause();
  const stream = textOf(concat([headed("one"), headed("second"), headed("third")]));
  await peer.send(stream.slice(0, 33));
  let length = 0;
  const passes = async (unit: "byte" | "piece" | "message", count: number) => {
    proxy.step(1, "up", unit);
    length += count;
    await until(() => server.seen.got.length >= length, () => `a ${unit}, got ${server.seen.got.length} of ${length}`);
    await turn();
    assertEquals(server.seen.got, stream.slice(0, length), unit);
  };
  await passes("byte", 1);
  await passes("byte", 1);
  await passes("piece", 2); // The rest of the first piece.
  await passes("piece", 4);
  await passes("message", 5);
  await passes("message", 16);
  await passes("piece", 3); // The end of the piece in which the message ended.
  assertEquals(length, 32);
  // One byte has arrived; the step goes on with the others.
  proxy.step(1, "up", "message");
  await until(() => server.seen.got.length === 33, "the byte");
  await peer.send(stream.slice(33));
  await until(() => server.seen.got.length === stream.length, "the rest");
  assertEquals(server.seen.got, stream);
  await peer.send("x");
  await until(() => proxy.told("in").length >= 3, "another byte");
  await turn();
  assertEquals(server.seen.got, stream);
  assertEquals(proxy.told("step").at(-1), "32 message");
  proxy.resume();
  // The delay of the byte applies again.
  await turn();
  assertEquals(server.seen.got, stream);
});

Deno.test("a step that is not possible throws, and says why", async () => {
  await using server = listening();
  await using proxy = await recorded(server.port);
  using _peer = await RawPeer.connect(proxy.port);
  await until(() => proxy.connections === 1, "the connection");
  assertThrows(() => proxy.step(1, "up", "byte"), RangeError, "Cannot step: the proxy is not paused");
  proxy.pause();
  assertThrows(() => proxy.step(2, "up", "byte"), RangeError, "There is no open connection 2");
  assertThrows(() => proxy.step(1, "up", "message"), RangeError, "Cannot step by a message: expected a framing");
  assertThrows(() => proxy.endSide(7, "up"), RangeError, "There is no open connection 7");
  assertThrows(() => proxy.reset(7), RangeError, "There is no open connection 7");
});

Deno.test("endSide() ends one direction: the receiver reads the end, later bytes are dropped, and the other goes on", async () => {
  const got = Promise.withResolvers<string>();
  await using server = fakeServer(async (peer) => {
    got.resolve(await peer.receiveAll());
    await peer.send("still here");
    await peer.end();
  });
  await using proxy = await recorded(server.port);
  using peer = await RawPeer.connect(proxy.port);
  await peer.send("Hello");
  await until(() => proxy.report.up === 5, "the bytes");
  proxy.endSide(1, "up");
  assertEquals(await got.promise, "Hello");
  proxy.endSide(1, "up");
  await peer.send("lost".repeat(100_000));
  await peer.end();
  assertEquals(await peer.receiveAll(), "still here");
  await until(() => proxy.connections === 0, "the end");
  assertEquals([proxy.report.up, proxy.told("fault"), proxy.told("close")], [5, ["5 end"], ["finished"]]);
});

Deno.test("endSide() ends a direction that waits: for a delay, a stopped reader or the end of a pause", async () => {
  for (const fault of [{ delay: 3_600_000 }, { stopAfter: 0 }, {}]) {
    await using server = listening();
    await using proxy = await recorded(server.port, { ...fault, direction: "up" });
    using peer = await RawPeer.connect(proxy.port);
    await until(() => proxy.connections === 1, "the connection");
    if (!("delay" in fault)) proxy.pause();
    await peer.send("waits");
    await until(() => proxy.told("in").length === 1, "the bytes");
    proxy.endSide(1, "up");
    await until(() => server.seen.ended, "the end");
    proxy.resume();
    await peer.end();
    assertEquals([await peer.receiveAll(), server.seen.got], ["", ""]);
    await until(() => proxy.told("close").length === 1, "the close");
    assertEquals(proxy.told("close"), ["finished"]);
  }
});

Deno.test("reset() resets both sides", async () => {
  const ended = Promise.withResolvers<unknown>();
  await using server = fakeServer(async (peer) => {
    await peer.send("!");
    ended.resolve(await peer.socket.read(new Uint8Array(1)).catch((error) => error));
  });
  await using proxy = await recorded(server.port, { delay: 1 });
  using peer = await RawPeer.connect(proxy.port);
  await peer.receive(1);
  proxy.reset(1);
  proxy.reset(1);
  const here = await within(peer.socket.read(new Uint8Array(1)).catch((error) => error), "the reset");
  assert(here instanceof Deno.errors.ConnectionReset);
  assert(await ended.promise instanceof Deno.errors.ConnectionReset);
  await until(() => proxy.connections === 0, "the end");
  assertEquals([proxy.told("fault"), proxy.told("close"), proxy.report.faults.reset], [["0 reset"], ["reset"], 1]);
});

Deno.test("setFaults() applies from the next byte on, also inside a chunk, and the recording says from which", async () => {
  await using server = listening();
  await using proxy = await recorded(server.port, { cut: 4, direction: "up" });
  using peer = await RawPeer.connect(proxy.port);
  await until(() => proxy.connections === 1, "the connection");
  proxy.pause();
  await peer.send("0123456789");
  await until(() => proxy.told("in").length === 1, "the bytes");
  for (const unit of ["piece", "byte"] as const) {
    const { length } = proxy.told("out");
    proxy.step(1, "up", unit);
    await until(() => proxy.told("out").length > length, "the step");
  }
  // The second piece of four bytes is under way.
  proxy.setFaults({ cut: 2 });
  proxy.resume();
  await until(() => server.seen.got.length === 10, "all of it");
  assertEquals(proxy.told("out"), ["0+4", "4+1", "5+2", "7+2", "9+1"]);
  assertEquals([proxy.told("set"), proxy.told("from")], [['{"cut":2}'], ["5"]]);
  const kinds = proxy.events().map(({ k }) => k);
  assert(kinds.indexOf("set") < kinds.indexOf("from"));
  // A direction in which nothing waits has them from its next byte on.
  proxy.setFaults({ cut: 3 });
  await peer.send("abcdef");
  await until(() => server.seen.got.length === 16, "the rest");
  assertEquals([proxy.told("out").slice(-2), proxy.told("from")], [["10+3", "13+3"], ["5", "10"]]);
});

Deno.test("setFaults() inside a message does not lose count of the messages", async () => {
  for (const framing of [undefined, "header"]) await switchInside(framing);
});

/** Switches faults inside a message, with the framing of before. */
async function switchInside(framing: string | undefined): Promise<void> {
  const got = Promise.withResolvers<string>();
  await using server = fakeServer(async (peer) => got.resolve(await peer.receiveAll()));
  await using proxy = await recorded(server.port, { framing: "header", direction: "up" });
  using peer = await RawPeer.connect(proxy.port);
  const [first, rest] = ["11        aaaa", "aaaaaaa" + textOf(headed("two")) + textOf(headed("three"))];
  await peer.send(first);
  await until(() => proxy.report.up === first.length, "half of a message");
  // The second message from here on is the third of the stream. The framing stays.
  proxy.setFaults({ framing, resetIn: "payload", message: 2, direction: "up" });
  await peer.send(rest);
  await within(got.promise, "the reset");
  const { length } = first + rest;
  const [fault] = proxy.told("fault");
  const [, at] = /^(\d+) reset in the payload of message 2, counted from byte 14$/.exec(fault!)!;
  assert(Number(at) > length - 5 && Number(at) < length, fault);
}

/** A UDP client of a proxy. */
function client(port: number) {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  return {
    send: (text: string) => socket.send(bytes(text), { transport: "udp", hostname: "127.0.0.1", port }),
    receive: async () => textOf((await within(socket.receive(), "a datagram"))[0]),
    [Symbol.dispose]: () => socket.close(),
  };
}

/** The numbers of the datagrams in the events of a kind. */
function numbers(events: RecordedEvent[], kind: "in" | "out" | "fault"): (number | undefined)[] {
  return events.filter((event) => event.k === kind && event.w === "up").map((event) =>
    "i" in event ? event.i : undefined
  );
}

Deno.test("UDP: a recording has every datagram by its number, and which were lost, repeated and reordered", async () => {
  await using server = serveUppercase({ port: 0 });
  await using proxy = await recorded(server.addr.port, { direction: "up" }, "udp");
  using socket = client(proxy.port);
  for (const text of ["a", "", "ccc"]) {
    await socket.send(text);
    assertEquals(await socket.receive(), text.toUpperCase());
  }
  assertEquals(proxy.told("in"), ["0 a", "1 ", "1 ccc"]);
  assertEquals(proxy.told("out"), ["0+1", "1+0", "1+3"]);
  assertEquals(proxy.told("in", "down"), ["0 A", "1 ", "1 CCC"]);
  assertEquals([numbers(proxy.events(), "in"), numbers(proxy.events(), "out")], [[1, 2, 3], [1, 2, 3]]);

  proxy.setFaults({ lose: 100, direction: "up" });
  await socket.send("dd");
  await until(() => proxy.told("fault").length === 1, "the loss");
  proxy.setFaults({ repeat: 100, direction: "up" });
  await socket.send("ee");
  assertEquals([await socket.receive(), await socket.receive()], ["EE", "EE"]);
  proxy.setFaults({ reorder: 100, direction: "up" });
  await socket.send("ff");
  await socket.send("gg");
  assertEquals([await socket.receive(), await socket.receive()], ["GG", "FF"]);
  assertEquals(proxy.told("fault"), ["4 lost", "6 repeated", "8 reordered"]);
  assertEquals(proxy.told("from"), ["4", "6", "8"]);
  assertEquals(numbers(proxy.events(), "fault"), [4, 5, 6]);
  assertEquals(numbers(proxy.events(), "out").slice(3), [5, 5, 7, 6]);
});

Deno.test("UDP: a paused proxy holds datagrams back, and a step lets one pass, without its delay", async () => {
  await using server = serveUppercase({ port: 0 });
  await using proxy = await recorded(server.addr.port, { delay: 3_600_000, direction: "up" }, "udp");
  using socket = client(proxy.port);
  proxy.pause();
  for (const text of ["one", "two", "three"]) await socket.send(text);
  await until(() => proxy.told("in").length === 3, "the datagrams");
  proxy.step(1, "up", "piece");
  await until(() => proxy.told("in", "down").length === 1, "the answer");
  assertEquals([proxy.told("out"), proxy.told("out", "down")], [["0+3"], []]);
  proxy.step(1, "down", "message");
  assertEquals(await socket.receive(), "ONE");
  assertThrows(() => proxy.step(1, "up", "byte"), RangeError, "Cannot step by a byte: a datagram passes whole");
  assertThrows(() => proxy.endSide(1, "up"), RangeError, "Cannot end a side: datagrams have no end");
  assertThrows(() => proxy.reset(1), RangeError, "Cannot reset: datagrams have no connection");
  // New faults and the end of the pause do not shorten the delay of datagrams that wait.
  proxy.setFaults({});
  proxy.resume();
  await socket.send("four");
  await until(() => proxy.told("in").length === 4, "the datagram");
  await turn();
  assertEquals(proxy.told("out"), ["0+3"]);
});
