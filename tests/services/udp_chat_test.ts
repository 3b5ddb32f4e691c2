import { assertEquals, assertMatch } from "@std/assert";
import { serveUdpChat } from "@wirebench/wirebench/udp-chat";
import { connectUdp } from "@wirebench/wirebench/net";
import { bytes, ClientProcess, runClient, ServerProcess, textOf, until, within } from "../harness.ts";

Deno.test("udp-chat:server answers every turn with --reply, the empty one too", async () => {
  await using server = await ServerProcess.start("udp-chat", { args: ["--reply", "fine, Zoë"] });
  using peer = await connectUdp({ port: server.port });
  for (const turn of ["how are you?", "", "ünï"]) {
    await peer.send(bytes(turn));
    assertEquals(textOf(await peer.receive()), "fine, Zoë");
  }
  await server.logged(/-> Server: ünï$/);
  const said = server.log.filter(({ to }) => to === "Server").map(({ text }) => text);
  assertEquals(said, ["how are you?", "", "ünï"]);
});

Deno.test("the turns of two clients are never mixed up, however long an answer takes", async () => {
  const asked: string[] = [];
  let answer = Promise.withResolvers<string>();
  const turns = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using server = serveUdpChat({
    port: 0,
    reply(turn) {
      asked.push(turn);
      turns[asked.length - 1]?.resolve();
      return answer.promise;
    },
  });
  using ann = await connectUdp({ port: server.addr.port });
  using ben = await connectUdp({ port: server.addr.port });
  await ann.send(bytes("I am ann"));
  await turns[0]!.promise;
  await ben.send(bytes("I am ben"));
  // Ann's turn is not over, so ben's has to wait.
  assertEquals(asked, ["I am ann"]);
  const first = answer;
  answer = Promise.withResolvers();
  first.resolve("hello ann");
  assertEquals(textOf(await ann.receive()), "hello ann");
  await turns[1]!.promise;
  answer.resolve("hello ben");
  assertEquals(textOf(await ben.receive()), "hello ben");
  assertEquals(asked, ["I am ann", "I am ben"]);
});

Deno.test("udp-chat:server answers from standard input, and ends with it", async () => {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=udp-chat-server", "services/udp_chat/server.ts", "--port", "0", "--log", "json"],
    cwd: new URL("../..", import.meta.url),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const log = process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  const shown = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const person = process.stdin.getWriter();
  const port = Number(/:(\d+)"/.exec((await log.read()).value!)![1]);
  using peer = await connectUdp({ port });
  await peer.send(bytes("hello\x1b[2J"));
  assertMatch((await within(shown.read(), "the turn")).value!, /^127\.0\.0\.1:\d+ > hello\\x1b\[2J\n$/);
  await person.write(bytes("hello yourself\n"));
  assertEquals(textOf(await peer.receive()), "hello yourself");
  await person.close();
  await peer.send(bytes("are you there?"));
  assertEquals((await within(process.status, "the server's end")).code, 0);
  let rest = "";
  for (let part; !(part = await log.read()).done;) rest += part.value;
  assertMatch(rest, /no more answers, stopping/);
  await shown.cancel();
});

Deno.test("udp-chat:client takes turns with its arguments, or lines", async () => {
  await using server = await ServerProcess.start("udp-chat", { args: ["--reply", "fine"] });
  const port = ["--port", String(server.port)];
  assertEquals(await runClient("udp-chat", [...port, "one", ""]), { code: 0, stdout: "fine\nfine\n", stderr: "" });
  assertEquals((await runClient("udp-chat", port, "one\n\ntwo")).stdout, "fine\nfine\nfine\n");
});

Deno.test("udp-chat:client does not take a second copy of an answer for the next one", async () => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const answering = (async () => {
    for (let turn = 0; turn < 3; turn++) {
      const [data, from] = await socket.receive(new Uint8Array(100));
      for (let copy = 0; copy < 2; copy++) await socket.send(bytes(`re:${textOf(data)}`), from);
    }
  })();
  const { port } = socket.addr as Deno.NetAddr;
  await using client = new ClientProcess("udp-chat", { args: ["--port", String(port), "--log-level", "debug"] });
  const received = () => client.stderr.match(/Received/g)?.length ?? 0;
  for (const [at, turn] of ["one", "two", "three"].entries()) {
    await client.type(`${turn}\n`);
    await client.shows(new RegExp(`re:${turn}\n$`));
    // A copy that comes after the next turn has been sent cannot be told from its answer.
    await until(() => received() === 2 * (at + 1), `both copies of the answer to ${turn}`);
  }
  await client.endInput();
  assertEquals((await client.result()).stdout, "re:one\nre:two\nre:three\n");
  await answering;
  socket.close();
});

Deno.test("udp-chat:client reports a lost turn instead of waiting for ever", async () => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  await using client = new ClientProcess("udp-chat", { args: ["--port", String(port), "--timeout", "0.3"] });
  await client.type("anybody there?\n");
  const { code, stderr } = await client.result();
  assertEquals(stderr, `udp-chat:client: No answer from 127.0.0.1:${port} within 0.3 s\n`);
  assertEquals(code, 1);
  socket.close();
});
