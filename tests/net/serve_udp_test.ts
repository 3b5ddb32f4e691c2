import { bytes, grantsOf, NO_IPV6, runClient, ServerProcess, textOf, within } from "../harness.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { connectUdp, serveUdp } from "@wirebench/wirebench/net";

Deno.test("serveUdp() continues after an error in its handler and after an address it cannot answer", async () => {
  let failing = true;
  await using server = serveUdp({ onError() {} }, (datagram) => {
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

Deno.test("answers to a flood of datagrams are limited per second, and the log has one line", async () => {
  const rate = 5;
  await using server = await ServerProcess.start("uppercase", { args: ["--max-rate", String(rate)] });
  const began = performance.now();
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: server.port };
  for (let count = 0; count < 50; count++) await socket.send(bytes(`${count}`), to);
  const answers: string[] = [];
  for (let count = 0; count < rate; count++) answers.push(textOf((await within(socket.receive(), "an answer"))[0]));
  assertEquals(answers, ["0", "1", "2", "3", "4"]);
  socket.close();
  assertEquals((await server.logged(/gets no answer/)).reason, "too many");
  // Another address has a rate of its own. When it is answered, the server has received the whole flood.
  const other = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.2", port: 0 });
  await other.send(bytes("last"), to);
  assertEquals(textOf((await within(other.receive(), "an answer"))[0]), "LAST");
  other.close();
  await server.stop();
  const seconds = Math.ceil((performance.now() - began) / 1000);
  const lines = server.log.filter(({ message }) => message.includes("gets no answer"));
  assert(lines.length <= seconds + 1, `${lines.length} lines in ${seconds} s`);
  const [, dropped] = /(\d+) too many/.exec((await server.logged(/since the start/)).message)!;
  assert(Number(dropped) >= 50 - rate * (seconds + 1), `${dropped} dropped in ${seconds} s`);
});

Deno.test("an answer much longer than its question is not sent", async () => {
  await using server = serveUdp({ maxGrowth: 2 }, (datagram) => new Uint8Array(Number(textOf(datagram))));
  using peer = await connectUdp({ port: server.addr.port });
  await peer.send(bytes("4"));
  await peer.send(bytes("3"));
  assertEquals((await peer.receive()).length, 3);
  assertEquals([...server.dropped], [["too long an answer", 1]]);

  await using chat = await ServerProcess.start("udp-chat", { args: ["--reply", "x".repeat(641)] });
  using talker = await connectUdp({ port: chat.port });
  await talker.send(bytes(""));
  await chat.logged(/too long an answer/);
  await talker.send(bytes("x"));
  assertEquals((await talker.receive()).length, 641);
});

Deno.test("serveUdp() stops listening if onListen throws", () => {
  const onListen = () => {
    throw new Error("boom");
  };
  assertThrows(() => serveUdp({ onListen }, () => {}), Error, "boom");
});

Deno.test("serveUdp() shuts down although a handler never returns", async () => {
  const called = Promise.withResolvers<void>();
  const server = serveUdp({}, () => {
    called.resolve();
    return new Promise<void>(() => {});
  });
  using peer = await connectUdp({ port: server.addr.port });
  await peer.send(bytes("?"));
  await called.promise;
  await within(server.shutdown(), "the server's end");
});

Deno.test("serveUdp() lets the event loop turn during a flood, although its handler is slow", async () => {
  let handled = 0;
  const handler = (datagram: Uint8Array) => {
    handled++;
    for (const until = performance.now() + 1; performance.now() < until;);
    return datagram;
  };
  // Two servers that answer each other for ever.
  await using one = serveUdp({}, handler);
  await using two = serveUdp({}, handler);
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: two.addr.port };
  for (let count = 0; count < 100; count++) await one.send(bytes("x"), to);
  let most = 0;
  for (let turn = 0; turn < 20; turn++) {
    const before = handled;
    await new Promise((resolve) => setTimeout(resolve));
    most = Math.max(most, handled - before);
  }
  assert(handled > 0, "no datagram was handled");
  // The runtime alone turns the loop after 64 datagrams.
  assert(most < 32, `${most} datagrams were handled before the loop turned`);
});

const ipv6 = { name: `uppercase:server --host :: answers both families${NO_IPV6}`, ignore: NO_IPV6 !== "" };
Deno.test(ipv6, async () => {
  await using server = await ServerProcess.start("uppercase", {
    args: ["--host", "::"],
    permissions: [...grantsOf("uppercase", "server"), "--allow-net"],
  });
  const port = ["--port", String(server.port)];
  for (const host of ["127.0.0.1", "::1"]) {
    assertEquals((await runClient("uppercase", ["--host", host, ...port, "hey"])).stdout, "HEY\n");
  }
});
