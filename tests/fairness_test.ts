// Clients that send as fast as they can, and a correct one beside them, against the real programs.

import { concat } from "@std/bytes/concat";
import { assert } from "@std/assert";
import { ATTACKS, payloadOf, repeat, type Traffic } from "../scripts/checks/soak/attackers.ts";
import { headed, type RawPeer, ServerProcess, until, within } from "./harness.ts";
import { type Target, targetOf } from "./targets.ts";

const TARGETS: Target[] = [
  targetOf("echo"),
  { ...targetOf("echo"), service: "dispatch", args: ["--mode", "loop"] },
  targetOf("lines"),
  { ...targetOf("lines"), args: ["--workers", "2"] },
  targetOf("delimited"),
  { ...targetOf("delimited"), args: ["--max-message", "16"] },
  targetOf("tagged"),
  targetOf("fixed", { length: "1" }),
];

/** How often the correct client has its conversation. On a starved server the first one takes as long as the flood. */
const CONVERSATIONS = 5;
/** Number of greedy clients. */
const GREEDY = 3;

const pipelining = ATTACKS.find(({ name }) => name === "pipeline-tiny")!;

/** Lets clients pipeline the smallest messages while something happens. */
async function besideGreedy(
  count: number,
  { protocol }: Target,
  { port }: ServerProcess,
  happen: () => Promise<void>,
): Promise<void> {
  const end = new AbortController();
  const traffic: Traffic = { connections: 0, sent: 0, received: 0 };
  const { opening, bytes } = payloadOf(pipelining, protocol)!;
  // They run in the process of the correct client, which writes of a few bytes would starve.
  const payload = { opening, bytes: repeat(bytes) };
  const greedy = Array.from({ length: count }, () => pipelining.attacker({ port }, payload, end.signal, traffic));
  try {
    await until(() => traffic.connections >= count && traffic.sent > 0, "greedy clients");
    await happen();
  } finally {
    end.abort();
    await Promise.all(greedy);
  }
}

/** Lets a correct client talk. Alone it takes half a second; a starved one waits as long as the others send. */
async function talks({ served }: Target, server: ServerProcess): Promise<void> {
  const conversations = async () => {
    for (let count = 0; count < CONVERSATIONS; count++) await served(server);
  };
  await within(conversations(), `${CONVERSATIONS} conversations`);
}

for (const target of TARGETS) {
  const { service, args } = target;
  const name = [`${service}:server`, ...args].join(" ");

  Deno.test(`${name} answers others at once while ${GREEDY} clients pipeline the smallest messages, and stops when told to`, async () => {
    await using server = await ServerProcess.start(service, { args });
    await besideGreedy(GREEDY, target, server, async () => {
      await talks(target, server);
      const began = performance.now();
      // One of them drains: five seconds are promised for that.
      await (service === "echo" ? server.stop() : server.stopAtOnce());
      assert(performance.now() - began < 15_000, "stopped in time");
    });
  });
}

Deno.test("chat:server relays what others say while one member sends as fast as it can", async () => {
  await using server = await ServerProcess.start("chat");
  await besideGreedy(1, targetOf("chat"), server, async () => {
    const heard = async () => {
      using ann = await server.connect();
      using bob = await server.connect();
      await bob.send(headed("bob"));
      await server.logged(/"bob" joined/);
      await ann.send(concat([headed("ann"), headed("Hey, Bob")]));
      await hears(bob, "Hey, Bob");
    };
    await within(heard(), "what another member says");
    await server.stopAtOnce();
  });
});

Deno.test(`the proxy passes on what others send at once while it cuts what ${GREEDY} clients send into single bytes`, async () => {
  await using server = await ServerProcess.start("echo");
  const addresses = ["--listen", "tcp://127.0.0.1:0", "--to", `tcp://127.0.0.1:${server.port}`, "--cut", "1"];
  await using proxy = new ServerProcess(
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "-P=proxy", "services/proxy/server.ts", ...addresses, "--log", "json"],
      cwd: new URL("..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
  const { address } = await proxy.logged(/^Listening at/);
  proxy.port = Number(String(address).split(":").at(-1));
  const target = targetOf("echo");
  await besideGreedy(GREEDY, target, proxy, () => talks(target, proxy));
});

/** Reads until some bytes have come. */
async function hears({ socket }: RawPeer, text: string): Promise<void> {
  const buffer = new Uint8Array(256 * 1024);
  let tail = "";
  while (!tail.includes(text)) {
    const count = await socket.read(buffer);
    assert(count !== null, "the end");
    tail = (tail + new TextDecoder("latin1").decode(buffer.subarray(0, count))).slice(-buffer.length - text.length);
  }
}
