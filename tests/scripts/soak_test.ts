import { assert, assertEquals, assertMatch } from "@std/assert";
import { TextLineStream } from "@std/streams/text-line-stream";
import { protocolOf } from "@wirebench/wirebench/judge";
import { timingFaults } from "../../scripts/checks/soak/attack.ts";
import { countAll } from "../../scripts/checks/soak/cluster.ts";
import { hasNatsServer } from "../../scripts/shared/nats.ts";
import { ATTACKS, payloadOf, pipeline, repeat } from "../../scripts/checks/soak/attackers.ts";
import { bytes, fakeServer, ServerProcess } from "../harness.ts";

function soak(...args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=soak", "scripts/checks/soak.ts", ...args],
    cwd: new URL("../..", import.meta.url),
    stdout: "piped",
    stderr: "piped",
  });
}

async function output(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await soak(...args).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("soak prints its seed, the results of each service and of a chat with a slow member, and that there are no faults", async () => {
  const { code, stdout, stderr } = await output(
    "--minutes",
    "0.04",
    "--seed",
    "7",
    "--service",
    "chat",
    "--attack",
    "none",
  );
  assertEquals([code, stderr], [0, ""], stdout);
  assertMatch(stdout, /^Seed 7$/m);
  assertMatch(stdout, /^service +clients +answers +bytes +lost /m);
  for (const chat of ["chat", "chat over Unix"]) {
    assertMatch(stdout, new RegExp(`^${chat} +[1-9]\\d* +[1-9][\\d,]* +[\\d,]+ +0 +[1-9]\\d* +0 .* yes$`, "m"));
    assertMatch(stdout, new RegExp(`^${chat} ended .*\\d+ finished`, "m"));
  }
  for (const policy of ["disconnect", "drop-oldest", "wait"]) {
    assertMatch(stdout, new RegExp(`^${policy} +[\\d,]+ `, "m"));
  }
  assertMatch(stdout, /^No faults with seed 7: every answer was correct, and no server kept resources$/m);
});

Deno.test("soak reports the latency of other clients while a server is attacked, and how soon it stops", async () => {
  const { stdout } = await output("--minutes", "0.001", "--service", "exchange", "--attack", "end-at-once");
  const time = "\\d+\\.\\d";
  const times = [time, time, time, time];
  const columns = ["exchange", "end-at-once", "[1-9][\\d,]*", "0", "[1-9][\\d,]*", ...times, "\\d+%", time];
  assertMatch(stdout, /^1 of 1 attacks, and the latency of other clients in milliseconds$/m);
  assertMatch(stdout, new RegExp(`^${columns.join(" +")} `, "m"));
  // Faults of time are ignored, because the machine may be busy.
  const faults = stdout.split("\n").filter((line) => line.startsWith("exchange: "));
  assertEquals(faults.filter((fault) => !/ latency | to stop, /.test(fault)), []);
});

Deno.test("the latency under attack and the time to stop are faults above their bounds, which are wider on a busy machine", () => {
  const answers = { answers: 9, lost: 0 };
  const name = "lines";
  const baseline = { ...answers, median: 30, worst: 400 };
  const good = { name, others: { ...answers, median: 49, worst: 640 }, baseline, stoppedIn: 5200 };
  assertEquals(timingFaults(good), []);
  assertEquals(timingFaults({ ...good, others: { ...answers, median: 51, worst: 660 }, stoppedIn: 7100 }), [
    "lines: median latency of other clients 21 ms above the baseline, expected at most 20",
    "lines: worst latency of other clients 260 ms above the baseline, expected at most 250",
    "lines: took 7.1 s to stop, expected at most 7",
  ]);
  assertEquals(timingFaults({ ...good, others: { ...answers, median: 51, worst: 660 }, share: 0.9 }), []);
  assertEquals(timingFaults({ ...good, others: { ...answers, median: 51, worst: 660 }, members: 200 }), []);
  assertEquals(timingFaults({ ...good, others: { answers: 0, lost: 0, median: 0, worst: 0 } }), [
    "lines: other clients got no answer",
  ]);
});

for (const attack of ATTACKS.filter(({ transport }) => transport === "tcp")) {
  Deno.test(`${attack.name} attacks until its signal is aborted, and leaks nothing`, async () => {
    await using server = await ServerProcess.start("delimited", { quiet: true });
    const traffic = { connections: 0, sent: 0, received: 0 };
    const end = new AbortController();
    const { port } = server;
    const payload = payloadOf(attack, protocolOf("delimited"))!;
    const attacking = attack.attacker({ port }, payload, end.signal, traffic);
    const writes = payload.bytes.length > 0;
    while (traffic.connections === 0 || writes && traffic.sent === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    end.abort();
    await attacking;
    assert(attack.name !== "never-read" || traffic.received === 0);
  });
}

Deno.test("an attacker ends when nothing listens any more", async () => {
  const server = fakeServer((peer) => peer.receive(5));
  const attacking = pipeline({ port: server.port }, { bytes: repeat(bytes("\n"), 1000) }, new AbortController().signal);
  await server[Symbol.asyncDispose]();
  await attacking;
});

const hasNats = hasNatsServer();

Deno.test({
  name: "soak --cluster counts every message of a chat over NATS at every member while its parts fail" +
    (hasNats ? "" : " (ignored: no nats-server here)"),
  ignore: !hasNats,
  async fn() {
    const { code, stdout, stderr } = await output("--cluster", "--minutes", "0.05", "--seed", "7");
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(stdout, /^Seed 7$/m);
    assertMatch(stdout, /^failure +times\n.* [1-9]$/m);
    assertMatch(stdout, /^messages said +heard at all members +lost +doubled +out of order +longest gap/m);
    assertMatch(stdout, /^ +[1-9][\d,]* +[1-9][\d,]* +0 +0 +0 +\d+\.\d$/m);
    assertMatch(stdout, /^No faults with seed 7: every message was heard once by every member, in one order$/m);
  },
});

Deno.test("messages that are lost, doubled or out of order at a member of the cluster are counted", () => {
  const all = { fromStart: true, killed: false };
  const heardBy = [[1, 0, 1, 1], [0, 0, 0, 1, 0, 2]];
  const talkers = [3, 2].map((said, talker) => ({ talker, member: { said }, heard: heardBy[talker]!, ...all }));
  const reference = { heard: [0, 0, 1, 0, 0, 1, 1, 1, 0, 2], ...all };
  const count = (heard: number[], member: { killed?: boolean; fromStart?: boolean; talker?: number } = {}) => {
    const faults: string[] = [];
    const { lost, doubled, reordered } = countAll(talkers, [reference, { heard, ...all, ...member }], faults);
    assertEquals(faults.length > 0, lost + doubled + reordered > 0);
    return { lost, doubled, reordered };
  };
  assertEquals(count(reference.heard), { lost: 0, doubled: 0, reordered: 0 });
  assertEquals(count([0, 0, 1, 0, 1, 1, 0, 2]), { lost: 1, doubled: 0, reordered: 1 });
  assertEquals(count([0, 0, 1, 0, 0, 1, 1, 1]), { lost: 1, doubled: 0, reordered: 0 });
  assertEquals(count([0, 0, 1, 0, 0, 1, 1, 1], { killed: true }), { lost: 0, doubled: 0, reordered: 0 });
  assertEquals(count([0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 2]), { lost: 0, doubled: 1, reordered: 1 });
  assertEquals(count([1, 0, 0, 0, 0, 1, 1, 1, 0, 2]), { lost: 0, doubled: 0, reordered: 1 });
  assertEquals(count([0, 1, 1, 1, 0, 2], { fromStart: false }), { lost: 0, doubled: 0, reordered: 0 });
  assertEquals(count([0, 0, 0, 1, 0, 2], { talker: 1 }), { lost: 0, doubled: 0, reordered: 0 });
  assertEquals(count([0, 0, 0, 2], { talker: 1 }), { lost: 1, doubled: 0, reordered: 1 });
  assertEquals(count([0, 1, 0, 2], { fromStart: false }), { lost: 0, doubled: 0, reordered: 1 });
});

Deno.test("soak prints its table and ends at Ctrl-C", async () => {
  await using process = soak("--minutes", "60", "--service", "lines").spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  const printed: string[] = [];
  for await (const line of lines) {
    if (printed.push(line) === 1) process.kill("SIGINT");
  }
  assertMatch(printed.join("\n"), /^lines +\d.* not measured$/m);
  assertMatch(printed.at(-1)!, /^No faults with seed \d+ before the stop$/);
  await process.stderr.cancel();
  assertEquals((await process.status).code, 0);
});

Deno.test("soak reports wrong options", async () => {
  for (
    const [args, message] of [
      [["--service", "telegrams"], /--service: expected one of echo, .*, got "telegrams"/],
      [["--attack", "rudeness"], /--attack: expected one of pipeline-tiny, .*, none, got "rudeness"/],
      [["--attack", "flood", "--service", "echo"], /--attack: no such attack on this service/],
      [["--cluster", "--service", "echo"], /--cluster runs neither other services nor attacks/],
      [["--minutes", "0"], /--minutes: expected minutes above 0, got "0"/],
    ] as const
  ) {
    const { code, stderr } = await output(...args);
    assertMatch(stderr, message);
    assertEquals(code, 2);
  }
});
