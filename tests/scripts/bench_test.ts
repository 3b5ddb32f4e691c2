import { concat } from "@std/bytes/concat";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { chart } from "../../scripts/checks/bench/chart.ts";
import { type Competitor, findCompetitors, own } from "../../scripts/checks/bench/competitors.ts";
import { temporaryFolder } from "../../scripts/checks/bench/machine.ts";
import type { Figure } from "../../scripts/checks/bench/measure.ts";
import { COMPETITORS } from "../../scripts/checks/bench/names.ts";
import { report } from "../../scripts/checks/bench/report.ts";
import { hasNatsServer } from "../../scripts/shared/nats.ts";
import { judge, type Outcome } from "../../scripts/checks/bench/verdict.ts";
import { WORKLOADS } from "../../scripts/checks/bench/workloads.ts";
import {
  bytes,
  fakeServer,
  headed,
  RawPeer,
  ServerProcess,
  steadily,
  temporaryFolder as testFolder,
  textOf,
  within,
} from "../harness.ts";

async function deno(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...args],
    cwd: new URL("../..", import.meta.url),
    stdin: "null",
  });
  const { code, stdout, stderr } = await process.output();
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

const bench = (...args: string[]) => deno("-P=bench", "scripts/checks/bench.ts", ...args);

const [noNode] = (await findCompetitors(["node"], "", undefined)).missing;

Deno.test({
  name: "bench: measures services and a peer side by side" + (noNode ? ` (ignored: ${noNode.reason})` : ""),
  ignore: noNode !== undefined,
  async fn() {
    const only = ["echo-64", "connect", "delimited", "uppercase-1k", "chat-16", "start"];
    const args = ["--rounds", "1", "--seconds", "0.2", "--against", "node", "--only", only.join(",")];
    const { code, stdout, stderr } = await bench("--json", ...args);
    assertEquals(code, 0, stderr);
    const { outcomes, missing } = JSON.parse(stdout);
    assertEquals(missing, []);
    assertEquals(outcomes.map(({ workload }: { workload: { name: string } }) => workload.name), only);
    for (const { workload, figures } of outcomes) {
      assertEquals(figures.map(({ competitor }: Figure) => competitor), ["wirebench", "node"]);
      for (const { rounds, best, median } of figures as Figure[]) {
        assertEquals(rounds.length, 1, workload.name);
        assert(best > 0 && best === median);
        if (workload.measure !== "rate") continue;
        const { min, median: middle, max } = rounds[0]!.perConnection!;
        assert(0 <= min && min <= middle && middle <= max && max > 0);
      }
    }
    assertMatch(stderr, /^1\/6 echo, 16 × 64 B: warming up, Wirebench$/m);
    assertMatch(stderr, /^6\/6 start to first answer: round 1 of 1, Node$/m);
  },
});

Deno.test("bench: times a polite client beside greedy ones, and reports their rate", () =>
  steadily(async () => {
    const only = ["fair-echo-200", "fair-lines-1"];
    const args = ["--rounds", "1", "--seconds", "1", "--against", "bare", "--only", only.join(",")];
    const { code, stdout, stderr } = await bench("--json", ...args);
    assertEquals(code, 0, stderr);
    for (const { workload, figures, verdicts } of JSON.parse(stdout).outcomes as Outcome[]) {
      assertEquals(figures.map(({ competitor }) => competitor), ["wirebench", "bare"]);
      assertEquals(verdicts.map(({ against }) => against), ["median ms", "worst ms"]);
      for (const { rounds, best, worst } of figures) {
        const what = `${workload.name}: ${JSON.stringify({ rounds, best, worst })}`;
        assert(0 < best && best <= worst! && worst === rounds[0]!.worst, what);
        assert(rounds[0]!.greedy! > 0, what);
      }
    }
  }));

Deno.test("bench: every peer that can run here implements the services' protocols", async (t) => {
  await using folder = await temporaryFolder();
  const { present, missing } = await findCompetitors(COMPETITORS, folder.path, undefined);
  for (const { name, reason } of missing) {
    await t.step({ name: `${name} (ignored: ${reason})`, ignore: true, fn() {} });
  }
  for (const competitor of [own(undefined), ...present]) {
    await t.step(competitor.title, () => checkProtocols(competitor));
  }
});

/** A workload of each service. */
const EXAMPLES = ["echo-64", "delimited", "uppercase-64", "chat-16", "fair-lines-1"];

/** Checks the answers of each server of a competitor. */
async function checkProtocols(competitor: Competitor): Promise<void> {
  for (
    const workload of WORKLOADS.filter(({ name }) => EXAMPLES.includes(name))
  ) {
    if (!competitor.serves(workload)) continue;
    await using server = await competitor.start(workload.service);
    const what = `${workload.service} of ${competitor.title}`;
    if (workload.service === "uppercase") {
      const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
      await socket.send(bytes("`az{AZ é"), { transport: "udp", hostname: "127.0.0.1", port: server.ports[0]! });
      const [answer] = await within(socket.receive(), what);
      socket.close();
      assertEquals(textOf(answer), "`AZ{AZ é", what);
      continue;
    }
    using peer = await RawPeer.connect(server.ports[0]!);
    if (workload.service === "echo") {
      await peer.send("Hello, world");
      await peer.end();
      assertEquals(await peer.receiveAll(), "Hello, world", what);
    } else if (workload.service === "delimited") {
      for (const chunk of ["one\r\ntw", "o\nthree\r", "\n\nfi", "ve"]) {
        await peer.send(chunk);
        if (chunk.startsWith("o")) assertEquals((await peer.receive(4)).at(-1), "\n", what);
      }
      await peer.end();
      assertEquals(await peer.receiveAll(), "three\n\nfive\n", what);
    } else if (workload.service === "lines") {
      await peer.send("one\ntw");
      assertEquals(await peer.receive(12), "Hello Node!\n", what);
      await peer.send("o\n\n");
      await peer.end();
      assertEquals(await peer.receiveAll(), "Hello Node!\nHello Node!\n", what);
    } else {
      using other = await RawPeer.connect(server.ports[0]!);
      await peer.send(headed("alice"));
      await other.send(headed("bob"));
      const fromBob = textOf(headed("bob")) + textOf(headed("Hi"));
      // Alice may join after Bob.
      const greeting = setInterval(() => void other.send(headed("Hi")), 20);
      const got = await peer.receive(fromBob.length).finally(() => clearInterval(greeting));
      assertEquals(got, fromBob, what);
      for (const byte of headed("Hey, é")) await peer.send(Uint8Array.of(byte));
      await peer.send(concat([headed(""), headed("and more")]));
      const said = ["alice", "Hey, é", "alice", "", "alice", "and more"].map((text) => textOf(headed(text))).join("");
      assertEquals(await other.receive(bytes(said).length), said, what);
    }
  }
}

Deno.test("bench: the generator in Deno does the same as the one in C", async () => {
  const generate = (kind: string, port: number, ...rest: number[]) =>
    deno("-P=load", "scripts/checks/bench/load.ts", kind, String(port), ...rest.map(String));
  for (
    const [service, kind, ...load] of [
      ["echo", "echo", 3, 64, 2, 0.5],
      ["echo", "connect", 3, 64, 1, 0.5],
      ["delimited", "lines", 3, 64, 8, 0.5],
      ["echo", "echo", 3, 64, 8, 0.5, 0, 1],
      ["lines", "newlines", 3, 0, 8, 0.5, 0, 1],
      ["uppercase", "uppercase", 3, 64, 1, 0.5],
      ["chat", "chat", 5, 64, 4, 0.5, 2],
      ["chat", "chat", 3, 10_240, 16, 0.5, 3],
    ] satisfies [string, string, ...number[]][]
  ) {
    await using server = await ServerProcess.start(service);
    const { code, stdout, stderr } = await generate(kind, server.port, ...load);
    assertEquals([code, stderr], [0, ""], `${service} ${kind}`);
    const { operations, seconds, min, max, polite } = JSON.parse(stdout);
    assert(operations > 0 && seconds > 0 && min <= max && max <= operations);
    const [, , , , , timed] = load;
    assertEquals(polite !== undefined, timed === 1);
    if (timed) assert(0 < polite.median && polite.median <= polite.worst);
  }
  await using server = await ServerProcess.start("echo");
  assertEquals((await generate("idle", server.port, 50, 64, 1, 0)).stdout, "ready\n");
  await using wrong = fakeServer(async (peer) => {
    await peer.send((await peer.receive(64)).toLowerCase());
  });
  const { code, stdout, stderr } = await generate("echo", wrong.port, 1, 64, 1, 0.1);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, "Wrong answer");
});

const noNats = hasNatsServer() ? "" : " (ignored: no nats-server here)";

Deno.test({
  name: `bench: measures chat servers that share a room, beside one server and programs that append batches${noNats}`,
  ignore: noNats !== "",
  async fn() {
    const against = ["embedded", "batches", "publisher"];
    const args = ["--rounds", "1", "--seconds", "0.2", "--against", against.join(","), "--only", "nats-2-r1,nats-2-r3"];
    const { code, stdout, stderr } = await bench("--json", ...args);
    assertEquals(code, 0, stderr);
    const { outcomes, missing } = JSON.parse(stdout) as { outcomes: Outcome[]; missing: unknown[] };
    assertEquals(missing, []);
    assertEquals(outcomes.map(({ workload }) => workload.nats?.replicas), [1, 3]);
    for (const { figures, verdicts } of outcomes) {
      assertEquals(figures.map(({ competitor }) => competitor), ["wirebench", ...against]);
      assert(figures.every(({ best, rounds }) => best > 0 && rounds[0]!.cpuPerOperation! > 0));
      assertEquals(verdicts.map(({ against, target }) => [against, target]), [["NATS, nobody follows", 0.8]]);
    }
  },
});

Deno.test({
  name: "bench: without nats-server, skips a room over NATS and says how to get it" +
    (Deno.build.os === "windows" ? " (ignored: no sh here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = testFolder();
    Deno.writeTextFileSync(`${folder.path}/nats-server`, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const deno = [Deno.execPath(), "run", "-q", "--no-prompt", "-P=bench", "scripts/checks/bench.ts"];
    const { stdout, stderr, code } = await new Deno.Command("sh", {
      args: ["-c", 'PATH=$0:$PATH exec "$@"', folder.path, ...deno, "--only", "nats-3-r3", "--against", "batches"],
      cwd: new URL("../..", import.meta.url),
    }).output();
    assertEquals([code, textOf(stderr)], [0, ""]);
    assertMatch(textOf(stdout), /^chat over NATS is missing: no nats-server: apt-get install nats-server, .*$/m);
  },
});

Deno.test("bench: reports wrong options", async () => {
  const { code, stderr } = await bench("--only", "nonsense");
  assertEquals(code, 2);
  assertStringIncludes(stderr, "--only: expected some of echo,echo-64,");
});

/** Programs that exist, but are too old or broken. */
const UNFIT = {
  go: 'case $1 in env) echo go1.0;; *) echo "# server" >&2; echo "./server.go:1:1: undefined: x" >&2; exit 1;; esac',
  node: "case $1 in -p) echo v1.0.0;; *) echo 'SyntaxError: x' >&2; exit 1;; esac",
  python3: "case $1 in -c) echo python3; echo 2.0.0;; *) echo 'SyntaxError: y' >&2; exit 1;; esac",
};

Deno.test({
  name: "bench: reports a peer that cannot be built or started, with the reason" +
    (Deno.build.os === "windows" ? " (ignored: no sh here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = testFolder();
    for (const [name, script] of Object.entries(UNFIT)) {
      Deno.writeTextFileSync(`${folder.path}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    }
    const { code, stdout, stderr } = await benchIn('PATH="$0:$PATH" exec "$@"', folder.path, "go,node,asyncio");
    assertEquals(code, 0, stderr);
    for (
      const line of [
        "go is missing: server.go does not compile: ./server.go:1:1: undefined: x",
        "node is missing: it does not start: SyntaxError: x",
        "asyncio is missing: it does not start: SyntaxError: y",
      ]
    ) {
      assertStringIncludes(stdout, `${line}\n`);
    }
  },
});

Deno.test({
  name: "bench: does not measure Deno as Node where Node is missing" +
    (Deno.build.os === "windows" ? " (ignored: no sh here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = testFolder();
    for (const tool of ["mktemp", "rm"]) {
      Deno.writeTextFileSync(`${folder.path}/${tool}`, `#!/bin/sh\nPATH=$ALL exec ${tool} "$@"\n`, { mode: 0o755 });
    }
    const { code, stdout, stderr } = await benchIn('ALL="$PATH" PATH="$0" exec "$@"', folder.path, "node");
    assertEquals(code, 0, stderr);
    assertStringIncludes(stdout, "node is missing: no node\n");
  },
});

/** Runs the bench with some peers from a shell script, which gets a folder and the command as arguments. */
async function benchIn(
  script: string,
  folder: string,
  against: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = ["run", "-q", "--no-prompt", "-P=bench", "scripts/checks/bench.ts", "--quick", "--only", "start"];
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, folder, Deno.execPath(), ...command, "--against", against],
    cwd: new URL("../..", import.meta.url),
  }).output();
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

Deno.test("bench: judges a target by the best rounds, and lists missed ones", () => {
  const workload = WORKLOADS.find(({ name }) => name === "echo-many")!;
  const perConnection = { min: 4, median: 10, max: 12 };
  const figure = (competitor: Figure["competitor"], title: string, ...values: number[]): Figure => ({
    competitor,
    title,
    rounds: values.map((value) => ({ value, cpuPerOperation: 5, serverCpu: 1, generatorCpu: 0.99, perConnection })),
    best: Math.max(...values),
    median: values[0]!,
    spread: 0.5,
  });
  const failed: Figure = { ...figure("node", "Node"), rounds: [], fault: "wrong answer" };
  const outcome = judge(workload, [figure("wirebench", "Wirebench", 50, 80), figure("c", "C", 90, 100), failed]);
  assertEquals(outcome.verdicts.map(({ against, value, reached }) => [against, value, reached]), [
    ["C", 0.8, true],
    ["slowest connection to median", 0.4, false],
  ]);
  const text = report([outcome], false);
  for (
    const line of [
      "reached C: 0.80, at least 0.72",
      "MISSED slowest connection to median: 0.40, at least 0.5",
      "FAILED Node: wrong answer",
      "* the generator used its core fully: the server may be faster than this",
      "1 of 2 targets reached",
    ]
  ) {
    assertStringIncludes(text, `${line}\n`);
  }
  const disturbed = figure("c", "C", 90, 100);
  for (const round of disturbed.rounds) round.othersCpu = 0.3;
  const undecided = judge(workload, [figure("wirebench", "Wirebench", 50, 80), disturbed]);
  assertEquals(undecided.verdicts.map(({ reached }) => reached), [undefined, false]);
  assertStringIncludes(report([undecided], false), "0 of 2 targets reached, 1 undecided because of other programs\n");
  const drawn = chart([outcome], "here & now");
  assertEquals(drawn.match(/<rect class="bar own"/g)!.length, 1);
  assertEquals(drawn.match(/<rect class="bar"/g)!.length, 1);
  assertStringIncludes(drawn, "here &amp; now");
});

Deno.test("bench: judges a polite client's median and longest round trip, unless other programs disturbed it", () => {
  const workload = WORKLOADS.find(({ name }) => name === "fair-echo-200")!;
  const figure = (competitor: Figure["competitor"], title: string, othersCpu: number): Figure => ({
    competitor,
    title,
    rounds: [{ value: 30, worst: 40, greedy: 7000 }, { value: 2.5, worst: 300, greedy: 8000, othersCpu }],
    best: 2.5,
    median: 30,
    spread: 1,
    worst: 300,
  });
  const bare = figure("bare", "Deno, bare", 0);
  const outcome = judge(workload, [figure("wirebench", "Wirebench", 0), bare]);
  const text = report([outcome], false);
  assertMatch(text, /^ +median ms +worst ms .*greedy\/s/m);
  assertMatch(text, /^Wirebench +2\.5 +300 .* 8,000$/m);
  assertStringIncludes(text, "reached median ms: 2.50, at most 20\nMISSED worst ms: 300.00, at most 250\n");
  assertStringIncludes(chart([outcome], ""), "echo, a polite client beside 200 greedy: median ms, less is better");
  const { verdicts } = judge(workload, [figure("wirebench", "Wirebench", 0.3), bare]);
  assertEquals(verdicts.map(({ reached }) => reached), [true, undefined]);
});
