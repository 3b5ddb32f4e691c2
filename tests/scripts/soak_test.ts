import { assert, assertEquals, assertMatch } from "@std/assert";
import { TextLineStream } from "@std/streams/text-line-stream";
import { slownessOf } from "../../scripts/soak/attacked.ts";
import { ATTACKS, loadOf, pipeline, repeat } from "../../scripts/soak/attackers.ts";
import { bytes, fakeServer, ServerProcess } from "../harness.ts";

function soak(...args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=soak", "scripts/soak.ts", ...args],
    cwd: new URL("../..", import.meta.url),
    stdout: "piped",
    stderr: "piped",
  });
}

async function output(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await soak(...args).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("soak says its seed, what came of each service and of a chat with a slow member, and that all is well", async () => {
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
  assertMatch(stdout, /^Every answer was right, and all are back where they were; seed 7$/m);
});

Deno.test("soak says how long others waited while a server was attacked, and how soon it stopped", async () => {
  const { stdout } = await output("--minutes", "0.001", "--service", "exchange", "--attack", "end-at-once");
  const time = "\\d+\\.\\d";
  const waits = [time, time, time, time];
  const columns = ["exchange", "end-at-once", "[1-9][\\d,]*", "0", "[1-9][\\d,]*", ...waits, "\\d+%", "[0-6]\\.\\d"];
  assertMatch(stdout, /^1 of 1 attacks, and how long others waited meanwhile, in milliseconds$/m);
  assertMatch(stdout, new RegExp(`^${columns.join(" +")} `, "m"));
  // How long others may wait is no matter for a machine that has other things to do.
  const faults = stdout.split("\n").filter((line) => line.startsWith("exchange: "));
  assertEquals(faults.filter((fault) => !fault.includes("others waited")), []);
});

Deno.test("a server is too slow if others wait much longer than beside it, in the middle or at the worst", () => {
  const answers = { answers: 9, lost: 0 };
  const name = "lines";
  const neighbour = { ...answers, median: 30, worst: 400 };
  const good = { name, others: { ...answers, median: 49, worst: 640 }, neighbour, stoppedIn: 5200 };
  assertEquals(slownessOf(good), []);
  assertEquals(slownessOf({ ...good, others: { ...answers, median: 51, worst: 660 }, stoppedIn: 7100 }), [
    "lines: others waited 21 ms more than the neighbour's client (median)",
    "lines: others waited 260 ms more than the neighbour's client (worst)",
    "lines: took 7.1 s to stop",
  ]);
  assertEquals(slownessOf({ ...good, others: { ...answers, median: 51, worst: 660 }, share: 0.9 }), []);
  assertEquals(slownessOf({ ...good, others: { answers: 0, lost: 0, median: 0, worst: 0 } }), [
    "lines: others had no answer",
  ]);
});

for (const attack of ATTACKS.filter(({ transport }) => transport === "TCP")) {
  Deno.test(`${attack.name} attacks until it is told to stop, and leaves nothing behind`, async () => {
    await using server = await ServerProcess.start("delimited", { quiet: true });
    const effort = { connections: 0, sent: 0, received: 0 };
    const end = new AbortController();
    const { port } = server;
    const load = loadOf(attack, "delimited")!;
    const attacking = attack.attacker({ port }, load, end.signal, effort);
    const writes = load.bytes.length > 0;
    while (effort.connections === 0 || writes && effort.sent === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    end.abort();
    await attacking;
    assert(attack.name !== "never-read" || effort.received === 0);
  });
}

Deno.test("an attacker ends by itself when nobody listens any more", async () => {
  const server = fakeServer((peer) => peer.receive(5));
  const attacking = pipeline({ port: server.port }, { bytes: repeat(bytes("\n"), 1000) }, new AbortController().signal);
  await server[Symbol.asyncDispose]();
  await attacking;
});

Deno.test("soak ends at Ctrl-C with its table", async () => {
  await using process = soak("--minutes", "60", "--service", "lines").spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  const said: string[] = [];
  for await (const line of lines) {
    if (said.push(line) === 1) process.kill("SIGINT");
  }
  assertMatch(said.join("\n"), /^lines +\d.* not looked at$/m);
  assertMatch(said.at(-1)!, /^Nothing was wrong with seed \d+ before it was stopped$/);
  await process.stderr.cancel();
  assertEquals((await process.status).code, 0);
});

Deno.test("soak says what it expected", async () => {
  for (
    const [args, words] of [
      [["--service", "telegrams"], /--service: expected one of echo, .*, got "telegrams"/],
      [["--attack", "rudeness"], /--attack: expected one of pipeline-tiny, .*, none, got "rudeness"/],
      [["--attack", "flood", "--service", "echo"], /--attack: this service cannot be attacked so/],
      [["--minutes", "0"], /--minutes: expected minutes above 0, got "0"/],
    ] as const
  ) {
    const { code, stderr } = await output(...args);
    assertMatch(stderr, words);
    assertEquals(code, 2);
  }
});
