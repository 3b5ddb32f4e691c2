import { assertEquals, assertMatch } from "@std/assert";
import { serveEcho } from "@wirebench/wirebench/echo";
import type { ListenAddress } from "@wirebench/wirebench/net";
import {
  bytes,
  ClientProcess,
  fakeServer,
  RawPeer,
  runClient,
  ServerProcess,
  turn,
  untilNobodyListens,
} from "../harness.ts";

Deno.test("echo:server sends back all of 12 MB to a client that reads slowly", async () => {
  await using server = await ServerProcess.start("echo");
  using peer = await server.connect();
  const sent = new Uint8Array(12_000_000).map((_, index) => (index * 31) ^ (index >> 8));
  const sending = peer.send(sent).then(() => peer.end());
  // The client reads a little per turn, so the buffers are full and the server has to wait.
  let received = 0;
  const buffer = new Uint8Array(64 * 1024);
  for (let count; (count = await peer.socket.read(buffer)) !== null;) {
    for (let at = 0; at < count; at++) {
      if (buffer[at] !== sent[received + at]) throw new Error(`Byte ${received + at} differs`);
    }
    received += count;
    await turn();
  }
  await sending;
  assertEquals(received, sent.length);
});

Deno.test({
  name: "echo:server stops accepting without free descriptors, and resumes when there are some" +
    (Deno.build.os === "windows" ? " (ignored: no ulimit here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    // Deno itself uses about 30 descriptors.
    await using server = await ServerProcess.start("echo", { wrapper: ["sh", "-c", 'ulimit -n 60 && exec "$0" "$@"'] });
    const peers = await Promise.all(Array.from({ length: 80 }, () => server.connect()));
    assertMatch((await server.logged(/Cannot accept/)).message, /Too many open files/);
    for (const peer of peers) peer.close();
    using peer = await server.connect();
    await peer.send("back again");
    assertEquals(await peer.receive(10), "back again");
  },
});

Deno.test("echo:server refuses connections over the limit at once, and takes new ones when others leave", async () => {
  await using server = await ServerProcess.start("echo", { args: ["--max-connections", "2"] });
  using first = await server.connect();
  using second = await server.connect();
  await first.send("1");
  await first.receive(1);
  await second.send("2");
  await second.receive(1);
  using third = await server.connect();
  assertEquals(await third.receiveAll(), "");
  assertEquals((await server.logged(/refused/)).reason, "refused");
  await first.end();
  await first.receiveAll();
  await server.logged(/closed: finished/);
  using fourth = await server.connect();
  await fourth.send("4");
  assertEquals(await fourth.receive(1), "4");
});

Deno.test("echo:server closes an idle connection", async () => {
  await using server = await ServerProcess.start("echo", { args: ["--idle-timeout", "0.2"] });
  using peer = await server.connect();
  assertEquals(await peer.receiveAll(), "");
  assertMatch((await server.logged(/closed/)).message, /closed: idle \(Nothing came for 0\.2 s\)/);
});

Deno.test("echo:server finishes what is under way when it is told to stop, and says so", async () => {
  await using server = await ServerProcess.start("echo");
  using peer = await server.connect();
  await peer.send("before");
  await peer.receive(6);
  server.signal("SIGTERM");
  await server.logged(/SIGTERM: letting 1 connection finish/);
  await untilNobodyListens(server.port);
  await peer.send("after");
  await peer.end();
  assertEquals(await peer.receiveAll(), "after");
  await server.logged(/Stopped; connections open at SIGTERM: 1 finished, 0 aborted/);
  assertEquals((await server.process.status).code, 0);
});

Deno.test("echo:server takes two signals at once for one, as from Ctrl-C under a task, and closes everything at a later one", async () => {
  await using server = await ServerProcess.start("echo");
  using peer = await server.connect();
  await peer.send("held");
  await peer.receive(4);
  server.signal("SIGINT");
  server.signal("SIGINT");
  await server.logged(/letting 1 connection finish/);
  await peer.send("still served");
  assertEquals(await peer.receive(12), "still served");
  const stopping = server.stopAtOnce("SIGINT");
  assertEquals(await peer.receiveAll(), "");
  await server.logged(/Stopped; connections open at SIGINT: 0 finished, 1 aborted/);
  assertEquals(await stopping, 0);
});

Deno.test("echo:client prints what came back", async () => {
  await using server = await ServerProcess.start("echo");
  const port = ["--port", String(server.port)];
  assertEquals(await runClient("echo", port), { code: 0, stdout: "Hello, world\n", stderr: "" });
  assertEquals((await runClient("echo", [...port, "Zoë 'n' $x"])).stdout, "Zoë 'n' $x\n");
  assertEquals((await runClient("echo", [...port, ""])).stdout, "\n");
  assertEquals((await runClient("echo", [...port, "--", "-x"])).stdout, "-x\n");
});

Deno.test("echo:client - sends standard input, and prints each answer at once", async () => {
  await using server = await ServerProcess.start("echo");
  await using client = new ClientProcess("echo", { args: ["--port", String(server.port), "-"] });
  await client.type("first");
  await client.shows(/^first$/);
  await client.type(" and second\n\x1b[2J");
  await client.endInput();
  assertEquals(await client.result(), { code: 0, stdout: "first and second\n\x1b[2J", stderr: "" });
});

Deno.test("echo:client reads an answer that comes in chunks", async () => {
  await using server = fakeServer(async (peer) => {
    for (const character of await peer.receive(12)) await peer.send(character);
    await peer.receiveAll();
  });
  assertEquals((await runClient("echo", ["--port", String(server.port)])).stdout, "Hello, world\n");
});

Deno.test("echo:client fails with a message when the server ends early, says too much or nothing", async () => {
  const cases: [serve: (peer: RawPeer, held: Promise<void>) => Promise<unknown>, stderr: RegExp, timeout?: string][] = [
    [(peer) => peer.receive(12).then(() => peer.send("Hello")), /The server ended early: 12 bytes sent, 5 received/],
    [
      (peer, held) => peer.send("Hello, world and more").then(() => held),
      /The server sent too much: expected 12 bytes, got \d+/,
    ],
    [(_, held) => held, /Nothing came for 0\.3 s/, "0.3"],
  ];
  for (const [serve, stderr, timeout = "10"] of cases) {
    await using server = fakeServer(serve);
    const result = await runClient("echo", ["--port", String(server.port), "--timeout", timeout]);
    assertMatch(result.stderr, stderr);
    assertEquals(result.code, 1);
  }
});

Deno.test("echo:client does not wait for standard input once the server has gone", async () => {
  await using server = fakeServer((peer) => peer.receive(1));
  await using client = new ClientProcess("echo", { args: ["--port", String(server.port), "-"] });
  await client.type("x");
  const { code, stderr } = await client.result();
  assertMatch(stderr, /^echo:client: (The server ended early|The peer broke the connection off)/);
  assertEquals(code, 1);
});

Deno.test("serveEcho() can be used in the tests of other programs", async () => {
  const listening = Promise.withResolvers<ListenAddress>();
  await using server = serveEcho({ port: 0, onListen: listening.resolve });
  assertEquals(await listening.promise, server.addr);
  using peer = await RawPeer.connect(server.addr.port);
  await peer.send(bytes("Hey"));
  assertEquals(await peer.receive(3), "Hey");
  assertEquals(server.connections, 1);
  await peer.end();
  await peer.receiveAll();
  await server.shutdown();
  assertEquals([...server.closed], [["finished", 1]]);
});

Deno.test("echo's server and client show each read and write at the level debug, and the client its address", async () => {
  await using server = await ServerProcess.start("echo", { args: ["--log-level", "debug"] });
  const { code, stderr } = await runClient("echo", ["--port", String(server.port), "--log-level", "debug", "Hey"]);
  assertEquals(code, 0);
  assertMatch(stderr, new RegExp(`Connected to 127\\.0\\.0\\.1:${server.port} from 127\\.0\\.0\\.1:\\d+\n`));
  assertMatch(stderr, /Wrote 3 bytes to 127\.0\.0\.1:\d+\n/);
  assertMatch(stderr, /Read 3 bytes from 127\.0\.0\.1:\d+\n/);
  await server.logged(/^Read 3 bytes from /);
  await server.logged(/^Wrote 3 bytes to /);
  await server.logged(/^The end from /);
});

Deno.test("echo:server, uppercase:server, fixed:server and delimited:server log both directions", async () => {
  for (
    const [service, message, args, answer] of [
      ["echo", "Hey", [], "Hey"],
      ["uppercase", "Hey", [], "HEY"],
      ["fixed", "Hey", ["--length", "3"], "Hey"],
      ["delimited", "Hey", [], "Hey"],
    ] as const
  ) {
    await using server = await ServerProcess.start(service, { args: [...args] });
    const { code } = await runClient(service, ["--port", String(server.port), ...args, message]);
    assertEquals(code, 0);
    assertEquals((await server.logged(/-> Server/)).text, "Hey");
    assertEquals((await server.logged(/^Server ->/)).text, answer);
  }
});
