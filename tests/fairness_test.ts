// Clients that send as fast as they can, and one that asks a question at a time, against the real programs.

import { concat } from "@std/bytes/concat";
import { assert, assertEquals } from "@std/assert";
import { bytes, headed, RawPeer, ServerProcess, within } from "./harness.ts";

/** A service, the smallest messages a client can flood it with, and a question with its answer. */
interface Target {
  service: string;
  args?: string[];
  flood: Uint8Array;
  question: string;
  answer: string;
}

const TARGETS: Target[] = [
  { service: "echo", flood: bytes("x"), question: "Hey", answer: "Hey" },
  { service: "dispatch", args: ["--mode", "loop"], flood: bytes("x"), question: "Hey", answer: "Hey" },
  { service: "lines", flood: bytes("\n"), question: "Hey\n", answer: "Hello Node!\n" },
  { service: "lines", args: ["--workers", "2"], flood: bytes("\n"), question: "Hey\n", answer: "Hello Node!\n" },
  { service: "delimited", flood: bytes("\r\n"), question: "Hey\n", answer: "Hey\n" },
  { service: "delimited", args: ["--max-message", "8"], flood: bytes("\n"), question: "Hey\n", answer: "Hey\n" },
  { service: "tagged", flood: bytes("A1234"), question: "A5678", answer: "A5678" },
  { service: "fixed", args: ["--length", "1"], flood: bytes("x"), question: "y", answer: "y" },
];

/** Number of round trips of the polite client. On a starved server the first one takes as long as the flood. */
const ROUND_TRIPS = 20;
/** Number of greedy clients. */
const GREEDY = 3;

/** As many messages as fit into a large write. */
function block(message: Uint8Array): Uint8Array {
  return concat(Array.from({ length: Math.floor(256 * 1024 / message.length) }, () => message));
}

/** Sends a block repeatedly, and drops the answers, until the connection is closed. */
async function flood({ socket }: RawPeer, block: Uint8Array): Promise<void> {
  const send = async () => {
    for (let rest = block;; rest = rest.length > 0 ? rest : block) rest = rest.subarray(await socket.write(rest));
  };
  const drop = async () => {
    for (const buffer = new Uint8Array(256 * 1024); await socket.read(buffer) !== null;) { /* dropped */ }
  };
  await Promise.allSettled([send(), drop()]);
}

for (const { service, args = [], flood: message, question, answer } of TARGETS) {
  const name = [`${service}:server`, ...args].join(" ");

  Deno.test(`${name} answers others at once while ${GREEDY} clients pipeline the smallest messages, and stops when told to`, async () => {
    await using server = await ServerProcess.start(service, { args });
    const greedy = await Promise.all(Array.from({ length: GREEDY }, () => server.connect()));
    const floods = Promise.all(greedy.map((peer) => flood(peer, block(message))));
    try {
      const roundTrips = async () => {
        using peer = await server.connect();
        for (let count = 0; count < ROUND_TRIPS; count++) {
          await peer.send(question);
          assertEquals(await peer.receive(answer.length), answer);
        }
      };
      // Alone it takes some milliseconds. A starved client waits as long as the others send.
      await within(roundTrips(), `${ROUND_TRIPS} round trips`);
      const began = performance.now();
      // One of them drains: five seconds are promised for that.
      await (service === "echo" ? server.stop() : server.stopAtOnce());
      assert(performance.now() - began < 9000, "stopped in time");
    } finally {
      for (const peer of greedy) peer.close();
      await floods;
    }
  });
}

Deno.test("chat:server relays what others say while one member sends as fast as it can", async () => {
  await using server = await ServerProcess.start("chat");
  using greedy = await server.connect();
  await greedy.send(headed("greedy"));
  const floods = flood(greedy, block(headed("")));
  try {
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
  } finally {
    greedy.close();
    await floods;
  }
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
  const port = Number(String(address).split(":").at(-1));
  const greedy = await Promise.all(Array.from({ length: GREEDY }, () => RawPeer.connect(port)));
  const floods = Promise.all(greedy.map((peer) => flood(peer, block(bytes("x")))));
  try {
    const roundTrips = async () => {
      using peer = await RawPeer.connect(port);
      for (let count = 0; count < ROUND_TRIPS; count++) {
        await peer.send("Hey");
        assertEquals(await peer.receive(3), "Hey");
      }
    };
    await within(roundTrips(), `${ROUND_TRIPS} round trips`);
  } finally {
    for (const peer of greedy) peer.close();
    await floods;
  }
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
