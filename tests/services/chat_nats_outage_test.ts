import { jetstreamManager } from "@nats-io/jetstream";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { serveProxy } from "@wirebench/wirebench/proxy";
import { NatsCluster, NatsServer } from "../../scripts/shared/nats.ts";
import { connectNats } from "../../services/chat/_nats_connection.ts";
import { ServerProcess } from "../harness.ts";
import { assertAllHeard } from "./_chat_members.ts";
import { pause, Servers, talkThrough, test } from "./_chat_nats.ts";

test("chat:server over NATS: all members of three servers hear the same, in one order", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 3);
  await talkThrough(servers, () => pause(500), { pause: 0 });
});

test("chat:server over NATS loses nothing when nats-server is killed and started again", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 3);
  await talkThrough(servers, async () => {
    await nats.kill();
    await pause(2000);
    await nats.restart();
  });
  for (const { log } of servers.all) {
    const words = log.map(({ message }) => message).filter((message) => message.startsWith("NATS is"));
    assertEquals(words.length, 2, words.join("\n"));
    assertMatch(words[0]!, /^NATS is away: .*\. Members stay connected, and senders wait$/);
    assertMatch(words[1]!, /^NATS is back after \d\.\d s: \d+ messages? \(\d+ bytes\) waited$/);
  }
});

test("chat:server over NATS loses nothing when nats-server stands still for 10 seconds", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 3);
  await talkThrough(servers, async () => {
    nats.signal("SIGSTOP");
    await pause(10_000);
    nats.signal("SIGCONT");
  });
});

test("chat:server over NATS loses nothing when another server of the room stands still for 20 seconds", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 3);
  await talkThrough(servers, async () => {
    servers.all[2]!.signal("SIGSTOP");
    await pause(20_000);
    servers.all[2]!.signal("SIGCONT");
  });
});

test("chat:server over NATS loses nothing when its connection to NATS is reset, or silent for 5 seconds", async () => {
  await using nats = await NatsServer.start();
  await using proxy = await serveProxy({ listen: "tcp://127.0.0.1:0", to: nats.url.replace("nats:", "tcp:") });
  await using servers = await Servers.start(nats.url, 2);
  const behind = await ServerProcess.start("chat", { args: ["--nats", `nats://127.0.0.1:${proxy.addr.port}`] });
  servers.all.push(behind);
  await talkThrough(servers, async () => {
    proxy.setFaults({ resetAt: 1000 });
    await behind.logged(/^NATS is away/);
    proxy.setFaults({});
    await behind.logged(/^NATS is back/);
    proxy.setFaults({ stopAfter: 1000 });
    await pause(5000);
    proxy.setFaults({});
    await behind.logged(/^NATS is back/, 2);
  });
});

test("chat:server over NATS that is killed loses the last of what its members said, and nothing before that", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 3);
  const talkers = await servers.join("talker");
  const listeners = await servers.join("listener");
  const stop = new AbortController();
  const talking = talkers.slice(0, 2).map((talker) => talker.talk(stop.signal, 0));
  const interrupted = talkers[2]!.talk(stop.signal, 0);
  await Promise.all(listeners.map((listener) => listener.hears(1000)));
  await servers.all[2]!.kill();
  await interrupted;
  await listeners[0]!.hears(listeners[0]!.heard.length + 1000);
  stop.abort();
  await Promise.all(talking);
  const last = listeners[0]!.heard.filter((line) => line.startsWith("talker3 ")).length;
  assert(last <= talkers[2]!.said);
  await assertAllHeard(listeners.slice(0, 2), [talkers[0]!, talkers[1]!, { name: "talker3", said: last }]);
  for (const member of [...talkers, ...listeners]) await member[Symbol.asyncDispose]();
});

test("chat:server over NATS loses nothing when the leader of three nodes is killed", async () => {
  await using cluster = await NatsCluster.start();
  await using servers = await Servers.start(cluster.url, 3, "--nats-replicas", "3");
  await talkThrough(servers, async () => await (await cluster.leaderOf("lobby")).kill());
});

test("chat:server over NATS loses nothing when one leader of three nodes after the other stands still", async () => {
  await using cluster = await NatsCluster.start();
  await using servers = await Servers.start(cluster.url, 3, "--nats-replicas", "3");
  await talkThrough(servers, async () => {
    for (let count = 0; count < 3; count++) {
      const leader = await cluster.leaderOf("lobby");
      leader.signal("SIGSTOP");
      // The others elect another one after 4 to 9 s.
      while (await cluster.leaderOf("lobby").catch(() => leader) === leader) await pause(100);
      leader.signal("SIGCONT");
      while (!await cluster.isCurrent("lobby")) await pause(100);
    }
  });
});

test("chat:server over NATS goes on when its place in the log is forgotten", async () => {
  await using nats = await NatsServer.start();
  await using servers = await Servers.start(nats.url, 3);
  const connection = await connectNats({ hostname: "127.0.0.1", port: nats.port }, { servers: [] }, "test");
  const { consumers } = await jetstreamManager(connection);
  await talkThrough(servers, async () => {
    for await (const { name } of consumers.list("chat_lobby")) await consumers.delete("chat_lobby", name);
  });
  await connection.close();
});

test("chat:server over NATS reads batches that arrive in small fragments, and longer ones than any read", async () => {
  await using nats = await NatsServer.start();
  const to = nats.url.replace("nats:", "tcp:");
  await using proxy = await serveProxy({ listen: "tcp://127.0.0.1:0", to, cut: [1, 50], direction: "down", seed: 7 });
  await using servers = await Servers.start(`nats://127.0.0.1:${proxy.addr.port}`, 1);
  await talkThrough(servers, () => {
    proxy.setFaults({});
    return Promise.resolve();
  }, { length: 20_000 });
});
