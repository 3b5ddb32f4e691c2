import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { hasNatsServer, NatsServer } from "../../scripts/shared/nats.ts";
import type { RunOptions } from "../../scripts/shared/processes.ts";
import {
  bytes,
  ClientProcess,
  fakeServer,
  hasProgram,
  headed,
  type RawPeer,
  reset,
  runClient,
  ServerProcess,
  textOf,
  within,
} from "../harness.ts";

const hasNats = hasNatsServer();

type Start = (options?: RunOptions) => Promise<ServerProcess>;

/** Registers a test of a server, alone and with its room over NATS. Members notice no difference. */
function testServer(name: string, fn: (start: Start) => Promise<void>): void {
  Deno.test(name, () => fn((options) => ServerProcess.start("chat", options)));
  Deno.test({
    name: `${name}, over NATS${hasNats ? "" : " (ignored: no nats-server here)"}`,
    ignore: !hasNats,
    async fn() {
      await using nats = await NatsServer.start();
      await fn(({ args = [], ...options } = {}) => {
        return ServerProcess.start("chat", { args: [...args, "--nats", nats.url], ...options });
      });
    },
  });
}

/** Connects, and waits until the server knows the name. */
async function join(server: ServerProcess, name: string): Promise<RawPeer> {
  const peer = await server.connect();
  await peer.send(headed(name));
  await server.logged(new RegExp(`"${name}" joined`));
  return peer;
}

/** What the other members get when one sends a message. */
function said(name: string, text: string): string {
  return textOf(concat([headed(name), headed(text)]));
}

testServer("chat:server sends each message to all the others, and to nobody else", async (start) => {
  await using server = await start();
  using alice = await join(server, "alice");
  using bob = await join(server, "bob");
  using zoe = await join(server, "Zoë");
  await alice.send(headed("hi"));
  await bob.receive(said("alice", "hi").length);
  await bob.send(concat([headed("héllo"), headed("")]));
  const fromBob = said("bob", "héllo") + said("bob", "");
  assertEquals(await alice.receive(bytes(fromBob).length), fromBob);
  const all = said("alice", "hi") + fromBob;
  assertEquals(await zoe.receive(bytes(all).length), all);
  for (const peer of [alice, bob, zoe]) await peer.end();
  for (const peer of [alice, bob, zoe]) assertEquals(await peer.receiveAll(), "");
});

testServer(
  "chat:server closes a connection that breaks the protocol, logs why, and the others notice nothing",
  async (start) => {
    await using server = await start({ args: ["--max-message", "1000"] });
    using alice = await join(server, "alice");
    using bob = await join(server, "bob");
    const cases: [data: Uint8Array, reason: string, words: RegExp][] = [
      [bytes("GET / HTTP/1.1\r\n\r\n"), "malformed", /got "GET \/ HTTP"; it looks like an HTTP request/],
      [bytes("+3        abc"), "malformed", /expected a length of digits/],
      [bytes("1001      "), "too long", /at most 1000 bytes, got 1001/],
      [bytes("9999999999"), "too long", /at most 1000 bytes, got 9999999999/],
      [headed(""), "malformed", /expected a name that is not empty/],
      [headed("  "), "malformed", /expected a name that is not empty/],
      [headed("a\nb"), "malformed", /expected a name without control characters/],
      [headed("x".repeat(65)), "malformed", /expected a name of at most 64 characters/],
      [headed(Uint8Array.of(0xff)), "malformed", /expected UTF-8 text, got "\\xff"/],
      [concat([headed("mallory"), headed(Uint8Array.of(0xc3))]), "malformed", /expected UTF-8 text, got "\\xc3"/],
      [concat([headed("mallory"), bytes("x         ")]), "malformed", /at byte 17: expected a length of digits/],
    ];
    for (const [data, reason, words] of cases) {
      using peer = await server.connect();
      await peer.send(data);
      assertEquals(await peer.receiveAll(), "");
      const record = await server.logged(new RegExp(`^${peer.address} closed`));
      assertEquals(record.reason, reason);
      assertMatch(String(record.detail), words);
    }
    const truncated: [data: string, words: RegExp][] = [
      ["12", /inside a header: expected 10 bytes, got 2/],
      ["5         al", /inside a message: expected 5 bytes, got 2/],
    ];
    for (const [data, words] of truncated) {
      using peer = await server.connect();
      await peer.send(data);
      await peer.end();
      assertEquals(await peer.receiveAll(), "");
      const record = await server.logged(new RegExp(`^${peer.address} closed`));
      assertEquals(record.reason, "truncated");
      assertMatch(String(record.detail), words);
    }
    await reset(server.port, "5         al");
    await alice.send(headed("still here"));
    assertEquals(await bob.receive(said("alice", "still here").length), said("alice", "still here"));
  },
);

testServer("chat:server closes clients that send no name, and keeps members that only listen", async (start) => {
  await using server = await start();
  using listener = await join(server, "listener");
  for (const option of ["--idle-timeout", "--message-timeout"]) {
    await using impatient = await start({ args: [option, "1"] });
    using silent = await impatient.connect();
    assertEquals(await silent.receiveAll(), "");
    assertEquals((await impatient.logged(/closed/)).reason, "idle");
    using dribbling = await impatient.connect();
    await dribbling.send("5    ");
    assertEquals(await dribbling.receiveAll(), "");
    assertEquals((await impatient.logged(new RegExp(`^${dribbling.address} closed`))).reason, "too slow");
  }
  using talker = await join(server, "talker");
  await talker.send(headed("are you there?"));
  await listener.receive(said("talker", "are you there?").length);
});

testServer("chat:server drops a client that never reads, and the others get everything", async (start) => {
  await using server = await start();
  using deaf = await join(server, "deaf");
  using talker = await join(server, "talker");
  using listener = await join(server, "listener");
  const text = "x".repeat(100_000);
  const message = said("talker", text);
  const count = 400;
  const talking = (async () => {
    for (let sent = 0; sent < count; sent++) await talker.send(headed(text));
  })();
  for (let received = 0; received < count; received++) {
    if (await listener.receive(message.length) !== message) throw new Error(`Message ${received} differs`);
  }
  await talking;
  const record = await server.logged(new RegExp(`^${deaf.address} closed`));
  assertEquals(record.reason, "too slow");
  assertMatch(String(record.detail), /bytes behind/);
});

testServer(
  "chat:server --slow drop-oldest keeps a member that does not read, and logs what it loses",
  async (start) => {
    await using server = await start({
      args: ["--slow", "drop-oldest", "--max-lag", "1000000"],
    });
    using deaf = await server.connect();
    await deaf.send(headed("deaf"));
    using talker = await server.connect();
    await talker.send(headed("talker"));
    using other = await server.connect();
    await other.send(headed("other"));
    for (const name of ["deaf", "talker", "other"]) await server.logged(new RegExp(`"${name}" joined`));
    const text = "x".repeat(100_000);
    for (let count = 0; count < 200; count++) {
      await talker.send(headed(text));
      await other.receive(10 + 6 + 10 + text.length);
    }
    await server.logged(/^"deaf" at 127\.0\.0\.1:\d+ is too slow: \d+ bytes dropped$/);
    await talker.end();
    // The slow member is still connected, and gets whole messages.
    await deaf.end();
    const got = await deaf.receiveAll();
    assertEquals(got.length % (10 + 6 + 10 + text.length), 0);
    assertMatch(got.slice(0, 26), /^6 {9}talker100000 {4}$/);
    assertEquals(textOf(bytes(got.slice(-5))), "xxxxx");
  },
);

testServer("chat:server --max-lag below the size of one read does not disconnect members that read", async (start) => {
  await using server = await start({ args: ["--max-lag", "1000000"] });
  using listener = await server.connect();
  await listener.send(headed("listener"));
  using talker = await server.connect();
  await talker.send(headed("a long name to be said each time".padEnd(64)));
  for (const name of ["listener", "a long name"]) await server.logged(new RegExp(`"${name}.*joined`));
  // Empty texts: the others get nine times as many bytes as the sender writes.
  const count = 20_000;
  const talking = talker.send(textOf(headed("")).repeat(count));
  await listener.receive(count * (10 + 64 + 10));
  await talking;
  assertEquals(server.log.filter(({ message }) => message.includes("too slow")), []);
});

testServer("chat:server serves 200 clients that join, talk and leave", async (start) => {
  await using server = await start();
  using listener = await join(server, "listener");
  const clients = 200;
  const received = (async () => {
    const texts: string[] = [];
    while (texts.length < clients) {
      for (const part of ["name", "text"]) {
        const length = Number(await listener.receive(10));
        const text = await listener.receive(length);
        if (part === "text") texts.push(text);
      }
    }
    return texts.sort();
  })();
  await Promise.all(Array.from({ length: clients }, async (_, number) => {
    using peer = await server.connect();
    await peer.send(concat([headed(`client ${number}`), headed(`text ${number}`)]));
    if (number % 3 === 0) return; // Gone without a word, with what others said unread.
    await peer.end();
    await peer.receiveAll();
  }));
  assertEquals(await received, Array.from({ length: clients }, (_, number) => `text ${number}`).sort());
});

testServer("chat:server closes every connection when it is told to stop", async (start) => {
  await using server = await start();
  using alice = await join(server, "alice");
  using bob = await join(server, "bob");
  await alice.send(headed("last words"));
  await bob.receive(said("alice", "last words").length);
  server.signal("SIGTERM");
  assertEquals([await alice.receiveAll(), await bob.receiveAll()], ["", ""]);
  alice.close();
  bob.close();
  await server.logged(/Stopped; connections open at SIGTERM: 2 finished, 0 aborted/);
});

Deno.test("chat:client sends lines of standard input, and shows what others say at once", async () => {
  await using server = await ServerProcess.start("chat");
  const port = ["--port", String(server.port)];
  await using ann = new ClientProcess("chat", { args: [...port, "--name", "ann"] });
  await server.logged(/"ann" joined/);
  await using ben = new ClientProcess("chat", { args: [...port, "--name", "ben"] });
  await server.logged(/"ben" joined/);
  await ben.type("hello\n");
  await ann.shows(/^ben > hello\n$/);
  await ann.type("hi ben\n\nand more");
  await ann.endInput();
  await ben.shows(/^ann > hi ben\nann > and more\n$/);
  await ben.type("\x1b[2Jboo\n");
  assertEquals(await ann.result(), { code: 0, stdout: ann.stdout, stderr: "" });
  await ben.endInput();
  assertEquals((await ben.result()).code, 0);
});

Deno.test("chat:client shows one line per message, which cannot control the terminal", async () => {
  await using server = fakeServer(async (peer) => {
    await peer.receive(13);
    await peer.send(concat([headed("eve"), headed("a\r\nbob > forged\x1b[2J")]));
  });
  const { stdout } = await runClient("chat", ["--port", String(server.port), "--name", "ann"], "");
  assertEquals(stdout, "eve > a\\r\\nbob > forged\\x1b[2J\n");
});

Deno.test("chat:client reports a server that leaves, stalls or sends something else", async () => {
  const cases: [answer: Uint8Array, holds: boolean, stderr: RegExp][] = [
    [new Uint8Array(), false, /The server ended the chat/],
    [headed("eve"), false, /The server ended between a name and its text/],
    [headed("eve"), true, /No message within 2 s/],
    [bytes("3         ev"), true, /A message begun did not end within 2 s/],
    [bytes("HTTP/1.1 400 Bad Request\r\n"), true, /looks like an HTTP response/],
  ];
  for (const [answer, holds, stderr] of cases) {
    await using server = fakeServer(async (peer, held) => {
      await peer.receive(13);
      await peer.send(answer);
      if (holds) await held;
    });
    await using client = new ClientProcess("chat", {
      args: ["--port", String(server.port), "--name", "ann", "--timeout", "2"],
    });
    const result = await client.result();
    assertMatch(result.stderr, stderr);
    assertEquals([result.code, result.stdout], [1, ""]);
  }
});

Deno.test("chat:client requires --name without a terminal", async () => {
  const missing = await runClient("chat", []);
  assertMatch(missing.stderr, /^chat:client: --name is needed without a terminal; see .*--help\n$/);
  assertEquals(missing.code, 2);
  const invalid = await runClient("chat", ["--name", "a\tb"]);
  assertMatch(invalid.stderr, /Expected a name without control characters/);
  assertEquals(invalid.code, 2);
});

/** Whether script(1) can run a command on a terminal. */
const hasScript = Deno.build.os === "linux" && hasProgram("script", "-qec", "true", "/dev/null");

Deno.test({
  name: "chat:client on a terminal asks for a name, and keeps what is being typed when a message comes" +
    (hasScript ? "" : " (ignored: no script(1) of util-linux here)"),
  ignore: !hasScript,
  async fn() {
    await using server = await ServerProcess.start("chat");
    const client = `'${Deno.execPath()}' run -q -P=chat-client services/chat/client.ts --port ${server.port}`;
    const terminal = new Deno.Command("script", {
      args: ["-qec", client, "/dev/null"],
      cwd: new URL("../..", import.meta.url),
      env: { TERM: "xterm" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const keys = terminal.stdin.getWriter();
    let screen = "";
    const showing = terminal.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const shows = async (pattern: RegExp) => {
      // The text on the screen, without cursor movements.
      // deno-lint-ignore no-control-regex
      while (!pattern.test(screen.replace(/\x1b\[[0-9;]*[A-Za-z]|\r/g, ""))) {
        const { value, done } = await within(showing.read(), () => `${pattern} in ${JSON.stringify(screen)}`);
        assert(!done, `the terminal ended without ${pattern}: ${JSON.stringify(screen)}`);
        screen += value;
      }
      screen = "";
    };
    await shows(/Username: $/);
    await keys.write(bytes("ann\r"));
    await server.logged(/"ann" joined/);
    await keys.write(bytes("half a sen"));
    await shows(/half a sen$/);
    using bob = await join(server, "bob");
    await bob.send(headed("sorry to interrupt"));
    await shows(/bob > sorry to interrupt\nann > half a sen$/);
    await keys.write(bytes("tence\r"));
    const sentence = said("ann", "half a sentence");
    assertEquals(await bob.receive(sentence.length), sentence);
    await keys.write(Uint8Array.of(3)); // Ctrl-C
    assertEquals((await terminal.status).code, 0);
    await keys.close().catch(() => {});
    await showing.cancel();
  },
});
