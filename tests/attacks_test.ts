// Attacks on the real programs: slow clients, floods, resets, exhaustion. The server survives, logs the reason, and serves
// a correct client during the attack or after it.

import { concat } from "@std/bytes/concat";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:net";
import { connectTcp, connectUdp } from "@wirebench/wirebench/net";
import {
  bytes,
  certificatesIn,
  headed,
  RawPeer,
  runClient,
  ServerProcess,
  temporaryFolder,
  textOf,
} from "./harness.ts";
import { type Target, targetOf } from "./targets.ts";

/** Waits for a promise, at most the given number of milliseconds. */
async function briefly(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  let timer;
  const late = new Promise((resolve) => timer = setTimeout(resolve, milliseconds));
  await Promise.race([promise, late]);
  clearTimeout(timer);
}

const chat = targetOf("chat");
/** Its clients send more than the buffers hold, so that the answer is still under way when one resets. */
const echo: Target = { ...targetOf("echo"), sent: new Uint8Array(2_000_000) };

const TARGETS: Target[] = [
  echo,
  { ...echo, service: "dispatch", args: ["--mode", "loop"] },
  ...["sixteen", "delimited", "lines", "tagged", "exchange", "objects"].map((service) => targetOf(service)),
  targetOf("fixed", { length: "100000" }),
  targetOf("clock", { interval: "0.05" }),
  chat,
];

/** Number of slow clients, most bytes that each sends, and milliseconds between bytes. */
const SLOW = 300;
const DRIPS = 15;
const DRIP_EVERY = 800;

for (const { service, args, longest: message, served } of TARGETS) {
  if (!["chat", "fixed", "delimited", "lines", "tagged", "sixteen"].includes(service)) continue;

  Deno.test(`${service}:server closes ${SLOW} clients that send a byte now and then, and serves others meanwhile`, async () => {
    await using server = await ServerProcess.start(service, { args: [...args, "--idle-timeout", "2"] });
    let count = 0;
    let isServed = false;
    const closed = Promise.all(Array.from({ length: SLOW }, async () => {
      do {
        using peer = await server.connect();
        count++;
        const ended = peer.receiveAll();
        let going = true;
        ended.then(() => going = false);
        // Every byte comes long before a deadline between bytes. The deadline of the message counts.
        let at = 0;
        while (going && at < DRIPS) {
          await peer.send(message.subarray(at, ++at)).catch(() => {});
          await briefly(ended, DRIP_EVERY);
        }
        assertEquals(await ended, "");
        assert(at < DRIPS, "closed while it was still sending");
      } while (!isServed);
    }));
    await Promise.all([served(server).finally(() => isServed = true), closed]);
    await served(server);
    await server.stop();
    const { counts } = await server.logged(/since the start/);
    const slow = [...String(counts).matchAll(/(\d+) (?:too slow|idle)/g)].reduce(
      (sum, [, count]) => sum + Number(count),
      0,
    );
    assertEquals(slow, count, String(counts));
    assertMatch(String(counts), /too slow/);
    assertEquals(server.log.filter(({ level }) => level === "error"), []);
  });
}

Deno.test("echo:server holds 200 connections of a flood of 300, refuses 100 at once, and accepts new ones when others leave", async () => {
  await using server = await ServerProcess.start("echo", { args: ["--max-connections", "200"] });
  const inside = await Promise.all(Array.from({ length: 200 }, () => server.connect()));
  const work = async (peer: RawPeer) => {
    await peer.send("works");
    assertEquals(await peer.receive(5), "works");
  };
  try {
    await Promise.all(inside.map(work));
    await Promise.all(Array.from({ length: 100 }, async () => {
      using peer = await server.connect();
      assertEquals(await peer.receiveAll(), "");
    }));
    await Promise.all(inside.map(work));
    await server.logged(/closed: refused/, 100);
    const refused = server.log.filter(({ reason }) => reason === "refused");
    assertEquals(refused.length, 100);
    assert(refused.every(({ detail }) => detail === "The limit is 200 connections"));
    for (const peer of inside) {
      await peer.end();
      assertEquals(await peer.receiveAll(), "");
    }
  } finally {
    for (const peer of inside) peer.close();
  }
  await server.logged(/closed: finished/, 200);
  const after = await Promise.all(Array.from({ length: 200 }, () => server.connect()));
  try {
    await Promise.all(after.map(work));
  } finally {
    for (const peer of after) peer.close();
  }
  await server.stop();
  assertMatch(String((await server.logged(/since the start/)).counts), /\b100 refused\b/);
});

/** Stages of an exchange at which a client resets its connection. */
const STAGES: [stage: string, play: (socket: ReturnType<typeof connect>, bytes: Uint8Array) => unknown][] = [
  ["before it says anything", () => {}],
  ["after a byte", (socket, bytes) => write(socket, bytes.subarray(0, 1))],
  // In a chat, this is a header.
  ["after ten bytes", (socket, bytes) => write(socket, bytes.subarray(0, 10))],
  ["before the last byte", (socket, bytes) => write(socket, bytes.subarray(0, -1))],
  ["after the last byte", (socket, bytes) => write(socket, bytes)],
  ["during the answer", async (socket, bytes) => {
    const answered = new Promise((resolve) => socket.once("data", resolve));
    await briefly(Promise.race([write(socket, bytes), answered]), 100);
    // The chat does not answer, nor does exchange before the end.
    await briefly(answered, 100);
  }],
  ["after it ended its side", async (socket, bytes) => {
    const ended = new Promise<void>((resolve) => socket.end(bytes, () => resolve()));
    await briefly(ended, 100);
  }],
];

/** Writes, and waits until that is done or blocked. */
async function write(socket: ReturnType<typeof connect>, data: Uint8Array): Promise<void> {
  const written = new Promise<void>((resolve) => socket.write(data, () => resolve()));
  await briefly(written, 100);
}

for (const { service, args, sent, served } of TARGETS) {
  Deno.test(`${service}:server survives a reset at each stage of an exchange: ${STAGES.length} stages, each logged with its reason`, async () => {
    await using server = await ServerProcess.start(service, { args });
    await Promise.all(STAGES.map(async ([stage, play]) => {
      const socket = connect(server.port, "127.0.0.1");
      const gone = new Promise((resolve) => socket.once("close", resolve));
      socket.on("error", () => {});
      await new Promise((resolve) => socket.once("connect", resolve));
      const address = `127.0.0.1:${socket.localPort}`;
      await server.logged(new RegExp(`^${address} connected`));
      if (stage === "during the answer") socket.resume();
      await play(socket, sent);
      socket.resetAndDestroy();
      await gone;
      const { reason } = await server.logged(new RegExp(`^${address} closed`));
      // A complete exchange may finish before the reset arrives.
      const complete = /after the last byte|answer|ended its side/.test(stage) || service === "objects";
      const allowed = [
        "reset",
        ...(complete ? ["finished"] : []),
        // The system reports a reset once: to the write of what another member said, or to the read.
        ...(stage === "after it ended its side" || service === "chat" ? ["truncated"] : []),
      ];
      assert(allowed.includes(String(reason)), `${stage}: ${reason}`);
    }));
    await served(server);
    assertEquals(server.log.filter(({ level }) => level === "error"), []);
    assertEquals(server.strays, []);
  });
}

const limited = {
  wrapper: ["sh", "-c", 'ulimit -n 60 && exec "$0" "$@"'],
};
const noUlimit = Deno.build.os === "windows";
const why = noUlimit ? " (ignored: no ulimit here)" : "";

Deno.test({
  name: `echo:server over TLS runs out of descriptors with 80 clients, and accepts again when they have left${why}`,
  ignore: noUlimit,
  async fn() {
    using folder = temporaryFolder();
    const { ca, serverArgs } = await certificatesIn(folder.path);
    await using server = await ServerProcess.start("echo", {
      ...limited,
      args: serverArgs,
      permissions: ["-P=echo-server", `--allow-read=${folder.path}`],
    });
    const echoes = async () => {
      using peer = await connectTcp({ hostname: "localhost", port: server.port, tls: { caCerts: [ca] } });
      await peer.write(bytes("hey"));
      assertEquals(textOf((await peer.readChunk())!), "hey");
    };
    await echoes();
    const peers = await Promise.all(Array.from({ length: 80 }, () => server.connect()));
    try {
      assertMatch((await server.logged(/Cannot accept/)).message, /Too many open files/);
    } finally {
      for (const peer of peers) peer.close();
    }
    await echoes();
    assertEquals(server.log.filter(({ level }) => level === "error"), []);
  },
});

Deno.test({
  name:
    `chat:server runs out of descriptors with 80 members: those who joined can talk, and others join when they leave${why}`,
  ignore: noUlimit,
  async fn() {
    await using server = await ServerProcess.start("chat", limited);
    using ann = await server.connect();
    await ann.send(headed("ann"));
    using bob = await server.connect();
    await bob.send(headed("bob"));
    await Promise.all([server.logged(/^"ann" joined/), server.logged(/^"bob" joined/)]);
    const peers = await Promise.all(Array.from({ length: 80 }, () => server.connect()));
    try {
      await Promise.all(peers.map((peer, number) => peer.send(headed(`member ${number}`))));
      await server.logged(/Cannot accept/);
      await ann.send(headed("still here?"));
      assertEquals(await bob.receive(10 + 3 + 10 + 11), textOf(concat([headed("ann"), headed("still here?")])));
    } finally {
      for (const peer of peers) peer.close();
    }
    await chat.served(server);
    assertEquals(server.log.filter(({ level }) => level === "error"), []);
  },
});

/** Sends many datagrams from many sockets, and returns the answers that come meanwhile. */
async function flood(port: number, datagrams: Uint8Array[], sockets: number): Promise<Uint8Array[]> {
  const to: Deno.NetAddr = { transport: "udp", hostname: "127.0.0.1", port };
  const got: Uint8Array[] = [];
  await Promise.all(Array.from({ length: sockets }, async () => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    const receiving = (async () => {
      for await (const [datagram] of socket) got.push(datagram);
    })();
    for (const datagram of datagrams) await socket.send(datagram, to);
    socket.close();
    await receiving;
  }));
  return got;
}

/** Asks until there is an answer: during a flood the system drops datagrams that do not fit the server's buffer. */
async function answered(port: number, question: string, times = 100): Promise<string> {
  for (let asked = 0; asked < times; asked++) {
    using peer = await connectUdp({ port });
    await peer.send(bytes(question));
    try {
      return textOf(await peer.receive(200));
    } catch {
      // Lost.
    }
  }
  throw new Error(`No answer, asked ${times} times`);
}

Deno.test("uppercase:server answers a correct client in a flood of big datagrams, and no answer is longer than its question", async () => {
  await using server = await ServerProcess.start("uppercase");
  const big = bytes("flood ".repeat(10_000));
  const small = bytes("x");
  const flooding = flood(server.port, Array.from({ length: 60 }, (_, at) => at % 2 === 0 ? big : small), 20);
  let over = false;
  flooding.then(() => over = true);
  let inTheFlood = 0;
  while (!over) {
    assertEquals(await answered(server.port, "hey"), "HEY");
    inTheFlood++;
  }
  assert(inTheFlood > 0);
  for (const datagram of await flooding) assert([1, big.length].includes(datagram.length), `${datagram.length} bytes`);
  // When it is answered, the server has received the whole flood.
  assertEquals(await answered(server.port, "hey"), "HEY");
  const { code, stdout } = await runClient("uppercase", ["--port", String(server.port), "--timeout", "10", "after"]);
  assertEquals([code, stdout], [0, "AFTER\n"]);
  assertEquals(server.log.filter(({ level }) => level === "error"), []);
});

Deno.test("udp-chat:server --reply answers every turn of a flood, and a correct client in it, with its reply only", async () => {
  await using server = await ServerProcess.start("udp-chat", { args: ["--reply", "Indeed"] });
  const flooding = flood(server.port, Array.from({ length: 100 }, (_, at) => bytes("turn ".repeat(at))), 20);
  assertEquals(await answered(server.port, "Hey"), "Indeed");
  for (const datagram of await flooding) assertEquals(textOf(datagram), "Indeed");
  // When it is answered, the server has received the whole flood.
  assertEquals(await answered(server.port, "Hey"), "Indeed");
  const { code, stdout } = await runClient("udp-chat", ["--port", String(server.port), "--timeout", "10", "Hey"]);
  assertEquals(code, 0);
  assertMatch(stdout, /Indeed/);
  assertEquals(server.log.filter(({ level }) => level === "error"), []);
});

Deno.test("exchange:server told to stop during a request reads all of it, and its answer arrives", async () => {
  await using server = await ServerProcess.start("exchange");
  using peer = await server.connect();
  const half = new Uint8Array(500_000);
  await peer.send(half);
  await server.logged(/connected/);
  server.signal("SIGTERM");
  await server.logged(/letting 1 connection finish/);
  await peer.send(half);
  await peer.end();
  assertEquals(await peer.receiveAll(), "received 1000000 bytes\n");
  await server.logged(/Stopped; connections open at SIGTERM: 1 finished, 0 aborted/);
  assertEquals((await server.process.status).code, 0);
});

Deno.test("exchange:server told to stop twice, half a second apart, closes a request at once and reports it", async () => {
  await using server = await ServerProcess.start("exchange");
  using peer = await server.connect();
  await peer.send("half of it");
  await server.logged(/connected/);
  const began = performance.now();
  const stopping = server.stopAtOnce();
  assertEquals(await peer.receiveAll(), "");
  await server.logged(/Stopped; connections open at SIGTERM: 0 finished, 1 aborted/);
  assertEquals(await stopping, 0);
  assert(performance.now() - began < 4500, "before the deadline of the drain");
  assertMatch(String((await server.logged(/since the start/)).counts), /1 shutdown/);
});

for (
  const [service, message] of [
    ["delimited", (number: number) => `line ${number}`.padEnd(999) + "\n"],
    ["fixed", (number: number) => `message ${number}`.padEnd(1000)],
  ] as const
) {
  Deno.test(`${service}:server told to stop ends after whole answers, including the answer to the message under way`, async () => {
    const args = service === "fixed" ? ["--length", "1000"] : [];
    await using server = await ServerProcess.start(service, { args });
    using peer = await server.connect();
    const questions = Array.from({ length: 500 }, (_, number) => message(number));
    // All but half of the last one. No answer is read yet.
    const all = questions.join("");
    const rest = all.slice(-500);
    await peer.send(all.slice(0, -500));
    await server.logged(new RegExp(`: ${service === "fixed" ? "message" : "line"} 498 `));
    server.signal("SIGTERM");
    await server.logged(/letting 1 connection finish/);
    await peer.send(rest);
    assert(await peer.receiveAll() === all, "every answer, byte for byte");
    peer.close();
    await server.logged(/Stopped; connections open at SIGTERM: 1 finished, 0 aborted/);
  });
}
