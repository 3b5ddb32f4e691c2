import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connectTcp, serveTcp } from "@wirebench/wirebench/net";
import net from "node:net";
import { type Exchange, EXCHANGES, stageAt } from "../../scripts/tools/demo/exchanges.ts";
import { makeCertificates } from "../../scripts/tools/certs/make.ts";
import {
  bytes,
  fakeServer,
  hasProgram,
  reset,
  runClient,
  runServer,
  ServerProcess,
  temporaryFolder,
  within,
} from "../harness.ts";

const overTcp = EXCHANGES.filter(({ transport }) => transport === "TCP");
const { ca, certificate, key } = await makeCertificates();

/** Writes the certificates of this file where a server and a client can read them. */
function certificatesIn(folder: string): { serverArgs: string[]; clientArgs: string[] } {
  const paths = { ca: `${folder}/ca.pem`, cert: `${folder}/cert.pem`, key: `${folder}/key.pem` };
  Deno.writeTextFileSync(paths.ca, ca);
  Deno.writeTextFileSync(paths.cert, certificate);
  Deno.writeTextFileSync(paths.key, key);
  return {
    serverArgs: ["--tls-cert", paths.cert, "--tls-key", paths.key],
    clientArgs: ["--tls-ca", paths.ca],
  };
}

/** What a set grants, but for the kinds given: a flag replaces what the set says of its kind. */
function grants(service: string, side: "server" | "client", ...more: string[]): string[] {
  if (service !== "dispatch" || side === "client") return [`-P=${service}-${side}`, ...more];
  const source = more.map((flag) => flag.startsWith("--allow-read=") ? `${flag},lib,services/dispatch` : flag);
  return [`-P=${service}-${side}`, "--allow-run", ...source];
}

/** The whole exchange of a service, between processes that were started with options of a transport. */
async function perform(
  { service, run, servers = [[]] }: Exchange,
  transport: { serverArgs: string[]; clientArgs: string[]; more?: string[] },
): Promise<void> {
  const { serverArgs, clientArgs, more = [] } = transport;
  for (const args of servers) {
    await using server = await ServerProcess.start(service, {
      args: [...args, ...serverArgs],
      permissions: grants(service, "server", ...more),
    });
    const permissions = grants(service, "client", ...more);
    // With a Unix socket there is no port, and the one that is given does not count.
    await run(stageAt(service, { port: server.port || 1, args, clientArgs, permissions }));
  }
}

for (const exchange of overTcp) {
  Deno.test(`${exchange.service} over TLS says what it says without`, async () => {
    using folder = temporaryFolder();
    await perform(exchange, { ...certificatesIn(folder.path), more: [`--allow-read=${folder.path}`] });
  });
}

for (const exchange of overTcp.filter(({ service }) => service !== "dispatch")) {
  Deno.test({
    name: `${exchange.service} over a Unix socket says what it says over TCP` +
      (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
    ignore: Deno.build.os === "windows",
    async fn() {
      using folder = temporaryFolder();
      const path = `${folder.path}/s`;
      const args = ["--unix", path];
      const more = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
      await perform(exchange, { serverArgs: args, clientArgs: args, more });
    },
  });
}

Deno.test("a server over TLS ends a half of the connection, and keeps the other open", async () => {
  using folder = temporaryFolder();
  const { serverArgs } = certificatesIn(folder.path);
  await using server = await ServerProcess.start("exchange", {
    args: serverArgs,
    permissions: grants("exchange", "server", `--allow-read=${folder.path}`),
  });
  const plain = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  using socket = await Deno.startTls(plain, { hostname: "localhost", caCerts: [ca] });
  await socket.write(bytes("all of it"));
  await socket.closeWrite();
  const answer = new Uint8Array(100);
  const length = await socket.read(answer);
  assertEquals(new TextDecoder().decode(answer.subarray(0, length!)), "received 9 bytes\n");
  assertEquals(await socket.read(answer), null);
});

Deno.test("who does not speak TLS, does not trust the other or stays silent is told apart in the log", async () => {
  using folder = temporaryFolder();
  const { serverArgs, clientArgs } = certificatesIn(folder.path);
  await using server = await ServerProcess.start("sixteen", {
    args: serverArgs,
    permissions: grants("sixteen", "server", `--allow-read=${folder.path}`),
  });
  const port = ["--port", String(server.port)];

  const distrustful = await runClient("sixteen", [...port, "--tls"]);
  assertEquals(distrustful.code, 1);
  assertMatch(
    distrustful.stderr,
    /^sixteen:client: The TLS handshake failed: none of the certificate authorities .*\n$/,
  );
  assertEquals((await server.logged(/broke it off/)).reason, "handshake failed");

  const plain = await runClient("sixteen", port);
  assertEquals(plain.code, 1);
  assertMatch(plain.stderr, /^sixteen:client: Stream ended inside a message: .*\n$/);
  assertEquals((await server.logged(/is not TLS/)).reason, "handshake failed");

  await reset(server.port, "\x16\x03\x01");
  await server.logged(/:\d+ closed: handshake failed/);

  await using impostor = fakeServer((peer) => peer.send("Farewell, client").then(() => peer.receiveAll()));
  const toPlain = await runClient("sixteen", ["--port", String(impostor.port), ...clientArgs], "", {
    permissions: grants("sixteen", "client", `--allow-read=${folder.path}`),
  });
  assertEquals(toPlain.code, 1);
  assertMatch(toPlain.stderr, /what the peer sent is not TLS\n$/);

  await using silent = fakeServer((_, held) => held);
  const waiting = await runClient("sixteen", ["--port", String(silent.port), "--tls", "--timeout", "0.2"]);
  assertMatch(waiting.stderr, /The TLS handshake did not end within 0\.2 s\n$/);
});

const hasTls = hasProgram("openssl", "s_client", "-servername", "x", "-verify_return_error", "-quiet", "-help") &&
  hasProgram("python3", "-c", "import ssl; assert ssl.HAS_TLSv1_3");

Deno.test({
  name: "openssl s_client and Python's ssl accept a server over TLS" +
    (hasTls ? "" : " (ignored: no openssl s_client, or no python3 with TLS 1.3 here)"),
  ignore: !hasTls,
  async fn() {
    using folder = temporaryFolder();
    const { serverArgs, clientArgs: [, caFile] } = certificatesIn(folder.path);
    await using server = await ServerProcess.start("echo", {
      args: serverArgs,
      permissions: grants("echo", "server", `--allow-read=${folder.path}`),
    });
    const script = `
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as plain:
    with context.wrap_socket(plain, server_hostname="localhost") as s:
        s.sendall(b"from Python")
        print(s.version(), s.recv(100).decode())
`;
    const python = await new Deno.Command("python3", { args: ["-c", script, String(server.port), caFile!] }).output();
    assertEquals(new TextDecoder().decode(python.stderr), "");
    assertEquals(new TextDecoder().decode(python.stdout), "TLSv1.3 from Python\n");

    const at = ["-connect", `127.0.0.1:${server.port}`, "-servername", "localhost"];
    const openssl = new Deno.Command("openssl", {
      args: ["s_client", ...at, "-CAfile", caFile!, "-verify_return_error", "-quiet"],
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const stdin = openssl.stdin.getWriter();
    await stdin.write(bytes("from openssl\n"));
    const stdout = openssl.stdout.getReader();
    assertEquals(new TextDecoder().decode((await stdout.read()).value), "from openssl\n");
    await stdin.close();
    await stdout.cancel();
    openssl.kill();
    await openssl.status;
  },
});

Deno.test("certificates that are none are refused with one line", async () => {
  using folder = temporaryFolder();
  const { serverArgs: [, cert, , keyFile] } = certificatesIn(folder.path);
  const permissions = grants("echo", "server", `--allow-read=${folder.path}`);
  const cases: [args: string[], code: number, stderr: RegExp][] = [
    [["--tls-cert", cert!], 2, /--tls-cert and --tls-key go together/],
    [["--tls-cert", keyFile!, "--tls-key", keyFile!], 1, /^echo:server: Cannot use what is no certificate/],
    [["--tls-cert", cert!, "--tls-key", cert!], 1, /^echo:server: Cannot use what is no private key/],
    [["--tls-cert", `${folder.path}/none`, "--tls-key", keyFile!], 1, /there is no such file; deno task certs/],
    [["--allow", "10.0.0.0/8", "--unix", "/tmp/x"], 2, /--unix and --allow do not go together/],
    [["--max-per-address", "3", "--unix", "/tmp/x"], 2, /--unix and --max-per-address do not go together/],
    [["--tls-cert", cert!, "--tls-key", keyFile!, "--unix", "/tmp/x"], 2, /--unix and --tls-cert do not go together/],
  ];
  for (const [args, code, stderr] of cases) {
    const result = await runServer("echo", args, { permissions });
    assertMatch(result.stderr, stderr);
    assertEquals([result.code, result.stderr.trim().split("\n").length], [code, 1], result.stderr);
  }
  const client = await runClient("echo", ["--tls-ca", keyFile!, "--port", "1"], "", {
    permissions: grants("echo", "client", `--allow-read=${folder.path}`),
  });
  assertEquals(client.code, 1);
});

Deno.test({
  name: "a Unix socket is its owner's alone, gone at the end, and taken over only if nobody answers" +
    (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = temporaryFolder();
    const path = `${folder.path}/s`;
    const more = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
    const args = ["--unix", path];
    const server = { args, permissions: grants("echo", "server", ...more) };
    const client = { permissions: grants("echo", "client", ...more) };
    {
      await using first = await ServerProcess.start("echo", server);
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
      const second = await runServer("echo", args, server);
      assertEquals(second.code, 1);
      assertMatch(second.stderr, /^echo:server: .*\/s is in use: a program listens there/);
      assertEquals((await runClient("echo", args, "", client)).stdout, "Hello, world\n");
      assertMatch((await first.logged(/closed: finished/)).message, /\/s#\d+ closed/);
    }
    await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
    const nobody = await runClient("echo", args, "", client);
    assertEquals(nobody.code, 1);
    assertMatch(nobody.stderr, /^echo:client: There is no .*\/s: start the server/);

    // What a killed server leaves behind is taken over.
    await using killed = await ServerProcess.start("echo", server);
    await killed.kill();
    assert(Deno.lstatSync(path).isSocket);
    assertMatch((await runClient("echo", args, "", client)).stderr, /Nobody listens at .*or check --unix\n$/);
    {
      await using _next = await ServerProcess.start("echo", server);
      assertEquals((await runClient("echo", args, "", client)).stdout, "Hello, world\n");
    }
    const nowhere = await runServer("echo", ["--unix", "/tmp/no/folder/s"], { permissions: ["-A"] });
    assertEquals([nowhere.code, nowhere.stderr], [1, "echo:server: There is no folder for /tmp/no/folder/s\n"]);
    const long = await runServer("echo", ["--unix", `/tmp/${"x".repeat(200)}`], { permissions: ["-A"] });
    assertMatch(long.stderr, /^echo:server: Cannot listen at a path of 205 bytes: expected at most \d+\n$/);
    // A file of another kind is not.
    Deno.writeTextFileSync(path, "precious");
    const refused = await runServer("echo", args, server);
    assertEquals(refused.code, 1);
    assertMatch(refused.stderr, /is in use: a program listens there, or it is a file of another kind\n$/);
    assertEquals(Deno.readTextFileSync(path), "precious");
  },
});

Deno.test({
  name: "a server that stops removes its own Unix socket alone, whatever stands in its place by then" +
    (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = temporaryFolder();
    const path = `${folder.path}/s`;
    const more = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
    const server = { args: ["--unix", path], permissions: grants("echo", "server", ...more) };
    {
      await using first = await ServerProcess.start("echo", server);
      Deno.removeSync(path);
      Deno.writeTextFileSync(path, "precious");
      assertEquals(await first.stop(), 0);
      assertEquals(Deno.readTextFileSync(path), "precious");
      Deno.removeSync(path);
    }
    {
      await using first = await ServerProcess.start("echo", server);
      Deno.removeSync(path);
      await using _second = await ServerProcess.start("echo", server);
      assertEquals(await first.stop(), 0);
      const permissions = grants("echo", "client", ...more);
      assertEquals((await runClient("echo", ["--unix", path], "", { permissions })).stdout, "Hello, world\n");
    }
    await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  },
});

/** Starts a server at each path in turn, at the same moment as another process, and prints what becomes of each. */
const STARTS = `
  import { removeStaleSocket, serveTcp } from "${new URL("../../lib/net/mod.ts", import.meta.url)}";
  const [start, ...paths] = Deno.args;
  const outcomes = await Promise.all(paths.map(async (path, number) => {
    const due = Number(start) + 10 * number;
    await new Promise((resolve) => setTimeout(resolve, due - Date.now() - 5));
    while (Date.now() < due);
    try {
      await removeStaleSocket(path);
      serveTcp({ path }, () => {});
      return "Listening";
    } catch (error) {
      return error.name;
    }
  }));
  console.log(outcomes.join());
  await Deno.stdin.read(new Uint8Array(1));
  Deno.exit();
`;

Deno.test({
  name: "of two servers that start at once at a stale Unix socket one listens, the other says that it is in use" +
    (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = temporaryFolder();
    const paths = Array.from({ length: 60 }, (_, number) => `${folder.path}/${number}`);
    const net = paths.map((path) => `unix:${path}`);
    const flags = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`, `--allow-net=${net}`];
    function run(name: string, script: string, ...args: string[]): Deno.ChildProcess {
      Deno.writeTextFileSync(`${folder.path}/${name}.js`, script);
      return new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "--no-prompt", ...flags, `${folder.path}/${name}.js`, ...args],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
    }
    // A program that exits without closing its sockets leaves their files behind.
    const left = run(
      "left",
      'for (const path of Deno.args) Deno.listen({ transport: "unix", path }); Deno.exit();',
      ...paths,
    );
    await left.stdin.close();
    await left.output();
    const start = String(Date.now() + 500);
    const processes = [1, 2].map(() => run("starts", STARTS, start, ...paths));
    const outcomes = await Promise.all(processes.map(async ({ stdout }) => {
      const { value } = await within(stdout.pipeThrough(new TextDecoderStream()).getReader().read(), "the outcomes");
      return value!.trim().split(",");
    }));
    for (const { stdin, status } of processes) {
      await stdin.close();
      await status;
    }
    const both = paths.map((_, number) => outcomes.map((of) => of[number]).sort().join());
    assertEquals(both.filter((outcome) => outcome !== "AddrInUse,Listening"), []);
  },
});

Deno.test("echo:server --host :: serves both families, and shows an IPv4 client as one", async () => {
  await using server = await ServerProcess.start("echo", {
    args: ["--host", "::"],
    permissions: grants("echo", "server", "--allow-net=[::]"),
  });
  const port = ["--port", String(server.port)];
  for (const host of ["127.0.0.1", "::1", "[::1]", "localhost"]) {
    assertEquals((await runClient("echo", ["--host", host, ...port])).stdout, "Hello, world\n");
  }
  await server.logged(/^127\.0\.0\.1:\d+ closed/);
  await server.logged(/^\[::1\]:\d+ closed/);
  assertEquals(server.log.filter(({ message }) => message.includes("ffff")), []);
  await server.logged(/Whoever can reach this machine/);
});

Deno.test("uppercase:server --host :: answers both families", async () => {
  await using server = await ServerProcess.start("uppercase", {
    args: ["--host", "::"],
    permissions: grants("uppercase", "server", "--allow-net"),
  });
  const port = ["--port", String(server.port)];
  for (const host of ["127.0.0.1", "::1"]) {
    assertEquals((await runClient("uppercase", ["--host", host, ...port, "hey"])).stdout, "HEY\n");
  }
});

Deno.test("a server is started again at once on the same port, also over connections that it cut", async () => {
  const first = await ServerProcess.start("echo");
  using peer = await first.connect();
  await peer.send("x");
  await peer.receive(1);
  first.process.kill("SIGTERM");
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

Deno.test("over TLS, too, a client that does not read what it is owed is not read from, and costs bounded memory", async () => {
  await using server = serveTcp({ tls: { cert: certificate, key } }, async (connection) => {
    for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
  });
  using client = await connectTcp({ port: server.addr.port, tls: { caCerts: [ca] } });
  const message = new Uint8Array(1_000_000);
  let taken = 0;
  const sending = (async () => {
    for (; taken < 500; taken++) await client.write(message);
  })().catch(() => {});
  // It stops by itself, when the buffers of the system are full.
  for (let before = -1; before !== taken;) {
    before = taken;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert(taken < 100, `${taken} MB were taken from a client that reads nothing`);
  client.close();
  await sending;
});

Deno.test("what cannot be decrypted ends a connection as malformed, and a reset as a reset", async () => {
  await using server = serveTcp({ tls: { cert: certificate, key }, idleTimeout: 20_000 }, async (connection) => {
    for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
  });
  // A relay that says something of its own in the middle of the stream, or breaks it off.
  for (const fault of ["malformed", "reset"] as const) {
    let inject = () => {};
    const relay = net.createServer((client) => {
      const up = net.connect(server.addr.port, "127.0.0.1");
      inject = () => {
        if (fault === "reset") up.resetAndDestroy();
        else up.write(Uint8Array.from([0x17, 3, 3, 0, 0x20, ...new Uint8Array(32)]));
      };
      up.on("data", (data) => client.write(data));
      client.on("data", (data) => up.write(data));
      client.on("error", () => {});
      up.on("error", () => {});
      up.on("close", () => client.destroy());
    });
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    const { port } = relay.address() as net.AddressInfo;
    const client = await connectTcp({ port, tls: { caCerts: [ca] } });
    await client.write(bytes("before"));
    assertEquals((await client.readChunk())?.length, 6);
    inject();
    await client.readChunk().catch(() => {});
    client.close();
    await within(
      (async () => {
        while (server.closed.get(fault) !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
      })(),
      () => `${fault}, got ${JSON.stringify([...server.closed])}`,
    );
    await new Promise<void>((resolve) => relay.close(() => resolve()));
  }
});

/** Ten encrypted connections that send as fast as they can and read what comes back, until the program is ended. */
const GREEDY = `
  const [port, folder] = Deno.args;
  const caCerts = [Deno.readTextFileSync(folder + "/ca.pem")];
  const block = new Uint8Array(262_144).fill(0x61);
  for (let count = 0; count < 10; count++) {
    const socket = await Deno.connectTls({ hostname: "127.0.0.1", port: Number(port), caCerts });
    socket.readable.pipeTo(new WritableStream());
    (async () => {
      while (true) await socket.write(block);
    })();
  }
  console.log("sending");
`;

Deno.test("clients that send all the time over TLS do not starve the others", async () => {
  using folder = temporaryFolder();
  const { serverArgs } = certificatesIn(folder.path);
  await using server = await ServerProcess.start("echo", {
    args: serverArgs,
    permissions: ["-P=echo-server", `--allow-read=${folder.path}`],
  });
  const greedy = new Deno.Command(Deno.execPath(), {
    args: ["eval", GREEDY, String(server.port), folder.path],
    stdout: "piped",
  }).spawn();
  try {
    const reader = greedy.stdout.getReader();
    await within(reader.read(), "greedy clients");
    using client = await connectTcp({ port: server.port, tls: { caCerts: [ca] } });
    const began = performance.now();
    for (let trip = 0; trip < 60; trip++) {
      await client.write(bytes("Hey"));
      assertEquals(await client.readChunk(), bytes("Hey"));
    }
    const took = performance.now() - began;
    assert(took < 8000, `60 round trips took ${Math.round(took)} ms`);
    reader.releaseLock();
  } finally {
    greedy.kill("SIGKILL");
    await greedy.stdout.cancel();
    await greedy.status;
  }
});
