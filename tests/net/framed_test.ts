import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { decimalHeader, fixed, FramingError, lines, text } from "@wirebench/wirebench/framing";
import {
  Connection,
  ConnectionError,
  connectTcp,
  type Framed,
  framed,
  serveTcp,
  TimedOut,
} from "@wirebench/wirebench/net";
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

Deno.test("receive() that gives up leaves the connection usable, and the next receive() gets the message", async () => {
  await using server = oneConnection({ idleTimeout: 10_000 });
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  await assertRejects(() => messages.receive({ timeout: 20 }), TimedOut, "No message within 0.02 s");
  await peer.send("one\nhalf");
  assertEquals(await messages.receive({ timeout: 10_000 }), "one");
  const reason = new Error("enough");
  const controller = new AbortController();
  const given = assertRejects(() => messages.receive({ signal: controller.signal }), Error, "enough");
  const next = messages.receive();
  controller.abort(reason);
  await given;
  await peer.send(" and half\n");
  assertEquals(await next, "half and half");
  await assertRejects(() => messages.receive({ signal: AbortSignal.abort(reason) }), Error, "enough");
  await assertRejects(() => messages.receiveBatch({ timeout: 0 }), TimedOut);
  await messages.send("still open");
  assertEquals(await peer.receive(11), "still open\n");
  await peer.send("two\nthree\n");
  assertEquals(await messages.receiveBatch(), ["two", "three"]);
});

Deno.test("a thousand receive() calls that gave up leave nothing behind", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  const calls = await Promise.allSettled(Array.from({ length: 1000 }, () => messages.receive({ timeout: 0 })));
  assert(calls.every(({ status }) => status === "rejected"));
  await peer.send("one\n");
  assertEquals(await messages.receive(), "one");
});

Deno.test("the answer to a request that gave up does not answer the next request", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  const first = assertRejects(() => messages.request("first", { timeout: 20 }), TimedOut, "No answer within 0.02 s");
  const second = messages.request("second");
  await first;
  const third = messages.request("third");
  const controller = new AbortController();
  const fourth = assertRejects(() => messages.request("fourth", { signal: controller.signal }), Error, "enough");
  controller.abort(new Error("enough"));
  await fourth;
  assertEquals(await peer.receive(26), "first\nsecond\nthird\nfourth\n");
  await peer.send("1\n2\n");
  assertEquals(await second, "2");
  await peer.send("3\n4\n5\n");
  assertEquals([await third, await messages.receive()], ["3", "5"]);
});

Deno.test("a request that is refused takes nobody's answer", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  const first = messages.request("first");
  const refused = assertRejects(() => messages.request("a line\nand another"), FramingError);
  const aborted = assertRejects(() => messages.request("never", { signal: AbortSignal.abort(new Error("no")) }), Error);
  const second = messages.request("second");
  await Promise.all([refused, aborted]);
  assertEquals(await peer.receive(13), "first\nsecond\n");
  await messages.connection.closeWrite();
  const late = assertRejects(() => messages.request("late"), ConnectionError, "nothing more can be written");
  const third = messages.receive();
  await late;
  await peer.send("1\n2\n3\n");
  assertEquals(await Promise.all([first, second, third]), ["1", "2", "3"]);
});

Deno.test("each waiting call learns how the connection ended", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(lines()));
  const calls = [messages.request("a"), messages.request("b"), messages.receive()];
  await peer.send("A\n");
  assertEquals(await calls[0], "A");
  messages.connection.close("failed", "the plug was pulled");
  for (const call of calls.slice(1)) await assertRejects(() => call, ConnectionError, "the plug was pulled");
  await assertRejects(() => messages.request("c"), ConnectionError, "the plug was pulled");

  await using other = oneConnection();
  using ending = await RawPeer.connect(other.port);
  const rest = framed(await other.connection, text(lines()));
  const unanswered = assertRejects(() => rest.request("a"), ConnectionError, "ended without an answer");
  const last = rest.receive();
  await ending.end();
  await unanswered;
  assertEquals(await last, undefined);
});

Deno.test("pushes are passed on in order, also while no request waits, and answers go to their requests", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const pushes: string[] = [];
  let third = Promise.withResolvers<void>();
  const messages = framed(await server.connection, text(lines()), {
    isPush: (line) => line.startsWith(">"),
    onPush(line) {
      pushes.push(line);
      if (pushes.length % 3 === 0) third.resolve();
    },
  });
  await peer.send(">1\n>2\n>3\n");
  await within(third.promise, "three pushes");
  third = Promise.withResolvers();
  const answers = [messages.request("a"), messages.request("b")];
  await peer.send(">4\nA\n>5\nB\nunasked\n>6\n");
  assertEquals(await Promise.all(answers), ["A", "B"]);
  await within(third.promise, "six pushes");
  assertEquals(pushes, [">1", ">2", ">3", ">4", ">5", ">6"]);
  third = Promise.withResolvers();
  assertEquals(await messages.receive(), "unasked");
  await peer.send(">7\n>8\n>9\n");
  await within(third.promise, "nine pushes");
});

Deno.test("nothing is read while a push is being handled, and an error of its handler closes the connection", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const handled = Promise.withResolvers<void>();
  const pushed: string[] = [];
  const messages = framed(connection, text(lines()), {
    isPush: () => true,
    onPush: async (line) => {
      pushed.push(line);
      await handled.promise;
      if (line === "two") throw new Error("cannot handle two");
    },
  });
  await peer.send("one\ntwo\nthree\n");
  const ended = new Promise((resolve) => connection.signal.addEventListener("abort", resolve));
  handled.resolve();
  await within(ended, "the end");
  assertEquals([pushed, connection.reason], [["one", "two"], "failed"]);
  await assertRejects(() => messages.receive(), ConnectionError, "cannot handle two");
});

Deno.test("a draining server ends a connection that only waits, but not one that awaits an answer", async () => {
  const asked = Promise.withResolvers<void>();
  const answers: unknown[] = [];
  const server = serveTcp({ drainTimeout: 10_000 }, async (connection) => {
    const messages = framed(connection, text(lines()));
    await assertRejects(() => messages.receive({ timeout: 0 }), TimedOut);
    const answer = messages.request("who?");
    asked.resolve();
    answers.push(await answer);
    await messages.send("thanks");
    answers.push(await messages.receive());
  });
  using peer = await RawPeer.connect(server.addr.port);
  assertEquals(await peer.receive(5), "who?\n");
  await asked.promise;
  const stopped = server.shutdown();
  await peer.send("me\n");
  assertEquals(await peer.receiveAll(), "thanks\n");
  await peer.end();
  await within(stopped, "the server's end");
  assertEquals(answers, ["me", undefined]);
});

Deno.test("switchTo() gives the rest of what was read to the new framing, wherever the stream is cut", async () => {
  const all = ["hello", "", "upgrade", "x", ""];
  const stream = bytes(`${all.join("\n")}\n\xff`);
  for (let received = 0, start = 0; received <= all.length; start += (all[received++]?.length ?? 0) + 1) {
    for (let cut = 1; cut < stream.length; cut++) {
      for (let next = cut + 1; next <= stream.length; next++) {
        const chunks = [stream.subarray(0, cut), stream.subarray(cut, next), stream.subarray(next)].filter((c) =>
          c.length
        );
        using connection = new Connection(stubSocket({
          read(buffer) {
            const chunk = chunks.shift();
            if (chunk !== undefined) buffer.set(chunk);
            return Promise.resolve(chunk?.length ?? null);
          },
        }));
        const greeting = framed(connection, text(lines()));
        const got: (string | undefined)[] = [];
        while (got.length < received) got.push(await greeting.receive());
        const rest: number[] = [];
        for await (const [byte] of greeting.switchTo(fixed(1))) rest.push(byte!);
        assertEquals(
          [got, rest],
          [all.slice(0, received), [...stream.subarray(start)]],
          `${received}, ${cut}, ${next}`,
        );
        await assertRejects(() => greeting.receive(), TypeError, "switched");
        await assertRejects(() => greeting.send("late"), TypeError, "switched");
      }
    }
  }
});

Deno.test("switchTo() takes a pending read over, and refuses while a call waits or a message has begun", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const greeting = framed(await server.connection, text(lines()));
  await peer.send("one\n");
  assertEquals(await greeting.receive(), "one");
  await assertRejects(() => greeting.receive({ timeout: 0 }), TimedOut);
  const waiting = greeting.receive();
  assertThrows(() => greeting.switchTo(fixed(2)), TypeError, "Cannot switch: expected no waiting call, got 1");
  await peer.send("two\n");
  assertEquals(await waiting, "two");
  await assertRejects(() => greeting.receive({ timeout: 0 }), TimedOut);
  const numbers = greeting.switchTo(fixed(2));
  await peer.send("abcd");
  assertEquals([await numbers.receive(), await numbers.receive()], [bytes("ab"), bytes("cd")]);
});

Deno.test("switchTo() refuses in the middle of a message", async () => {
  const readAgain = Promise.withResolvers<void>();
  let reads = 0;
  using connection = new Connection(stubSocket({
    read(buffer) {
      if (++reads === 1) return Promise.resolve(buffer.set(bytes("begun")) ?? 5);
      readAgain.resolve();
      return new Promise(() => {});
    },
  }));
  const messages = framed(connection, text(lines()));
  const controller = new AbortController();
  const given = assertRejects(() => messages.receive({ signal: controller.signal }), Error, "enough");
  await readAgain.promise;
  controller.abort(new Error("enough"));
  await given;
  assertThrows(() => messages.switchTo(fixed(2)), TypeError, "Cannot switch: a message has begun");
});

Deno.test("switchTo() loses nothing that waits for a turn of the event loop to be decoded", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const connection = await server.connection;
  const greeting = framed(connection, text(lines()));
  const waits = Promise.withResolvers<void>();
  const turn = Promise.withResolvers<void>();
  let requests = 0;
  connection.share.request = () => {
    if (++requests !== 2) return undefined; // The first request is that of the read.
    waits.resolve();
    return turn.promise;
  };
  const controller = new AbortController();
  const given = assertRejects(() => greeting.receive({ signal: controller.signal }), Error, "enough");
  await peer.send("ab\ncd\n");
  await waits.promise;
  controller.abort(new Error("enough"));
  await given;
  const messages = greeting.switchTo(fixed(3));
  turn.resolve();
  const both = Promise.all([messages.receive(), messages.receive()]);
  assertEquals(await within(both, "both messages"), [bytes("ab\n"), bytes("cd\n")]);
});

Deno.test("after a malformed message, switchTo() gives what follows the last message to another framing", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const messages = framed(await server.connection, text(decimalHeader()));
  await peer.send(textOf(headed("a")) + "no header here\n");
  assertEquals(await messages.receive(), "a");
  await assertRejects(() => messages.receive(), FramingError);
  assertEquals(await messages.switchTo(text(lines())).receive(), "no header here");
});

Deno.test("switchTo() loses nothing while pushes are taken", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const pushes: string[] = [];
  const messages = framed(await server.connection, text(lines()), {
    isPush: (line) => line.startsWith(">"),
    onPush: (line) => void pushes.push(line),
  });
  const answer = messages.request("upgrade");
  await peer.send(">1\n>2\nyes\nabcdef");
  assertEquals(await answer, "yes");
  const after = messages.switchTo(fixed(3));
  assertEquals([await after.receive(), await after.receive()], [bytes("abc"), bytes("def")]);
  assertEquals(pushes, [">1", ">2"]);
});

Deno.test("a push that was read before switchTo() is passed on after it has returned", async () => {
  await using server = oneConnection();
  using peer = await RawPeer.connect(server.port);
  const greeting = framed(await server.connection, text(lines()));
  await peer.send("hello\nping\n");
  assertEquals(await greeting.receive(), "hello");
  const messages: Framed<string> = greeting.switchTo(text(lines()), {
    isPush: (line) => line === "ping",
    onPush: () => messages.send("pong"),
  });
  assertEquals(await peer.receive(5), "pong\n");
});

Deno.test("await using ends a framed connection without losing what was sent", async () => {
  await using server = serveTcp({}, async (connection) => {
    await using messages = framed(connection, text(lines()));
    await messages.send((await messages.receive())!.toUpperCase());
  });
  using peer = await RawPeer.connect(server.addr.port);
  await peer.send("one\ntwo\n");
  assertEquals(await peer.receiveAll(), "ONE\n");
  await peer.end();
});
