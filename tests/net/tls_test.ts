import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { ConnectionError, connectTcp, serveTcp } from "@wirebench/wirebench/net";
import { makeCertificates } from "../../scripts/tools/certs/make.ts";
import { bytes, RawPeer, textOf } from "../harness.ts";

Deno.test("a TLS handshake that does not end is too slow, and holds up nobody", async () => {
  const { ca, certificate: cert, key } = await makeCertificates();
  await using server = serveTcp({ tls: { cert, key }, handshakeTimeout: 300 }, async (connection) => {
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

Deno.test("TLS that is no TLS, a wrong name and a wrong authority are told apart", async () => {
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
