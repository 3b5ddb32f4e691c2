import { assert, assertEquals, assertMatch } from "@std/assert";
import { NatsServer } from "../../scripts/shared/nats.ts";
import { command } from "../../scripts/shared/processes.ts";
import {
  certificatesIn,
  fakeServer,
  headed,
  type RawPeer,
  runServer,
  ServerProcess,
  temporaryFolder,
  textOf,
  until,
} from "../harness.ts";
import { assertAllHeard, Member } from "./_chat_members.ts";
import { test } from "./_chat_nats.ts";

/** Starts a server that must fail, and checks that it says why in one line. */
async function assertFails(args: string[], words: RegExp): Promise<void> {
  const { code, stdout, stderr } = await runServer("chat", ["--port", "0", ...args]);
  assertMatch(stderr, words);
  assertEquals([code, stdout, stderr.trim().split("\n").length], [1, "", 1], stderr);
}

/** Checks that members of two servers hear each other. */
async function assertTalks(args: string[]): Promise<void> {
  await using one = await ServerProcess.start("chat", { args });
  await using other = await ServerProcess.start("chat", { args });
  await using talker = await Member.join(one, "talker");
  await using listener = await Member.join(other, "listener");
  await talker.say("0");
  await assertAllHeard([listener], [talker]);
}

/** A nats-server with a configuration. */
async function configured(folder: string, config: string, ...args: string[]): Promise<NatsServer> {
  const path = `${folder}/nats.conf`;
  Deno.writeTextFileSync(path, config);
  return await NatsServer.start(["-js", "-c", path, ...args]);
}

Deno.test("chat:server --nats says in one line that there is no NATS, or something else", async () => {
  await assertFails(
    ["--nats", "nats://127.0.0.1:1"],
    /^chat:server: No NATS server at 127\.0\.0\.1:1: start one with nats-server -js, or check --nats$/m,
  );
  await using impostor = fakeServer((peer) => peer.send("SSH-2.0-OpenSSH_9.6\r\n").then(() => peer.receiveAll()));
  await assertFails(
    ["--nats", `nats://127.0.0.1:${impostor.port}`],
    /^chat:server: 127\.0\.0\.1:\d+ is not NATS: expected INFO, got "SSH-2\.0-OpenSSH_9\.6\\r\\n"$/m,
  );
  await using silent = fakeServer((_peer, held) => held);
  await assertFails(
    ["--nats", `nats://127.0.0.1:1,127.0.0.1:${silent.port}`],
    /^chat:server: No greeting from 127\.0\.0\.1:\d+ within 2000 ms: it is not NATS, or it hangs$/m,
  );
  await using ended = fakeServer(() => Promise.resolve());
  await assertFails(["--nats", `nats://127.0.0.1:${ended.port}`], /is not NATS: expected INFO, got the end$/m);
  const info = 'INFO {"version":"2.9.0","max_payload":1000}\r\n';
  for (const send of [[`${info}GARBAGE\r\n`], [info, "GARBAGE\r\n"], ["INFO {}\r\n"]]) {
    await using malformed = fakeServer(async (peer) => {
      await peer.send(send[0]!);
      if (send.length > 1) await peer.receive("CONNECT".length).then(() => peer.send(send[1]!));
      await peer.receiveAll();
    });
    const words = /^chat:server: Cannot connect to NATS at 127\.0\.0\.1:\d+: (parse error|'' is not a semver)/;
    await assertFails(["--nats", `nats://127.0.0.1:${malformed.port}`], words);
  }
  await using broken = fakeServer((peer) => peer.send("INFO {\r\n").then(() => peer.receiveAll()));
  await assertFails(["--nats", `nats://127.0.0.1:${broken.port}`], /: expected JSON after INFO, got "INFO \{\\r\\n"$/m);
});

Deno.test("chat:server --nats refuses malformed addresses and rooms, without repeating a password", async () => {
  const cases: [args: string[], words: RegExp][] = [
    [["--nats", "http://127.0.0.1"], /--nats: expected nats:\/\/HOST:PORT or tls:\/\/HOST:PORT, got "http:/],
    [["--nats", "nats://ann:secret@127.0.0.1:0"], /--nats: expected nats:\/\/HOST:PORT.*got "nats:\/\/\.\.\.@127/],
    [["--nats", "nats://a,tls://b"], /--nats: expected nats:\/\/ or tls:\/\/ for all servers, got both/],
    [["--nats", "nats://a:1@x,nats://b:2@y"], /--nats: expected the same user and password for all servers/],
    [["--nats", "nats://a", "--room", "a.b"], /--room: expected 1 to 64 letters, digits, _ and -, got "a\.b"/],
    [["--nats", "nats://a", "--nats-replicas", "2"], /--nats-replicas: expected 1 or 3, got "2"/],
    [["--room", "a"], /--room needs --nats/],
    [["--history", "3"], /--history needs --nats/],
  ];
  for (const [args, words] of cases) {
    const { code, stderr } = await runServer("chat", args);
    assertMatch(stderr, words);
    assert(!stderr.includes("secret"), stderr);
    assertEquals(code, 2, stderr);
  }
});

Deno.test("chat:server --nats names all grants that it needs outside of its sandbox", async () => {
  await assertFails(
    ["--port", "1234", "--nats", "nats://192.0.2.1:4222,192.0.2.2:4222"],
    /allow 192\.0\.2\.1:4222,192\.0\.2\.2:4222,127\.0\.0\.1:1234; to allow it on purpose: deno run -P=chat-server --allow-net=192\.0\.2\.1:4222,192\.0\.2\.2:4222,127\.0\.0\.1:1234 services/,
  );
  await assertFails(["--nats", "nats://127.0.0.1:1", "--nats-creds", "/etc/hostname"], /--allow-read=\/etc\/hostname/);
  await assertFails(
    ["--nats", "nats://127.0.0.1:1", "--nats-creds", "certs/none"],
    /Cannot read --nats-creds certs\/none/,
  );
});

test("chat:server --nats says in one line what NATS refuses: JetStream, replicas, lengths, another room", async () => {
  using folder = temporaryFolder();
  {
    await using plain = await NatsServer.start([]);
    await assertFails(["--nats", plain.url], /NATS at 127\.0\.0\.1:\d+ runs without JetStream: start it with -js$/m);
  }
  await using nats = await configured(folder.path, "max_payload: 2048");
  await assertFails(
    ["--nats", nats.url, "--nats-replicas", "3"],
    /NATS at 127\.0\.0\.1:\d+ refuses the room lobby with 3 replicas: replicas > 1 not supported in non-clustered mode$/m,
  );
  await assertFails(
    ["--nats", nats.url, "--max-message", "2000"],
    /NATS accepts at most 2048 bytes: expected --max-message \d+, got 2000$/m,
  );
  await using server = await ServerProcess.start("chat", { args: ["--nats", nats.url] });
  await assertFails(["--nats", nats.url, "--nats-replicas", "3"], /The room lobby has 1 replica, not 3$/m);
  // Without --max-message, what NATS accepts is the limit.
  using peer = await server.connect();
  await peer.send(headed("peer"));
  await peer.send("2048      ");
  assertEquals(await peer.receiveAll(), "");
  assertEquals((await server.logged(/closed/)).reason, "too long");
});

test("chat:server --nats takes user and password, or a token, from the address or from a file", async () => {
  using folder = temporaryFolder();
  const read = { permissions: ["-P=chat-server", `--allow-read=certs,${folder.path}`] };
  const file = `${folder.path}/credentials`;
  {
    await using nats = await configured(folder.path, 'authorization { user: "ann", password: "1:2@%x" }');
    await assertTalks(["--nats", `nats://ann:1%3A2%40%25x@127.0.0.1:${nats.port}`]);
    Deno.writeTextFileSync(file, "ann:1:2@%x\n");
    await using server = await ServerProcess.start("chat", {
      args: ["--nats", nats.url, "--nats-creds", file],
      ...read,
    });
    for (const credentials of ["", "ann:wrong@", "token@"]) {
      await assertFails(
        ["--nats", `nats://${credentials}127.0.0.1:${nats.port}`],
        /NATS at 127\.0\.0\.1:\d+ refuses the credentials: Authorization Violation$/m,
      );
    }
    assert(server.port > 0);
  }
  await using nats = await configured(folder.path, 'authorization { token: "s3cret" }');
  await assertTalks(["--nats", `nats://s3cret@127.0.0.1:${nats.port}`]);
  Deno.writeTextFileSync(file, "s3cret\n");
  await using server = await ServerProcess.start("chat", { args: ["--nats", nats.url, "--nats-creds", file], ...read });
  assert(server.port > 0);
});

test("chat:server --nats says in one line what a user of NATS is not allowed", async () => {
  using folder = temporaryFolder();
  const users = [
    ["nothing", '["_INBOX.>"]', '["_INBOX.>"]'],
    ["mute", '["$JS.>", "_INBOX.>"]', '["_INBOX.>"]'],
    ["deaf", '["$JS.>", "chat.>"]', '["chat.>"]'],
    ["enough", '["$JS.API.>", "$JS.FC.>", "chat.lobby"]', '["_INBOX.>"]'],
  ].map(([user, publish, subscribe]) => (
    `{ user: ${user}, password: x, permissions: { publish: ${publish}, subscribe: ${subscribe} } }`
  ));
  await using nats = await configured(folder.path, `authorization { users: [${users.join(", ")}] }`);
  const url = (user: string) => ["--nats", `nats://${user}:x@127.0.0.1:${nats.port}`];
  await assertFails(url("nothing"), /refuses the room lobby: .*Permissions Violation for Publish to "\$JS\.API/);
  await assertFails(url("mute"), /refuses the room lobby: .*Permissions Violation for Publish to "chat\.lobby"/);
  await assertFails(url("deaf"), /refuses the room lobby: .*Permissions Violation for Subscription to "_INBOX/);
  await assertTalks(url("enough"));
});

test("chat:server --nats-ca encrypts to NATS, and trusts only that authority", async () => {
  using folder = temporaryFolder();
  const { serverArgs: [, cert, , key], clientArgs: [, ca] } = await certificatesIn(folder.path);
  const allowed = { permissions: ["-P=chat-server", `--allow-read=certs,${folder.path}`] };
  await using nats = await configured(folder.path, "", "--tls", "--tlscert", cert!, "--tlskey", key!);
  await using server = await ServerProcess.start("chat", {
    args: ["--nats", nats.url.replace("nats:", "tls:"), "--nats-ca", ca!],
    ...allowed,
  });
  await using talker = await Member.join(server, "talker");
  await using listener = await Member.join(server, "listener");
  for (let count = 0; count < 100; count++) await talker.say(String(count).padEnd(10_000, "."));
  await assertAllHeard([listener], [talker]);
  await assertFails(["--nats", nats.url], /The TLS handshake failed: none of the certificate authorities trusted here/);
  await using plain = await NatsServer.start();
  await assertFails(["--nats", plain.url.replace("nats:", "tls:")], /NATS at 127\.0\.0\.1:\d+ does not encrypt$/m);
});

Deno.test("the client of NATS is loaded only with --nats", async () => {
  const root = new URL("../..", import.meta.url);
  const args = ["info", "--json", "services/chat/server.ts"];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
  type Module = { specifier: string; dependencies?: Dependency[] };
  type Dependency = { specifier: string; isDynamic?: boolean; code?: { specifier: string } };
  const { modules, roots }: { modules: Module[]; roots: string[] } = JSON.parse(textOf(stdout));
  const loaded = new Set(roots);
  for (const url of loaded) {
    for (const { isDynamic, code } of modules.find(({ specifier }) => specifier === url)?.dependencies ?? []) {
      if (!isDynamic && code !== undefined) loaded.add(code.specifier);
    }
  }
  assert(loaded.size > 30);
  assertEquals([...loaded].filter((url) => /@nats-io|_nats_(room|log|connection)/.test(url)), []);
});

/** Answers each request to JetStream with an error. */
async function answerUnavailable(peer: RawPeer): Promise<void> {
  const info = { server_id: "x", version: "2.9.10", proto: 1, headers: true, jetstream: true, max_payload: 1_048_576 };
  await peer.send(`INFO ${JSON.stringify(info)}\r\n`);
  const error = { code: 503, err_code: 10008, description: "JetStream system temporarily unavailable" };
  const answer = JSON.stringify({ type: "io.nats.jetstream.api.v1.stream_info_response", error });
  let sid = "";
  for (let line = "";;) {
    line += await peer.receive(1);
    if (!line.endsWith("\r\n")) continue;
    const [operation, subject, ...rest] = line.trim().split(" ");
    if (operation === "PING") await peer.send("PONG\r\n");
    if (operation === "SUB") sid = rest.at(-1)!;
    if (operation === "PUB" && subject!.startsWith("$JS.API.")) {
      await peer.send(`MSG ${rest[0]} ${sid} ${answer.length}\r\n${answer}\r\n`);
    }
    line = "";
  }
}

test("chat:server --nats waits some seconds for a JetStream that says it is temporarily unavailable", async () => {
  let tried = 0;
  await using nats = fakeServer((peer) => {
    tried++;
    return answerUnavailable(peer);
  });
  await assertFails(["--nats", `nats://127.0.0.1:${nats.port}`], /JetStream at 127\.0\.0\.1:\d+ does not answer/);
  assert(tried > 1);
});

Deno.test("chat:server --nats ends at Ctrl-C while it waits for NATS at the start", async () => {
  let tried = 0;
  await using nats = fakeServer((peer) => {
    tried++;
    return answerUnavailable(peer);
  });
  const args = ["--nats", `nats://127.0.0.1:${nats.port}`];
  const server = new ServerProcess(command("chat", "server", { args }, ["--port", "0"]).spawn());
  await until(() => tried > 1, "a second attempt");
  assertEquals(await server.stop("SIGINT"), 1);
  assertEquals(server.strays, ["chat:server: Interrupted"]);
});
