import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { makeCertificates, subjectName } from "../../scripts/tools/certs/make.ts";
import { hasProgram, temporaryFolder } from "../harness.ts";

const root = new URL("../..", import.meta.url);
const decoder = new TextDecoder();
const VERIFY = ["verify", "-x509_strict", "-purpose", "sslserver"];
const hasOpenssl = hasProgram("openssl", ...VERIFY, "-verify_hostname", "x", "-verify_ip", "::1", "-help");
const hasPython = hasProgram("python3", "-c", "import ssl; ssl.VERIFY_X509_STRICT");

interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

async function output(program: string, args: string[], cwd: string | URL = root): Promise<Output> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd }).output();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Runs the command under its permission set. A copy of the configuration makes `certs` a subfolder of `folder`. */
function certs(folder: string, ...args: string[]): Promise<Output> {
  const config = `${folder}/deno.json`;
  const command = [
    "run",
    "-q",
    "--no-prompt",
    "--config",
    config,
    "-P=certs",
    new URL("scripts/tools/certs.ts", root).href,
  ];
  Deno.writeTextFileSync(config, Deno.readTextFileSync(new URL("deno.json", root)));
  Deno.writeTextFileSync(`${folder}/deno.lock`, Deno.readTextFileSync(new URL("deno.lock", root)));
  return output(Deno.execPath(), [...command, ...args], folder);
}

/** Sends `hello` over TLS to every client until it is disposed of. */
function serveHello(cert: string, key: string): AsyncDisposable & { port: number } {
  const listener = Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key });
  const serving: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const socket of listener) {
      const hello = async () => {
        await socket.write(new TextEncoder().encode("hello"));
        await socket.closeWrite();
        while (await socket.read(new Uint8Array(100)) !== null) { /* to its end */ }
      };
      // A client that does not trust the certificate aborts.
      serving.push(hello().catch(() => {}).finally(() => socket.close()));
    }
  })();
  return {
    port: (listener.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(serving);
    },
  };
}

async function helloFrom(port: number, hostname: string, caCerts: string[]): Promise<string> {
  const plain = await Deno.connect({ hostname: "127.0.0.1", port });
  using socket = await Deno.startTls(plain, { hostname, caCerts });
  const buffer = new Uint8Array(10);
  return decoder.decode(buffer.subarray(0, await socket.read(buffer) ?? 0));
}

Deno.test("certs writes a certificate, its key and the CA, and replaces none without --force", async () => {
  using folder = temporaryFolder();
  const pem = (name: string) => Deno.readTextFileSync(`${folder.path}/certs/${name}`);
  const made = await certs(folder.path, "--days", "7", "--name", "bench.example", "--name", "10.1.2.3");
  assertEquals([made.code, made.stderr], [0, ""]);
  assertMatch(made.stdout, /for localhost, 127\.0\.0\.1, ::1, bench\.example, 10\.1\.2\.3\n +valid until \d{4}-/);
  const leaf = new X509Certificate(pem("localhost.pem"));
  assert(made.stdout.includes(`SHA-256 ${leaf.fingerprint256}`));
  for (const command of ["echo:server --tls-cert certs/localhost.pem --tls-key certs/localhost-key.pem", "openssl"]) {
    assert(made.stdout.includes(command), command);
  }
  assertEquals([...Deno.readDirSync(`${folder.path}/certs`)].map(({ name }) => name).sort(), [
    "ca.pem",
    "localhost-key.pem",
    "localhost.pem",
  ]);
  // One certificate each, and no key of the CA.
  assertEquals(pem("localhost.pem").match(/BEGIN \w+/g), ["BEGIN CERTIFICATE"]);
  assertEquals(pem("ca.pem").match(/BEGIN \w+/g), ["BEGIN CERTIFICATE"]);
  if (Deno.build.os !== "windows") assertEquals(mode(`${folder.path}/certs/localhost-key.pem`), 0o600);

  const before = pem("localhost-key.pem");
  const refused = await certs(folder.path);
  assertEquals(refused, {
    code: 1,
    stdout: "",
    stderr:
      "certs: There is already a certificate in certs: --force replaces all three files, and clients then need the new certs/ca.pem\n",
  });
  assertEquals(pem("localhost-key.pem"), before);
  Deno.chmodSync(`${folder.path}/certs/localhost-key.pem`, 0o644);
  assertEquals((await certs(folder.path, "--force")).code, 0);
  assert(pem("localhost-key.pem") !== before);
  if (Deno.build.os !== "windows") assertEquals(mode(`${folder.path}/certs/localhost-key.pem`), 0o600);
  const other = pem("ca.pem");
  assert(!leaf.verify(new X509Certificate(other).publicKey), "each CA signs one certificate");
});

function mode(path: string): number {
  return Deno.statSync(path).mode! & 0o777;
}

Deno.test("certs reports wrong options", async () => {
  using folder = temporaryFolder();
  for (
    const [args, message] of [
      [["--days", "399"], /--days: expected an integer from 1 to 398, got "399"/],
      [["--name", "two words"], /--name: expected a DNS name or an IP address, got "two words"/],
      [["more"], /Unexpected argument "more"/],
    ] as const
  ) {
    const { code, stderr } = await certs(folder.path, ...args);
    assertMatch(stderr, message);
    assertEquals(code, 2);
  }
});

Deno.test("a certificate meets RFC 5280 and the rules of clients", async () => {
  const now = new Date("2030-01-02T03:04:05Z");
  const { ca, certificate, notAfter } = await makeCertificates({ days: 398, now });
  const [root, leaf] = [new X509Certificate(ca), new X509Certificate(certificate)];
  assertEquals([root.ca, leaf.ca], [true, false]);
  assert(leaf.checkIssued(root) && leaf.verify(root.publicKey) && root.verify(root.publicKey));
  assertEquals(leaf.subjectAltName, "DNS:localhost, IP Address:127.0.0.1, IP Address:::1");
  const [from, to] = [new Date(leaf.validFrom).getTime(), new Date(leaf.validTo).getTime()];
  assertEquals(to, notAfter.getTime());
  assert(from < now.getTime() && from >= now.getTime() - 3_600_000, "some minutes of clock skew");
  assertEquals(to - from + 1000, 398 * 86_400_000);
  const again = new X509Certificate((await makeCertificates()).certificate);
  assert(leaf.serialNumber !== again.serialNumber);
  for (const { serialNumber } of [root, leaf, again]) assertMatch(serialNumber, /^[4-7][\dA-F]{31}$/);
  for (const days of [0, 399, 1.5]) {
    await assertRejects(() => makeCertificates({ days }), RangeError, "an integer from 1 to 398");
  }
});

Deno.test("subjectName() accepts DNS names and IP addresses only", () => {
  for (
    const [given, type, value] of [
      ["Bench.Example", "dns", "bench.example"],
      ["*.example", "dns", "*.example"],
      ["zoë.example", "dns", "xn--zo-ija.example"],
      ["10.0.0.1", "ip", "10.0.0.1"],
      ["FE80:0::1", "ip", "fe80::1"],
      ["[::1]", "ip", "::1"],
    ] as const
  ) assertEquals(subjectName(given), { type, value });
  for (
    const given of ["", " ", "a b", "a..b", "-a", "a_b", "a/b", "a@b", "a:80", "1", "127.1", "0x7f.1", "1.2.3.400"]
  ) {
    assertThrows(() => subjectName(given), RangeError, "expected a DNS name or an IP address", given);
  }
});

Deno.test("clients that trust the CA accept the server by each of its names, and others refuse it", async () => {
  const { ca, certificate, key } = await makeCertificates({ names: [subjectName("bench.example")] });
  await using server = serveHello(certificate, key);
  for (const name of ["localhost", "127.0.0.1", "::1", "bench.example"]) {
    assertEquals(await helloFrom(server.port, name, [ca]), "hello", name);
  }
  await assertRejects(() => helloFrom(server.port, "localhost", []), Deno.errors.InvalidData, "UnknownIssuer");
  const { ca: another } = await makeCertificates();
  await assertRejects(() => helloFrom(server.port, "localhost", [another]), Deno.errors.InvalidData, "UnknownIssuer");
  await assertRejects(
    () => helloFrom(server.port, "elsewhere.example", [ca]),
    Deno.errors.InvalidData,
    "not valid for name",
  );
});

Deno.test({
  name: "openssl verifies the certificate" +
    (hasOpenssl ? "" : " (ignored: no openssl that verifies names here)"),
  ignore: !hasOpenssl,
  async fn() {
    using folder = temporaryFolder();
    await certs(folder.path);
    const verify = [...VERIFY, "-CAfile", "certs/ca.pem"];
    for (const check of [["-verify_hostname", "localhost"], ["-verify_ip", "127.0.0.1"], ["-verify_ip", "::1"]]) {
      const { stdout, stderr } = await output("openssl", [...verify, ...check, "certs/localhost.pem"], folder.path);
      assertEquals([stdout, stderr], ["certs/localhost.pem: OK\n", ""]);
    }
    const elsewhere = [...verify, "-verify_hostname", "elsewhere.example", "certs/localhost.pem"];
    assertMatch((await output("openssl", elsewhere, folder.path)).stderr, /hostname mismatch/i);
  },
});

const PYTHON_CLIENT = `
import socket, ssl, sys
context = ssl.create_default_context(cafile="certs/ca.pem")
context.verify_flags |= ssl.VERIFY_X509_STRICT
for name in "localhost", "127.0.0.1":
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as plain:
        with context.wrap_socket(plain, server_hostname=name) as tls:
            print(tls.recv(5).decode())
`;

Deno.test({
  name: "a client in Python with check_hostname accepts the server" +
    (hasPython ? "" : " (ignored: no python3 with ssl here)"),
  ignore: !hasPython,
  async fn() {
    using folder = temporaryFolder();
    await certs(folder.path);
    const pem = (name: string) => Deno.readTextFileSync(`${folder.path}/certs/${name}`);
    await using server = serveHello(pem("localhost.pem"), pem("localhost-key.pem"));
    const { stdout, stderr } = await output("python3", ["-c", PYTHON_CLIENT, String(server.port)], folder.path);
    assertEquals([stdout, stderr], ["hello\nhello\n", ""]);
  },
});
