import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { delimited, lines, text } from "@wirebench/wirebench/framing";
import {
  type Certificate,
  type Connection,
  ConnectionError,
  connectTcp,
  framed,
  serveTcp,
  type ServeTcpOptions,
  type TcpServer,
  type Trust,
} from "@wirebench/wirebench/net";
import net from "node:net";
import { LoopShare } from "../../lib/net/loop.ts";
import { processorTimeOf } from "../../scripts/shared/footprint.ts";
import { makeCertificates } from "../../scripts/tools/certs/make.ts";
import {
  bytes,
  certificatesIn,
  fakeServer,
  grantsOf,
  hasProgram,
  RawPeer,
  reset,
  runClient,
  ServerProcess,
  temporaryFolder,
  textOf,
  until,
  untilStill,
  within,
} from "../harness.ts";

Deno.test("an unfinished TLS handshake ends as too slow, and delays nobody else", async () => {
  const { ca, certificate: cert, key } = await makeCertificates();
  await using server = serveTcp({ tls: { cert, key }, handshakeTimeout: 2000 }, async (connection) => {
    await connection.write((await connection.readChunk())!);
  });
  using silent = await RawPeer.connect(server.addr.port);
  using begun = await RawPeer.connect(server.addr.port);
  await begun.send("\x16\x03\x01");
  using connection = await connectTcp({ port: server.addr.port, tls: { caCerts: [ca], serverName: "localhost" } });
  await connection.write(bytes("through"));
  assertEquals(textOf((await connection.readChunk())!), "through");
  assertEquals([await silent.receiveAll(), await begun.receiveAll()], ["", ""]);
  assertEquals(server.closed.get("too slow"), 2);
});

Deno.test("connectTcp() tells apart an unknown authority, a wrong name and an invalid certificate", async () => {
  const { ca, certificate: cert, key } = await makeCertificates();
  await using server = serveTcp({ tls: { cert, key } }, () => {});
  const { port } = server.addr;
  const cases: [tls: true | { caCerts?: string[]; serverName?: string }, message: string][] = [
    [true, "none of the certificate authorities trusted here"],
    [{ caCerts: [ca], serverName: "example.com" }, "altnames"],
    [{ caCerts: [(await makeCertificates()).ca] }, "none of the certificate authorities trusted here"],
  ];
  for (const [tls, message] of cases) {
    const error = await assertRejects(() => connectTcp({ port, tls }), ConnectionError, message);
    assertEquals(error.reason, "handshake failed");
  }
  for (const wrong of ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]) {
    await assertRejects(() => connectTcp({ port, tls: { caCerts: [wrong] } }), RangeError, "Cannot");
  }
  using _trusting = await connectTcp({ port, tls: { caCerts: [ca] } });
  assertThrows(() => serveTcp({ tls: { cert, key }, path: "/tmp/x" }, () => {}), RangeError, "Cannot encrypt");
  await assertRejects(() => connectTcp({}), RangeError, "expected a port or a path");
});

Deno.test("a server over TLS reads on after the client's end, and answers", async () => {
  using folder = temporaryFolder();
  const { ca, serverArgs } = await certificatesIn(folder.path);
  await using server = await ServerProcess.start("exchange", {
    args: serverArgs,
    permissions: [...grantsOf("exchange", "server"), `--allow-read=${folder.path}`],
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

Deno.test("the log tells apart clients without TLS, without trust in the server, and silent ones", async () => {
  using folder = temporaryFolder();
  const { serverArgs, clientArgs } = await certificatesIn(folder.path);
  await using server = await ServerProcess.start("sixteen", {
    args: serverArgs,
    permissions: [...grantsOf("sixteen", "server"), `--allow-read=${folder.path}`],
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
    permissions: [...grantsOf("sixteen", "client"), `--allow-read=${folder.path}`],
  });
  assertEquals(toPlain.code, 1);
  assertMatch(toPlain.stderr, /what the peer sent is not TLS\n$/);

  await using silent = fakeServer((_, held) => held);
  const waiting = await runClient("sixteen", ["--port", String(silent.port), "--tls", "--timeout", "2"]);
  assertMatch(waiting.stderr, /The TLS handshake did not end within 2 s\n$/);
});

const hasTls = hasProgram("openssl", "s_client", "-servername", "x", "-verify_return_error", "-quiet", "-help") &&
  hasProgram("python3", "-c", "import ssl; assert ssl.HAS_TLSv1_3");

Deno.test({
  name: "openssl s_client and Python's ssl accept a server over TLS" +
    (hasTls ? "" : " (ignored: no openssl s_client, or no python3 with TLS 1.3 here)"),
  ignore: !hasTls,
  async fn() {
    using folder = temporaryFolder();
    const { serverArgs, clientArgs: [, caFile] } = await certificatesIn(folder.path);
    await using server = await ServerProcess.start("echo", {
      args: serverArgs,
      permissions: [...grantsOf("echo", "server"), `--allow-read=${folder.path}`],
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

Deno.test("a client over TLS that does not read its answers is not read from, and costs bounded memory", async () => {
  const { ca, certificate, key } = await makeCertificates();
  await using server = serveTcp({ tls: { cert: certificate, key } }, async (connection) => {
    for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
  });
  using client = await connectTcp({ port: server.addr.port, tls: { caCerts: [ca] } });
  const message = new Uint8Array(1_000_000);
  let taken = 0;
  const sending = (async () => {
    for (; taken < 500; taken++) await client.write(message);
  })().catch(() => {});
  // Full buffers of the system stop it.
  await untilStill(() => taken);
  assert(taken < 100, `${taken} MB were taken from a client that reads nothing`);
  client.close();
  await sending;
});

Deno.test("undecryptable bytes end a connection as malformed, and a reset as reset", async () => {
  const { ca, certificate, key } = await makeCertificates();
  await using server = serveTcp({ tls: { cert: certificate, key }, idleTimeout: 20_000 }, async (connection) => {
    for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
  });
  // A relay that injects bytes into the stream, or resets it.
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
    await until(() => server.closed.get(fault) === 1, () => `${fault}, got ${JSON.stringify([...server.closed])}`);
    await new Promise<void>((resolve) => relay.close(() => resolve()));
  }
});

/** A server that begins TLS when it has read STARTTLS, and then echoes. */
function startTlsServer(certificate: Certificate, options: ServeTcpOptions = {}): TcpServer {
  return serveTcp(options, async (connection) => {
    const request = new Uint8Array("STARTTLS\n".length);
    await connection.read(request);
    assertEquals(textOf(request), "STARTTLS\n");
    connection.queue(bytes("go ahead\n"));
    await connection.upgradeTls(certificate);
    for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
  });
}

/** Asks for TLS in the clear. */
async function startTls(port: number): Promise<Connection> {
  const connection = await connectTcp({ hostname: "localhost", port });
  await connection.write(bytes("STARTTLS\n"));
  assertEquals(textOf((await connection.readChunk())!), "go ahead\n");
  return connection;
}

Deno.test("upgradeTls() encrypts both sides of an open connection, and verifies the certificate", async () => {
  const { ca, certificate: cert, key } = await makeCertificates();
  await using server = startTlsServer({ cert, key });
  const { port } = server.addr;
  await using connection = await startTls(port);
  await connection.upgradeTls({ caCerts: [ca] });
  await connection.write(bytes("secret"));
  assertEquals(textOf((await connection.readChunk())!), "secret");
  await assertRejects(() => connection.upgradeTls(), TypeError, "Cannot encrypt a connection that is encrypted");

  const cases: [options: Trust, message: string][] = [
    [{}, "none of the certificate authorities trusted here"],
    [{ caCerts: [ca], serverName: "example.com" }, "altnames"],
  ];
  for (const [options, message] of cases) {
    using distrustful = await startTls(port);
    const error = await assertRejects(() => distrustful.upgradeTls(options), ConnectionError, message);
    assertEquals([error.reason, distrustful.reason], ["handshake failed", "handshake failed"]);
  }
  await using usable = await startTls(port);
  await assertRejects(() => usable.upgradeTls({ caCerts: ["none"] }), RangeError, "Cannot read the certificate");
  await assertRejects(() => usable.upgradeTls({ cert, key: "none" }), RangeError, "Cannot read the private key");
  await usable.upgradeTls({ caCerts: [ca] });
});

Deno.test("upgradeTls() writes in the clear what waits, refuses while a read is pending, and has a deadline", async () => {
  const { certificate: cert, key } = await makeCertificates();
  const upgraded = Promise.withResolvers<unknown>();
  await using server = serveTcp({ handshakeTimeout: 2000 }, async (connection) => {
    const reading = connection.readChunk();
    await assertRejects(() => connection.upgradeTls({ cert, key }), TypeError, "while a read is pending");
    await connection.write(bytes("not yet "));
    await reading;
    const writing = connection.write(new Uint8Array(1_000_000));
    connection.queue(bytes("go ahead"));
    await connection.upgradeTls({ cert, key }).catch(upgraded.resolve);
    await writing;
  });
  using silent = await RawPeer.connect(server.addr.port);
  assertEquals(await silent.receive(8), "not yet ");
  await silent.send("STARTTLS\n");
  assert((await silent.receiveAll()).endsWith("go ahead"));
  const error = await within(upgraded.promise, "the deadline");
  assertEquals(String(error), "ConnectionError: The TLS handshake did not end within 2 s");
  assertEquals((error as ConnectionError).reason, "too slow");
});

Deno.test("upgradeTls() refuses while a read waits for its turn of the event loop", async () => {
  const { certificate: cert, key } = await makeCertificates();
  const refused = Promise.withResolvers<Error>();
  await using server = serveTcp({ handshakeTimeout: 100 }, async (connection) => {
    const share = new LoopShare();
    for (let asked = 0; asked < 2; asked++) {
      for (const until = performance.now() + 5; performance.now() < until;) { /* busy */ }
      share.request(performance.now());
    }
    const reading = connection.readChunk();
    share.close();
    await assertRejects(() => connection.upgradeTls({ cert, key }), TypeError, "while a read is pending")
      .then(refused.resolve, refused.reject);
    await reading;
  });
  using peer = await RawPeer.connect(server.addr.port);
  await refused.promise;
  await peer.send("Hey");
});

Deno.test("bytes sent in the clear behind the request for TLS never pass for encrypted ones", async () => {
  const { ca, certificate: cert, key } = await makeCertificates();
  // Unread in the system's buffer: they are no TLS record.
  await using server = startTlsServer({ cert, key });
  using injecting = await RawPeer.connect(server.addr.port);
  await injecting.send("STARTTLS\nRCPT TO:<attacker>\n");
  const answer = await injecting.receiveAll();
  assertMatch(answer, /^go ahead\n/);
  assert(!answer.includes("RCPT"));
  await until(() => server.closed.get("handshake failed") === 1, () => JSON.stringify([...server.closed]));

  // Read by a reader on top of the connection, and not delivered yet.
  await using reading = serveTcp({}, async (connection) => {
    assertEquals(await framed(connection, text(lines())).receive(), "STARTTLS");
    connection.queue(bytes("go ahead\n"));
    await connection.upgradeTls({ cert, key });
  });
  for (const [index, injected] of ["RCPT TO:<attacker>\n", "RCPT TO:"].entries()) {
    using early = await RawPeer.connect(reading.addr.port);
    await early.send(`STARTTLS\n${injected}`);
    assertEquals(await early.receiveAll(), "go ahead\n");
    await until(() => reading.closed.get("malformed") === index + 1, () => JSON.stringify([...reading.closed]));
  }
  using patient = await startTls(reading.addr.port);
  await patient.upgradeTls({ caCerts: [ca] });

  // The same for a client that somebody on the path answers in the clear.
  await using impostor = fakeServer(async (peer) => {
    await peer.receive(9);
    await peer.send("go ahead\n250 a forged answer\n");
    await peer.receiveAll();
  });
  using deceived = await connectTcp({ port: impostor.port });
  await deceived.write(bytes("STARTTLS\n"));
  assertEquals(await deceived.read(new Uint8Array(9)), 9);
  await assertRejects(() => deceived.upgradeTls({ caCerts: [ca] }), ConnectionError, "what the peer sent is not TLS");
});

/** A mail server, as far as clients need one to begin TLS. */
function mailServer(certificate: Certificate): TcpServer {
  return serveTcp({}, async (connection) => {
    const crlf = text(delimited("\r\n"));
    const clear = framed(connection, crlf);
    await clear.send("220 here");
    assertMatch((await clear.receive())!, /^EHLO /i);
    await clear.sendAll(["250-here", "250 STARTTLS"]);
    assertEquals(await clear.receive(), "STARTTLS");
    await clear.send("220 go ahead");
    await connection.upgradeTls(certificate);
    const secret = framed(connection, crlf);
    for await (const line of secret) await secret.send(line === "QUIT" ? "221 bye" : `250 ${line}`);
  });
}

Deno.test({
  name: "Python's smtplib and openssl s_client -starttls upgrade a connection, and Python's ssl is upgraded to" +
    (hasTls ? "" : " (ignored: no openssl s_client, or no python3 with TLS 1.3 here)"),
  ignore: !hasTls,
  async fn() {
    using folder = temporaryFolder();
    const { ca, cert, key, serverArgs: [, certFile, , keyFile], clientArgs: [, caFile] } = await certificatesIn(
      folder.path,
    );
    await using server = mailServer({ cert, key });
    const { port } = server.addr;
    const script = `
import smtplib, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
with smtplib.SMTP("localhost", int(sys.argv[1]), local_hostname="client") as smtp:
    smtp.starttls(context=context)
    print(smtp.sock.version(), smtp.noop()[1].decode())
`;
    const python = await new Deno.Command("python3", { args: ["-c", script, String(port), caFile!] }).output();
    assertEquals(new TextDecoder().decode(python.stderr), "");
    assertEquals(new TextDecoder().decode(python.stdout), "TLSv1.3 noop\n");

    const openssl = new Deno.Command("openssl", {
      args: ["s_client", "-starttls", "smtp", "-connect", `127.0.0.1:${port}`, "-servername", "localhost"]
        .concat(["-CAfile", caFile!, "-verify_return_error", "-quiet"]),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const stdin = openssl.stdin.getWriter();
    await stdin.write(bytes("from openssl\r\n"));
    let printed = "";
    const decoder = new TextDecoder();
    for await (const chunk of openssl.stdout) {
      printed += decoder.decode(chunk);
      if (printed.includes("from openssl")) break;
    }
    assertMatch(printed, /^250 from openssl\r$/m);
    await stdin.close();
    openssl.kill();
    await openssl.status;

    const program = `
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    plain, _ = listener.accept()
    assert plain.recv(100) == b"STARTTLS\\n"
    plain.sendall(b"go ahead\\n")
    with context.wrap_socket(plain, server_side=True) as s:
        s.sendall(s.recv(100))
        assert s.recv(100) == b""
`;
    const peer = new Deno.Command("python3", { args: ["-c", program, certFile!, keyFile!], stdout: "piped" }).spawn();
    const stdout = peer.stdout.getReader();
    {
      await using connection = await startTls(Number(textOf((await stdout.read()).value!)));
      await connection.upgradeTls({ caCerts: [ca] });
      await connection.write(bytes("from Deno"));
      assertEquals(textOf((await connection.readChunk())!), "from Deno");
    }
    await stdout.cancel();
    assertEquals((await peer.status).code, 0);
  },
});

/** The program of ten clients that send as fast as they can. */
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
  const { ca, serverArgs } = await certificatesIn(folder.path);
  await using server = await ServerProcess.start("echo", {
    args: serverArgs,
    permissions: ["-P=echo-server", `--allow-read=${folder.path}`],
  });
  const greedy = new Deno.Command(Deno.execPath(), {
    args: ["eval", GREEDY, String(server.port), folder.path],
    stdout: "piped",
  }).spawn();
  const reader = greedy.stdout.getReader();
  try {
    await within(reader.read(), "greedy clients", 60_000);
    using client = await connectTcp({ port: server.port, tls: { caCerts: [ca] } });
    const began = await processorTimeOf(server.pid);
    const trips = async () => {
      for (let trip = 0; trip < 60; trip++) {
        await client.write(bytes("Hey"));
        assertEquals(await client.readChunk(), bytes("Hey"));
      }
    };
    await within(trips(), "60 round trips", 120_000);
    // The server's own time, whatever else the machine does meanwhile.
    const took = ((await processorTimeOf(server.pid)).ran - began.ran) / 1e6;
    assert(took < 8000, `60 round trips took the server ${Math.round(took)} ms`);
  } finally {
    greedy.kill("SIGKILL");
    await reader.cancel();
    await greedy.status;
  }
});

Deno.test("a read over TLS that is pending when the connection finishes ends", async () => {
  const { ca, certificate: cert, key } = await makeCertificates();
  await using server = serveTcp({ tls: { cert, key } }, async (connection) => {
    await connection.readChunk();
  });
  let reading;
  {
    const options = { port: server.addr.port, tls: { caCerts: [ca] }, lingerTimeout: 60_000 };
    await using connection = await connectTcp(options);
    reading = connection.readChunk();
  }
  assertEquals(await within(reading, "the end of the read"), null);
});
