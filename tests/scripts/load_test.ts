import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hasNatsServer, NatsServer } from "../../scripts/shared/nats.ts";
import { decimalHeader, text } from "@wirebench/wirebench/framing";
import { Histogram } from "../../scripts/tools/load/histogram.ts";
import { formatTime } from "../../scripts/tools/load/report.ts";
import type { Result } from "../../scripts/tools/load/run.ts";
import { Tape } from "../../scripts/tools/load/tape.ts";
import { bytes, fakeServer, type RawPeer, ServerProcess, textOf, until, untilNobodyListens } from "../harness.ts";

interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

async function load(...args: string[]): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=load", "scripts/tools/load.ts", "--timeout", "20", ...args],
    cwd: new URL("../..", import.meta.url),
  }).output();
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

/** Runs a short load, and returns its result. */
async function measured(target: string, ...args: string[]): Promise<Result & Outcome> {
  const outcome = await load("--json", "--seconds", "0.2", ...args, target);
  assert(outcome.stdout !== "", outcome.stderr);
  return { ...outcome, ...JSON.parse(outcome.stdout) };
}

/** The chunks read until the peer ends its side. */
async function* chunks({ socket }: RawPeer): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(65_536);
  for (let length; (length = await socket.read(buffer)) !== null;) yield buffer.slice(0, length);
}

Deno.test("load: counts and checks the answer to every message on every connection", async () => {
  await using server = await ServerProcess.start("echo");
  const target = `tcp://127.0.0.1:${server.port}`;
  for (
    const [size, messageLength, ...args] of [
      [64, 64],
      [1, 1, "--in-flight", "5"],
      [100, 101, "--framing", "lines", "--in-flight", "20"],
      [33, 43, "--framing", "header", "--expect", "any"],
      [10, 14, "--framing", "length4", "--expect", "any", "--in-flight", "3"],
      [10, 14, "--framing", "netstring", "--in-flight", "3"],
      [5000, 5000, "--framing", "fixed", "--expect", "any"],
      [3_000_000, 3_000_000, "--in-flight", "3"],
      [64, 64, "--connect-each"],
    ] satisfies [number, number, ...string[]][]
  ) {
    const result = await measured(target, "--connections", "3", "--size", String(size), ...args);
    const { code, sent, answered, perConnection, latency, seconds, bytesPerSecond, errors } = result;
    assertEquals([code, errors, result.stderr], [0, {}, ""], args.join(" "));
    assert(sent > 0);
    assertEquals(answered, sent);
    assert(perConnection.min <= perConnection.median && perConnection.median <= perConnection.max);
    assert(perConnection.min + perConnection.median + perConnection.max === answered);
    assert(0 < latency.p50 && latency.p50 <= latency.p99 && latency.p99 <= latency.max);
    assertEquals(Math.round(bytesPerSecond.sent * seconds), sent * messageLength);
    assertEquals(bytesPerSecond.received, bytesPerSecond.sent);
  }
});

Deno.test("load: counts and checks answers on more connections than the runtime serves evenly", async () => {
  await using server = await ServerProcess.start("echo");
  const target = `tcp://127.0.0.1:${server.port}`;
  for (const [size, ...args] of [[64], [50_000, "--in-flight", "2"]] satisfies [number, ...string[]][]) {
    const result = await measured(target, "--connections", "130", "--size", String(size), ...args);
    assertEquals([result.code, result.errors, result.answered], [0, {}, result.sent], result.stderr);
    assert(result.sent >= 130);
  }
  await using leaving = fakeServer(async (peer) => {
    await peer.receive(64);
  });
  const left = await measured(`tcp://127.0.0.1:${leaving.port}`, "--connections", "130", "--timeout", "1");
  assertEquals([left.code, left.answered], [1, 0]);
  assert(left.errors["closed by the server"]! > 0);
  const refused = await load("--connections", "130", "tcp://127.0.0.1:1");
  assertEquals(refused.stderr, "load: Nothing could be sent: nothing listens there\n");
});

Deno.test("load: sends lines to the delimited service, and keeps to a rate", async () => {
  await using server = await ServerProcess.start("delimited", { args: ["--log-level", "info"] });
  const target = `tcp://127.0.0.1:${server.port}`;
  const lines = await measured(target, "--framing", "lines", "--in-flight", "10");
  assertEquals([lines.code, lines.answered], [0, lines.sent]);
  const paced = await measured(target, "--framing", "lines", "--rate", "200", "--connections", "4");
  assertEquals([paced.code, paced.answered], [0, paced.sent]);
  assert(paced.sent > 0 && paced.sent <= 200 * paced.seconds + 4, `${paced.sent} messages in ${paced.seconds} s`);
});

Deno.test("load: prints all results for people", async () => {
  await using server = await ServerProcess.start("echo");
  const { code, stdout, stderr } = await load("--seconds", "1.1", `tcp://127.0.0.1:${server.port}`);
  assertEquals(code, 0);
  assertMatch(stdout, /^server +tcp:\/\/127\.0\.0\.1:\d+$/m);
  assertMatch(stdout, /^round trips +[\d,]+ a second: ([\d,]+) sent, \1 answered$/m);
  assertMatch(stdout, /^latency +p50 \S+ (µs|ms), p90 .*, p99 .*, p99\.9 .*, max .*$/m);
  assertMatch(stdout, /^connections +round trips: min [\d,]+, median [\d,]+, max [\d,]+$/m);
  assertMatch(stdout, /^own CPU +\d+ % of a core/m);
  assertMatch(stdout, /^errors +none$/m);
  assertMatch(stderr, /^[\d,]+ answers in the last second, [\d,]+ in all\n$/);
});

Deno.test("load: reports an answer that differs from the message", async () => {
  for (
    const spoil of [
      // A letter changed, in the second message.
      (data: Uint8Array, count: number) => count === 1 ? data.with(10, data[10]! ^ 1) : data,
      // The previous answer again.
      (data: Uint8Array, count: number, before: Uint8Array) => count === 1 ? before : data,
      // Lower case.
      (data: Uint8Array) => bytes(textOf(data).toLowerCase()),
    ]
  ) {
    await using server = fakeServer(async (peer) => {
      let count = 0;
      let before = new Uint8Array();
      for await (const data of chunks(peer)) {
        await peer.send(spoil(data, count++, before));
        before = data;
      }
    });
    const result = await measured(`tcp://127.0.0.1:${server.port}`, "--connections", "1");
    assertEquals([result.code, result.errors], [1, { "wrong answer": 1 }]);
    assertMatch(result.stderr, /^load: Failed: Wrong answer: expected "000\d[A-Z]+", got ".+"\n$/);
  }
});

Deno.test("load: reports more answers than messages", async () => {
  await using server = fakeServer(async (peer) => {
    for await (const data of chunks(peer)) await peer.send(bytes(textOf(data).repeat(2)));
  });
  const args = ["--framing", "lines", "--expect", "any", "--connections", "1"];
  const result = await measured(`tcp://127.0.0.1:${server.port}`, ...args);
  assertEquals([result.code, result.errors], [1, { "wrong answer": 1 }]);
});

Deno.test("load: reports a server that closes connections, or does not listen", async () => {
  await using leaving = fakeServer(async (peer) => {
    await peer.receive(64);
  });
  const left = await measured(`tcp://127.0.0.1:${leaving.port}`, "--connections", "1");
  assertEquals([left.code, left.errors, left.answered], [1, { "closed by the server": 1 }, 0]);

  let port;
  {
    await using gone = fakeServer(() => Promise.resolve());
    port = gone.port;
  }
  await untilNobodyListens(port);
  const { code, stdout, stderr } = await load("--seconds", "0.2", `tcp://127.0.0.1:${port}`);
  assertEquals([code, stdout, stderr], [1, "", "load: Nothing could be sent: nothing listens there\n"]);
});

Deno.test("load: times out on a server that does not answer", async () => {
  await using server = fakeServer((_, held) => held);
  const result = await measured(`tcp://127.0.0.1:${server.port}`, "--connections", "2", "--timeout", "0.2");
  assertEquals([result.code, result.sent, result.answered, result.errors], [1, 2, 0, { "no answer in time": 2 }]);
});

Deno.test("load: matches datagrams with their answers, and counts those that are lost", async () => {
  await using server = await ServerProcess.start("uppercase");
  const target = `udp://127.0.0.1:${server.port}`;
  for (const args of [["--expect", "uppercase"], ["--expect", "any", "--in-flight", "3"], ["--size", "1"]]) {
    const result = await measured(target, "--connections", "2", ...args);
    assertEquals([result.code, result.errors, result.answered + result.lost], [0, {}, result.sent], args.join(" "));
    assert(result.answered > 0);
  }
});

Deno.test("load: counts dropped, duplicate and wrong datagrams", async () => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  let behaviour = "drop";
  let received = 0;
  const answering = (async () => {
    for await (const [datagram, from] of socket) {
      if (behaviour === "drop" && received++ % 3 === 0) continue;
      await socket.send(behaviour === "spoil" ? datagram.with(20, 0) : datagram, from);
      if (behaviour === "twice") await socket.send(datagram, from);
    }
  })();
  const target = `udp://127.0.0.1:${(socket.addr as Deno.NetAddr).port}`;
  const args = ["--connections", "1", "--timeout", "0.5", "--seconds", "2"];

  const dropped = await measured(target, ...args);
  assertEquals([dropped.code, dropped.errors], [0, {}]);
  await until(() => received >= dropped.sent, "the last datagram");
  assertEquals(received, dropped.sent);
  assertEquals(dropped.answered + dropped.lost, dropped.sent);
  assert(dropped.lost >= Math.floor(received / 3) && dropped.lost > 0);

  behaviour = "twice";
  const twice = await measured(target, ...args);
  assertEquals([twice.code, twice.errors, twice.answered + twice.lost], [0, {}, twice.sent]);
  assert(twice.late > 0);

  behaviour = "spoil";
  const spoilt = await measured(target, ...args);
  assertEquals([spoilt.code, Object.keys(spoilt.errors), spoilt.answered], [1, ["wrong answer"], 0]);
  socket.close();
  await answering;
});

/** Checks a load on a chat: all messages were delivered to all other members. */
async function checkChat(servers: ServerProcess[]): Promise<void> {
  const targets = servers.map(({ port }) => `tcp://127.0.0.1:${port}`);
  const load = ["--chat", "--connections", "5", "--in-flight", "4", "--timeout", "20", ...targets.slice(1)];
  const result = await measured(targets[0]!, ...load);
  assertEquals([result.code, result.errors, result.stderr], [0, {}, ""]);
  assertEquals([result.answered, result.lost], [result.sent * 4, 0]);
  const { perConnection, latency } = result;
  assert(0 < perConnection.min && perConnection.max < result.answered && 0 < latency.p50);
}

Deno.test("load: counts what a chat delivers to each member", async () => {
  await using server = await ServerProcess.start("chat");
  await checkChat([server]);
  const people = await load("--seconds", "0.2", "--chat", `tcp://127.0.0.1:${server.port}`);
  assertMatch(
    people.stdout,
    /^deliveries +[\d,]+ a second: [\d,]+ sent, each to 15 others, [\d,]+ delivered, 0 missing$/m,
  );
});

const noNats = hasNatsServer() ? "" : " (ignored: no nats-server here)";

Deno.test({
  name: `load: counts what a chat delivers at several servers${noNats}`,
  ignore: noNats !== "",
  async fn() {
    await using nats = await NatsServer.start();
    const args = ["--nats", nats.url];
    await using one = await ServerProcess.start("chat", { args });
    await using other = await ServerProcess.start("chat", { args });
    await checkChat([one, other, one]);
  },
});

Deno.test("load: reports chat servers that do not share a room, and a message that is missing, doubled or wrong", async () => {
  await using one = await ServerProcess.start("chat");
  await using other = await ServerProcess.start("chat");
  const targets = [one, other].map(({ port }) => `tcp://127.0.0.1:${port}`);
  const apart = await load("--chat", "--timeout", "2", ...targets);
  assertEquals(
    [apart.code, apart.stderr],
    [1, "load: Nothing could be sent: member 1 cannot reach the first: expected servers of one chat\n"],
  );
  for (const [spoil, expected] of SPOILT) {
    await using server = spoiltChat(spoil);
    const result = await measured(`tcp://127.0.0.1:${server.port}`, "--chat", "--connections", "2", "--timeout", "2");
    assertEquals(result.code, 1, expected.source);
    assertMatch(result.stderr, expected);
  }
});

/** Spoils a member's third message in different ways. */
const SPOILT: [(message: Uint8Array) => Uint8Array[], RegExp][] = [
  [() => [], /^load: Failed: \d+ messages were not delivered within 2 s\n$/],
  [
    (message) => [message, message],
    /^load: Failed: Wrong answer: member \d expected "000\w.*" from member \d, got "000/,
  ],
  [
    (message) => [message.with(-1, 0)],
    /^load: Failed: Wrong answer: member \d expected "000\w.*" from member \d, got "000/,
  ],
];

/** A chat of two members that spoils a message. */
function spoiltChat(spoil: (message: Uint8Array) => Uint8Array[]) {
  const header = text(decimalHeader());
  const peers: RawPeer[] = [];
  let count = 0;
  return fakeServer(async (peer, held) => {
    peers.push(peer);
    const decoder = header.decoder();
    let name: string | undefined;
    for await (const chunk of chunks(peer)) {
      for (const said of decoder.push(chunk)) {
        if (name === undefined) {
          name = said;
          continue;
        }
        const message = bytes(textOf(header.encode(name)) + textOf(header.encode(said)));
        const isThird = !said.startsWith("h") && ++count === 3;
        for (const sent of isThird ? spoil(message) : [message]) {
          for (const other of peers) if (other !== peer) await other.send(sent).catch(() => {});
        }
      }
    }
    await held;
  });
}

Deno.test("load: reports wrong options with exit code 2", async () => {
  for (
    const [args, message] of [
      [[], 'Expected tcp://HOST:PORT or udp://HOST:PORT, got ""'],
      [["http://127.0.0.1:80"], "Expected tcp://HOST:PORT or udp://HOST:PORT"],
      [["tcp://127.0.0.1:0"], "Expected tcp://HOST:PORT or udp://HOST:PORT"],
      [["tcp://127.0.0.1:99999"], "Expected tcp://HOST:PORT or udp://HOST:PORT"],
      [["unix:/tmp/a.sock"], "Expected tcp://HOST:PORT or udp://HOST:PORT"],
      [["--framing", "udp", "tcp://127.0.0.1:80"], "--framing: expected one of raw, fixed, header, lines"],
      [["--framing", "fixed:16", "tcp://127.0.0.1:80"], "expected 16 bytes, got 64"],
      [["--framing", "lines", "udp://127.0.0.1:80"], "each datagram is a message"],
      [["--connect-each", "udp://127.0.0.1:80"], "datagrams have no connection"],
      [["--size", "65508", "udp://127.0.0.1:80"], "at most 65507 bytes"],
      [["--size", "1", "--in-flight", "18", "udp://127.0.0.1:80"], "is too short to distinguish 18 messages"],
      [["--expect", "any", "tcp://127.0.0.1:80"], "needs a --framing"],
      [["--connect-each", "--in-flight", "2", "tcp://127.0.0.1:80"], "one message per connection"],
      [["tcp://127.0.0.1:80", "tcp://127.0.0.1:81"], 'Several servers are for --chat: unexpected "tcp://127.0.0.1:81"'],
      [["--chat", "udp://127.0.0.1:80"], "--chat is for tcp"],
      [["--chat", "--rate", "5", "tcp://127.0.0.1:80"], "--rate is not for --chat"],
      [["--chat", "--connections", "1", "tcp://127.0.0.1:80"], "--chat needs two connections"],
      [["--rate", "5", "--in-flight", "2", "tcp://127.0.0.1:80"], "one message in flight"],
    ] satisfies [string[], string][]
  ) {
    const { code, stdout, stderr } = await load(...args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, message);
  }
});

Deno.test("load: the sandbox allows this machine only, and the error names the grant for another", async () => {
  const tcp = await load("tcp://192.0.2.1:7");
  assertEquals(tcp.code, 1);
  assertStringIncludes(tcp.stderr, "deno run -P=load --allow-net=192.0.2.1:7 scripts/tools/load.ts");
  assertEquals(await load("--connections", "130", "tcp://192.0.2.1:7"), tcp);
  const udp = await load("udp://192.0.2.1:7");
  assertEquals(udp.code, 1);
  assertStringIncludes(udp.stderr, "deno run -P=load --allow-net scripts/tools/load.ts");
});

Deno.test("load: prints times in digits, also those of more than a second", () => {
  assertEquals([0.0421, 1, 42.123, 999, 2187.4, 12_345].map(formatTime), [
    "42 µs",
    "1.00 ms",
    "42.1 ms",
    "999 ms",
    "2187 ms",
    "12345 ms",
  ]);
});

Deno.test("a histogram's quantiles are at most 2.2 percent above the exact ones", () => {
  const empty = new Histogram();
  assertEquals([empty.quantile(0.5), empty.longest], [0, 0]);
  const histogram = new Histogram();
  const times = Array.from({ length: 10_000 }, (_, at) => 0.002 * 1.0015 ** at);
  for (const time of times) histogram.add(time);
  for (const share of [0.001, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = times[Math.ceil(share * times.length) - 1]!;
    const quantile = histogram.quantile(share);
    assert(quantile >= exact * 0.999_999 && quantile <= exact * 1.022, `${share}: ${quantile} for ${exact}`);
  }
  assertEquals(histogram.longest, times.at(-1));
  histogram.add(0);
  histogram.add(1e9);
  assertEquals(histogram.quantile(1), 1e9);
});

Deno.test("a tape finds the first differing byte, wherever a read starts and ends", () => {
  for (const size of [1, 2, 3, 7, 64, 101]) {
    const tape = new Tape(size, 4, "lines");
    const buffer = tape.buffer();
    buffer.bytes.set(tape.bytes);
    for (let from = 0; from < 9; from++) {
      for (let to = from; to < 23; to++) {
        assertEquals(tape.difference(buffer, from, to), -1);
        for (let at = from; at < to; at++) {
          buffer.bytes[at]! ^= 1;
          assertEquals(tape.difference(buffer, from, to), at);
          buffer.bytes[at]! ^= 1;
        }
      }
    }
  }
  const messages = new Set(textOf(new Tape(64, 100).bytes).match(/.{64}/g));
  assertEquals(messages.size, new Tape(64, 100).messages);
});
