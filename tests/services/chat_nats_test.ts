import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { assert, assertEquals } from "@std/assert";
import { serveProxy } from "@wirebench/wirebench/proxy";
import { NatsServer } from "../../scripts/shared/nats.ts";
import { BatchWriter } from "../../services/chat/_batch.ts";
import { connectNats } from "../../services/chat/_nats_connection.ts";
import { headed, ServerProcess, textOf, until, untilStill, within } from "../harness.ts";
import { assertAllHeard, Member } from "./_chat_members.ts";
import { pause, Servers, test } from "./_chat_nats.ts";

test("chat:server holds senders while NATS is away, in bounded memory, and lets members join", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 2);
  const [server, other] = servers.all as [ServerProcess, ServerProcess];
  const talkers = await Promise.all(Array.from({ length: 4 }, (_, index) => Member.join(server, `talker${index}`)));
  await using listener = await Member.join(other, "listener");
  await nats.kill();
  await server.logged(/^NATS is away/);
  const before = await residentMemory(server.pid);
  const stop = new AbortController();
  const talking = Promise.all(talkers.map((talker) => talker.talk(stop.signal, 0, 64 * 1024)));
  const said = () => talkers.reduce((sum, { said }) => sum + said, 0);
  for (let last = NaN; last !== said();) {
    last = said();
    assert(last * 64 * 1024 < 64 * 1024 * 1024, `${last} messages of 64 KiB taken`);
    await pause(2000);
  }
  const grown = await residentMemory(server.pid) - before;
  assert(grown < 64 * 1024 * 1024, `${grown} bytes more memory`);
  await using late = await Member.join(server, "late");
  stop.abort();
  await nats.restart();
  await talking;
  await server.logged(/^NATS is back after \d+\.\d s: \d+ messages \(\d+ bytes\) waited$/);
  await assertAllHeard([listener, late], talkers);
  for (const talker of talkers) await talker[Symbol.asyncDispose]();
});

/** The memory that a process uses, in bytes. */
async function residentMemory(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "rss=", "-p", String(pid)] }).output();
  return Number(textOf(stdout)) * 1024;
}

test("chat:server told to stop appends what members have said, and reports what NATS has not acknowledged", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 3);
  const [first, second, third] = servers.all as [ServerProcess, ServerProcess, ServerProcess];
  await using listener = await Member.join(third, "listener");
  const talker = await Member.join(first, "talker");
  nats.signal("SIGSTOP");
  for (let count = 0; count < 3; count++) await talker.say(String(count));
  await first.logged(/-> Server: 2$/);
  first.signal("SIGTERM");
  await pause(500);
  nats.signal("SIGCONT");
  assertEquals((await within(first.process.status, "the server's end")).code, 0);
  assertEquals(first.log.filter(({ message }) => message.includes("may be lost")), []);
  await assertAllHeard([listener], [talker]);
  await talker[Symbol.asyncDispose]();

  await using unlucky = await Member.join(second, "unlucky");
  await nats.kill();
  for (let count = 0; count < 3; count++) await unlucky.say(String(count));
  await second.logged(/-> Server: 2$/);
  // More than the server takes while NATS is away.
  const talking = unlucky.talk(new AbortController().signal, 0, 64 * 1024);
  await untilStill(() => unlucky.said);
  assertEquals(await second.stop(), 0);
  await talking;
  const { lost } = await second.logged(/^\d+ messages may be lost: NATS has not acknowledged them$/);
  assert(parseInt(String(lost)) > 3 && parseInt(String(lost)) <= unlucky.said, `${lost} of ${unlucky.said}`);
  await second.logged(/^Stopped/);
});

test("chat:server reports a hole in the log, and messages that NATS has forgotten, and goes on", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 2, "--history-bytes", String(1024 * 1024));
  const [awake, asleep] = servers.all as [ServerProcess, ServerProcess];
  const talker = await Member.join(awake, "talker");
  await using listener = await Member.join(awake, "listener");
  await using sleeper = await Member.join(asleep, "sleeper");
  asleep.signal("SIGSTOP");
  const count = 200;
  for (let sent = 0; sent < count; sent++) await talker.say(String(sent).padEnd(100_000, "."));
  await listener.hears(count);
  asleep.signal("SIGCONT");
  await asleep.logged(
    /^Members here have missed \d+ batch(es)?: NATS removed them before this server read them$/,
  );
  await talker.say("200");
  await until(() => sleeper.heard.at(-1) === "talker 200", () => `the last message, got ${sleeper.heard.length}`);
  const numbers = sleeper.heard.map((line) => Number(line.split(/[ .]/)[1]));
  assert(numbers.length < count);
  for (const [at, number] of numbers.entries()) assert(at === 0 || number > numbers[at - 1]!, "in order, and once");

  await nats.kill();
  await nats.wipe();
  await nats.restart();
  for (const server of servers.all) {
    await server.logged(/^The log was recreated: members here may have missed messages$/);
    await server.logged(/^NATS is back/);
  }
  await talker.say("201");
  await until(() => sleeper.heard.at(-1) === "talker 201", "a message in the new log");
  assertEquals(await asleep.stop(), 0);
  await asleep.logged(/^Since the start, members here have missed \d+ batch(es)?$/);
  await talker[Symbol.asyncDispose]();
});

test("chat:server drops a batch that is in the log twice, and reports one that is missing or malformed", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 1);
  await using listener = await Member.join(servers.all[0]!, "listener");
  const connection = await connectNats({ hostname: "127.0.0.1", port: nats.port }, { servers: [] }, "test");
  const log = jetstream(connection);
  for (const number of [1, 2, 2, 1, 3, 6, 5]) {
    const batch = new BatchWriter();
    batch.add(7, [headed("ann"), headed(`${number}a`)]);
    batch.add(8, [headed("ben"), headed(`${number}b`)]);
    await log.publish("chat.lobby", batch.finish(1n, number).bytes);
  }
  const { bytes: good } = new BatchWriter().finish(2n, 1);
  for (const malformed of [new Uint8Array(), good.subarray(1), good.with(0, 9), good.with(20, 1)]) {
    await log.publish("chat.lobby", malformed);
  }
  await servers.all[0]!.logged(/^Members here have missed 2 batches: they never were in the log$/);
  await servers.all[0]!.logged(/^Message \d+ of the log is not a batch: expected /, 4);
  await using talker = await Member.join(servers.all[0]!, "talker");
  await talker.say("last");
  await listener.hears(9);
  const numbers = [1, 2, 3, 6].flatMap((number) => [`ann ${number}a`, `ben ${number}b`]);
  assertEquals(listener.heard, [...numbers, "talker last"]);
  await connection.close();
});

test("chat:server goes on behind a message that was deleted from the log, and reports it if members missed it", async () => {
  await using nats = await NatsServer.start();
  await using proxy = await serveProxy({ listen: "tcp://127.0.0.1:0", to: nats.url.replace("nats:", "tcp:") });
  await using servers = await Servers.start(nats.url, 1);
  await using talker = await Member.join(servers.all[0]!, "talker");
  await using witness = await Member.join(servers.all[0]!, "witness");
  await using behind = await ServerProcess.start("chat", {
    args: ["--nats", `nats://127.0.0.1:${proxy.addr.port}`, "--history", "10"],
  });
  await using listener = await Member.join(behind, "listener");
  proxy.setFaults({ resetAt: 1 });
  await behind.logged(/^NATS is away/);
  for (let count = 0; count < 3; count++) {
    await talker.say(String(count));
    await witness.hears(count + 1);
  }
  const connection = await connectNats({ hostname: "127.0.0.1", port: nats.port }, { servers: [] }, "test");
  await (await jetstreamManager(connection)).streams.deleteMessage("chat_lobby", 2);
  await connection.close();
  proxy.setFaults({});
  await listener.hears(2);
  assertEquals(listener.heard, ["talker 0", "talker 2"]);
  await behind.logged(/^Members here have missed 1 batch: NATS removed them before this server read them$/);

  await using late = await ServerProcess.start("chat", { args: ["--nats", nats.url, "--history", "10"] });
  await using newcomer = await Member.join(late, "newcomer");
  await newcomer.hears(2);
  assertEquals(late.log.filter(({ message }) => message.includes("missed")), []);
});

test("chat:server --history sends new members the last messages, also those from before it started", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 1, "--history", "3");
  await using talker = await Member.join(servers.all[0]!, "talker");
  await using witness = await Member.join(servers.all[0]!, "witness");
  for (let count = 0; count < 5; count++) await talker.say(String(count));
  await witness.hears(5);
  await using early = await Member.join(servers.all[0]!, "early");
  await using other = await ServerProcess.start("chat", { args: ["--nats", nats.url, "--history", "3"] });
  await using without = await ServerProcess.start("chat", { args: ["--nats", nats.url] });
  await using late = await Member.join(other, "late");
  await using plain = await Member.join(without, "plain");
  await talker.say("5");
  for (const member of [early, late]) {
    await member.hears(4);
    assertEquals(member.heard, ["talker 2", "talker 3", "talker 4", "talker 5"]);
  }
  await plain.hears(1);
  assertEquals(plain.heard, ["talker 5"]);
});

test("chat:server --history takes little memory for members that do not read it", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 1, "--history", "1000");
  const server = servers.all[0]!;
  await using talker = await Member.join(server, "talker");
  await using witness = await Member.join(server, "witness");
  for (let count = 0; count < 60; count++) await talker.say(String(count).padEnd(64 * 1024, "."));
  await witness.hears(60);
  const before = await residentMemory(server.pid);
  const deaf = await Promise.all(Array.from({ length: 100 }, () => server.connect()));
  await Promise.all(deaf.map((peer) => peer.send(headed("deaf"))));
  await server.logged(/"deaf" joined/, deaf.length);
  const grown = await residentMemory(server.pid) - before;
  for (const peer of deaf) peer.close();
  assert(grown < 100 * 1024 * 1024, `${grown} bytes more memory`);
});

test("chat:server --history starts though the last message was deleted from the log", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 1);
  await using talker = await Member.join(servers.all[0]!, "talker");
  await using witness = await Member.join(servers.all[0]!, "witness");
  for (let count = 0; count < 2; count++) {
    await talker.say(String(count));
    await witness.hears(count + 1);
  }
  const connection = await connectNats({ hostname: "127.0.0.1", port: nats.port }, { servers: [] }, "test");
  await (await jetstreamManager(connection)).streams.deleteMessage("chat_lobby", 2);
  await connection.close();
  const starting = ServerProcess.start("chat", { args: ["--nats", nats.url, "--history", "10"] });
  await using late = await within(starting, "the server's start");
  await using newcomer = await Member.join(late, "newcomer");
  await newcomer.hears(1);
  assertEquals(newcomer.heard, ["talker 0"]);
});

test("chat:server lets members leave at once after a message that NATS acknowledged and lost", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 1);
  const server = servers.all[0]!;
  await using talker = await Member.join(server, "talker");
  await using listener = await Member.join(server, "listener");
  await talker.say("0");
  await listener.hears(1);
  const connection = await connectNats({ hostname: "127.0.0.1", port: nats.port }, { servers: [] }, "test");
  const { streams } = await jetstreamManager(connection);
  // The log does not get the batch, and something else acknowledges it.
  await streams.update("chat_lobby", { subjects: ["chat.other"] });
  const acknowledged = Promise.withResolvers<void>();
  connection.subscribe("chat.lobby", {
    max: 1,
    callback(_, message) {
      message.respond(JSON.stringify({ stream: "chat_lobby", seq: 2 }));
      acknowledged.resolve();
    },
  });
  await connection.flush();
  await talker.say("lost");
  await acknowledged.promise;
  await streams.update("chat_lobby", { subjects: ["chat.lobby"] });
  await connection.close();
  await talker.say("2");
  await listener.hears(2);
  assertEquals(listener.heard, ["talker 0", "talker 2"]);
  await server.logged(/^Members here have missed 1 batch: they never were in the log$/);
  using leaver = await server.connect();
  await leaver.send(headed("leaver"));
  await server.logged(/"leaver" joined/);
  await leaver.end();
  const began = performance.now();
  await leaver.receiveAll();
  assert(performance.now() - began < 4000, "leaves at once");
});

test("chat:server over NATS delivers a batch that the next node of NATS has earlier in its log", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 1);
  await using listener = await Member.join(servers.all[0]!, "listener");
  const say = async (...batches: [name: string, server: bigint, number: number][]) => {
    const connection = await connectNats({ hostname: "127.0.0.1", port: nats.port }, { servers: [] }, "test");
    for (const [name, server, number] of batches) {
      const batch = new BatchWriter();
      batch.add(7, [headed(name), headed(String(number))]);
      await jetstream(connection).publish("chat.lobby", batch.finish(server, number).bytes);
    }
    await connection.close();
  };
  await say(["ann", 1n, 1]);
  await listener.hears(1);
  await nats.kill();
  const rewind = await nats.save();
  await nats.restart();
  await say(["ann", 1n, 2], ["ann", 1n, 3]);
  await listener.hears(3);
  // Another node, which has one batch more in this place.
  servers.all[0]!.signal("SIGSTOP");
  await nats.kill();
  await rewind();
  await nats.restart();
  await say(["ben", 2n, 1], ["ann", 1n, 2], ["ann", 1n, 3]);
  servers.all[0]!.signal("SIGCONT");
  await listener.hears(4);
  assertEquals(listener.heard, ["ann 1", "ann 2", "ann 3", "ben 1"]);
});

test("rooms over one NATS hear nothing of each other, and a flood in one does not starve another", async () => {
  await using nats = await NatsServer.start();
  await using loud = await Servers.start(nats.url, 2, "--room", "loud", "--history-bytes", String(1024 * 1024));
  await using quiet = await Servers.start(nats.url, 2, "--room", "quiet");
  const talkers = await loud.join("talker");
  const stop = new AbortController();
  const talking = Promise.all(talkers.map((talker) => talker.talk(stop.signal, 0, 10_000)));
  const [ann, ben] = await quiet.join("quiet") as [Member, Member];
  for (let count = 0; count < 50; count++) {
    await ann.say(String(count));
    await ben.hears(count + 1);
  }
  stop.abort();
  await talking;
  assertEquals(ben.heard.length, 50);
  for (const member of [...talkers, ann, ben]) await member[Symbol.asyncDispose]();
});
