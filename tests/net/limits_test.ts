import { blockOf } from "../../lib/net/address.ts";
import { allowList } from "../../lib/net/allow_list.ts";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Connection, ConnectionError, connectTcp, connectUdp, serveTcp, serveUdp } from "@wirebench/wirebench/net";
import { Admission, clearCounts, makeSharedCounts, openConnections } from "../../lib/net/_admission.ts";
import { RateLimit } from "../../lib/net/_rate_limit.ts";
import { makeCertificates } from "../../scripts/tools/certs/make.ts";
import { bytes, RawPeer, ServerProcess, stubSocket, textOf, within } from "../harness.ts";

Deno.test("allowList() knows ranges of both families, in any form of an address", () => {
  const allows = allowList(["10.0.0.0/8", "192.168.1.7", "2001:db8::/32", "::1/128"]);
  const cases: [address: string, allowed: boolean][] = [
    ["10.255.0.1", true],
    ["11.0.0.1", false],
    ["192.168.1.7", true],
    ["192.168.1.8", false],
    ["::ffff:10.1.2.3", true], // as a listener on :: shows it
    ["::ffff:a01:203", true],
    ["::ffff:11.1.2.3", false],
    ["2001:db8:0:0:1:2:3:4", true],
    ["2001:DB8::1", true],
    ["2001:db9::1", false],
    ["0:0:0:0:0:0:0:1", true],
    ["::2", false],
    ["fe80::1%eth0", false],
  ];
  for (const [address, allowed] of cases) assertEquals(allows(address), allowed, address);
  assert(allowList(["fe80::/10"])("fe80::1%eth0"));
  assert(allowList(["0.0.0.0/0"])("203.0.113.9"));
  assert(!allowList([])("127.0.0.1"));
});

Deno.test("allowList() refuses what is no range", () => {
  for (const wrong of ["", "localhost", "10.0.0.0/33", "::1/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/8/8", "/8"]) {
    assertThrows(() => allowList([wrong]), RangeError, `Cannot allow "${wrong}": expected an address or a range`);
  }
});

Deno.test("whoever has an IPv6 network of 64 bits is one, and so is an IPv4 address in any form", () => {
  assertEquals(blockOf("203.0.113.9"), "203.0.113.9");
  assertEquals(blockOf("::ffff:203.0.113.9"), "203.0.113.9");
  assertEquals(blockOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  assertEquals(blockOf("2001:db8::6"), "2001:db8:0:0::/64");
  assertEquals(blockOf("::1"), "0:0:0:0::/64");
});

Deno.test("one address may have only so many connections, and gets a new one when one ends", async () => {
  await using server = await ServerProcess.start("echo", { args: ["--max-per-address", "2"] });
  using first = await server.connect();
  using second = await server.connect();
  await first.send("1");
  await second.send("2");
  assertEquals([await first.receive(1), await second.receive(1)], ["1", "2"]);
  using third = await server.connect();
  assertEquals(await third.receiveAll(), "");
  assertMatch((await server.logged(/refused/)).message, /\(The limit is 2 connections from 127\.0\.0\.1\)/);
  await first.end();
  await first.receiveAll();
  await server.logged(/closed: finished/);
  using fourth = await server.connect();
  await fourth.send("4");
  assertEquals(await fourth.receive(1), "4");
  await server.stop();
  assertMatch((await server.logged(/since the start/)).message, /1 refused/);
});

Deno.test("addresses other than loopback have a hundred connections unless told otherwise", () => {
  const admission = new Admission({ maxConnections: 1000 });
  for (let count = 0; count < 100; count++) assertEquals(admission.enter("203.0.113.9"), undefined);
  assertEquals(admission.enter("::ffff:203.0.113.9")?.reason, "refused");
  for (let count = 0; count < 500; count++) assertEquals(admission.enter("127.0.0.1"), undefined);
  assertEquals(admission.enter("203.0.113.10"), undefined);
  admission.leave("203.0.113.9");
  assertEquals(admission.enter("203.0.113.9"), undefined);
  assertEquals(admission.enter("203.0.113.9")?.reason, "refused");
});

Deno.test("limits hold for all threads together, in all and for each address", () => {
  const memory = makeSharedCounts(2);
  const limits = { maxConnections: 5, maxConnectionsPerAddress: 2 };
  const admission = (row: number) => new Admission({ ...limits, sharedCounts: { memory, row, seed: 7 } });
  const [one, other] = [admission(0), admission(1)];
  assertEquals([one.enter("203.0.113.9"), other.enter("203.0.113.9")], [undefined, undefined]);
  assertEquals([one, other].map((each) => each.enter("203.0.113.9")?.reason), ["refused", "refused"]);
  assertEquals(["203.0.113.1", "203.0.113.2", "203.0.113.3"].map((host) => one.enter(host)), Array(3).fill(undefined));
  assertEquals(other.enter("203.0.113.4")!.detail, "The limit is 5 connections");
  assertEquals(openConnections(memory), 5);
  one.leave("203.0.113.9");
  assertEquals(other.enter("203.0.113.9"), undefined);
  // What a thread that failed had counted is forgotten.
  clearCounts({ memory, row: 0 });
  assertEquals(openConnections(memory), 2);
  assertEquals(other.enter("203.0.113.1"), undefined);
});

Deno.test("--allow takes clients from the addresses named alone, and says so in the log", async () => {
  await using server = await ServerProcess.start("lines", { args: ["--allow", "127.0.0.2", "--allow", "10.0.0.0/8"] });
  using stranger = await server.connect();
  assertEquals(await stranger.receiveAll(), "");
  assertEquals((await server.logged(/closed/)).reason, "not allowed");
  await server.stop();
  assertMatch((await server.logged(/since the start/)).message, /1 not allowed/);

  await using datagrams = await ServerProcess.start("uppercase", { args: ["--allow", "10.0.0.0/8"] });
  using peer = await connectUdp({ port: datagrams.port });
  await peer.send(bytes("hey"));
  assertMatch((await datagrams.logged(/gets no answer/)).message, /not allowed \(1 dropped\)/);
});

Deno.test("a flood of datagrams gets so many answers a second, and one line of log", async () => {
  await using server = await ServerProcess.start("uppercase", { args: ["--max-rate", "5"] });
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port: server.port };
  for (let count = 0; count < 50; count++) await socket.send(bytes(`${count}`), to);
  const answers: string[] = [];
  for (let count = 0; count < 5; count++) answers.push(textOf((await within(socket.receive(), "an answer"))[0]));
  assertEquals(answers, ["0", "1", "2", "3", "4"]);
  // Once a later datagram is answered, the server has received all of the flood.
  const answered = socket.receive();
  let isAnswered = false;
  answered.then(() => isAnswered = true, () => {});
  while (!isAnswered) {
    await socket.send(bytes("later"), to);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  socket.close();
  assertEquals((await server.logged(/gets no answer/)).reason, "too many");
  await server.stop();
  const said = server.log.filter(({ message }) => message.includes("gets no answer"));
  assert(said.length < 5, `${said.length} lines`);
  const [, dropped] = /(\d+) too many/.exec((await server.logged(/since the start/)).message)!;
  assert(Number(dropped) >= 40, `${dropped} dropped`);
});

Deno.test("a rate is refilled with time, for each sender, in bounded memory", () => {
  const rate = new RateLimit(2);
  assertEquals([rate.take("a", 0), rate.take("a", 0), rate.take("a", 0)], [true, true, false]);
  assertEquals(rate.take("b", 0), true);
  assertEquals([rate.take("a", 499), rate.take("a", 500), rate.take("a", 501)], [false, true, false]);
  assertEquals([1, 2, 3].map(() => rate.take("a", 60_000)), [true, true, false]);
  // Made-up senders push the oldest out, which then begins anew.
  for (let made = 0; made < 10_000; made++) rate.take(`made ${made}`, 60_000);
  assertEquals(rate.take("a", 60_000), true);
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

Deno.test("who writes without waiting for a peer that does not read comes to a limit", async () => {
  const connection = new Connection(stubSocket({ write: (_, closed) => closed }), { maxQueue: 1000 });
  const writes = [1, 400, 400, 201].map((length) => connection.write(new Uint8Array(length)));
  for (const write of writes) {
    const error = await assertRejects(() => write, ConnectionError, "More than 1000 bytes wait for the peer to read");
    assertEquals(error.reason, "too slow");
  }
  await assertRejects(() => connection.write(new Uint8Array(1)), ConnectionError, "More than 1000 bytes");
});

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

Deno.test("limits out of range are refused at once", async () => {
  for (const limit of [0, -1, 1.5, NaN]) {
    assertThrows(() => serveTcp({ maxConnections: limit }, () => {}), RangeError, "Cannot use maxConnections");
    assertThrows(() => serveTcp({ maxConnectionsPerAddress: limit }, () => {}), RangeError, "Cannot use");
    assertThrows(() => serveUdp({ maxRate: limit }, () => {}), RangeError, "Cannot use maxRate");
    assertThrows(() => new Connection(stubSocket(), { maxQueue: limit }), RangeError, "Cannot use maxQueue");
  }
  assertThrows(() => serveTcp({ allow: ["x"] }, () => {}), RangeError, "Cannot allow");
  assertThrows(() => serveUdp({ maxGrowth: -1 }, () => {}), RangeError, "Cannot use maxGrowth");
  await using unlimited = serveTcp({ maxConnections: Infinity }, () => {});
  assert(unlimited.addr.port > 0);
});
