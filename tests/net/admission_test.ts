import { assertEquals, assertMatch } from "@std/assert";
import { connectUdp } from "@wirebench/wirebench/net";
import { bytes, ServerProcess } from "../harness.ts";
import { Admission, clearCounts, makeSharedCounts, openConnections } from "../../lib/net/_admission.ts";

Deno.test("the connections of one address are limited, and a new one is accepted when one ends", async () => {
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
  for (const peer of [second, fourth]) await peer.end();
  await server.stop();
  assertMatch((await server.logged(/since the start/)).message, /1 refused/);
});

Deno.test("an address other than loopback may have 100 connections by default", () => {
  const admission = new Admission({ maxConnections: 1000 });
  for (let count = 0; count < 100; count++) assertEquals(admission.enter("203.0.113.9"), undefined);
  assertEquals(admission.enter("::ffff:203.0.113.9")?.reason, "refused");
  for (let count = 0; count < 500; count++) assertEquals(admission.enter("127.0.0.1"), undefined);
  assertEquals(admission.enter("203.0.113.10"), undefined);
  admission.leave("203.0.113.9");
  assertEquals(admission.enter("203.0.113.9"), undefined);
  assertEquals(admission.enter("203.0.113.9")?.reason, "refused");
});

Deno.test("limits of connections hold across threads, in total and per address", () => {
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
  // The counts of a thread that has failed are dropped.
  clearCounts({ memory, row: 0 });
  assertEquals(openConnections(memory), 2);
  assertEquals(other.enter("203.0.113.1"), undefined);
});

Deno.test("--allow admits only clients from the given ranges, and the log reports the others", async () => {
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
