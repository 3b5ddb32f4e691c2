import { assert, assertEquals, assertMatch } from "@std/assert";
import { hasNatsServer, NatsCluster, NatsServer } from "../../scripts/shared/nats.ts";
import { ServerProcess } from "../harness.ts";
import { assertAllHeard, Member } from "./_chat_members.ts";

const hasNats = hasNatsServer();

/** Registers a test that needs nats-server. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: name + (hasNats ? "" : " (ignored: no nats-server here)"), ignore: !hasNats, fn });
}

/** Chat servers of one room. Disposing of them stops those that still run. */
class Servers implements AsyncDisposable {
  readonly all: ServerProcess[];

  private constructor(all: ServerProcess[]) {
    this.all = all;
  }

  static async start(nats: string, count: number, ...args: string[]): Promise<Servers> {
    const start = () => ServerProcess.start("chat", { args: ["--nats", nats, ...args] });
    return new Servers(await Promise.all(Array.from({ length: count }, start)));
  }

  /** A member at each server. */
  join(name: string): Promise<Member[]> {
    return Promise.all(this.all.map((server, index) => Member.join(server, `${name}${index + 1}`)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.all.map((server) => server[Symbol.asyncDispose]()));
  }
}

/** Lets a talker and a listener at each server talk while something happens, then checks that nothing is missing. */
async function talkThrough(
  servers: Servers,
  happens: () => Promise<void>,
  { pause = 2, length = 10 } = {},
): Promise<void> {
  const talkers = await servers.join("talker");
  const listeners = await servers.join("listener");
  const stop = new AbortController();
  const talking = Promise.all(talkers.map((talker) => talker.talk(stop.signal, pause, length)));
  try {
    await Promise.all(listeners.map((listener) => listener.hears(30)));
    await happens();
    await Promise.all(listeners.map((listener) => listener.hears(listener.heard.length + 30)));
  } finally {
    stop.abort();
  }
  await talking;
  await assertAllHeard(listeners, talkers);
  for (const member of [...talkers, ...listeners]) assertEquals(member.ended, undefined, `${member.name} is connected`);
  for (const member of [...talkers, ...listeners]) await member[Symbol.asyncDispose]();
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

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

test("chat:server over NATS loses nothing when one node of three is killed", async () => {
  await using cluster = await NatsCluster.start();
  await using servers = await Servers.start(cluster.url, 3, "--nats-replicas", "3");
  await talkThrough(servers, () => cluster.nodes[0]!.kill());
});
