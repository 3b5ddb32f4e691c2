import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { NO_PYTHON } from "../judge/_programs.ts";
import { ChildProcess } from "../../scripts/shared/child_process.ts";
import { temporaryFolder, within } from "../harness.ts";

const PROGRAMS = "tests/judge/programs";

interface Result {
  code: number;
  stdout: string;
  stderr: string;
}

function command(args: string[], more: string[], streams: Pick<Deno.CommandOptions, "stdout" | "stderr"> = {}) {
  const deno = ["run", "-q", "--no-prompt", "-P=judge-client", ...more, "scripts/tools/judge_client.ts"];
  return new Deno.Command(Deno.execPath(), { args: [...deno, ...args], env: { NO_COLOR: "1" }, ...streams });
}

async function judgeClient(args: string[], more: string[] = []): Promise<Result> {
  const { code, stdout, stderr } = await command(args, more).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test({
  name: `judge:client says what a client sent, printed and did, and exits with 1 if it must not${NO_PYTHON}`,
  ignore: NO_PYTHON !== "",
  async fn() {
    const client = ["python3", `${PROGRAMS}/sixteen/client_one_recv.py`, "{host}", "{port}"];
    const { code, stdout, stderr } = await judgeClient([
      "sixteen",
      "--only",
      "plain",
      "--only",
      "byte-by-byte",
      "--",
      ...client,
    ]);
    assertEquals(code, 1);
    assertMatch(
      stdout,
      /^right {2}plain\nFAILED byte-by-byte: I sent \d+ bytes in \d+ writes, "F.*; you printed "The server said b'F.*'\\n" and ended with exit code 0\. A client that takes one recv for one message does this\.\nsixteen by python3 .*: 2 cases, 1 right, 1 failed, in [\d.]+ s\n$/,
    );
    assertEquals(stderr, "judge:client: sixteen is wrong: byte-by-byte\n");
  },
});

Deno.test({
  name: `judge:client exits with 0 if a client only should be better, and with 1 if it is strict${NO_PYTHON}`,
  ignore: NO_PYTHON !== "",
  async fn() {
    const client = ["python3", `${PROGRAMS}/udp_chat/client_raw.py`, "{host}", "{port}"];
    const args = ["udp-chat", "--only", "escape", "--"];
    const [lenient, strict] = await Promise.all([
      judgeClient([...args, ...client]),
      judgeClient(["--strict", ...args, ...client]),
    ]);
    assertEquals([lenient.code, strict.code], [0, 1]);
    assertStringIncludes(lenient.stdout, "should escape: ");
  },
});

Deno.test({
  name: `judge:client records what it saw, each case a connection, and writes JUnit's XML and JSON${NO_PYTHON}`,
  ignore: NO_PYTHON !== "",
  async fn() {
    using folder = temporaryFolder();
    const files = ["recording.jsonl", "junit.xml"].map((name) => `${folder.path}/${name}`);
    const { code, stdout } = await judgeClient([
      "sixteen",
      "--json",
      "--record",
      files[0]!,
      "--junit",
      files[1]!,
      "--only",
      "late",
      "--",
      "python3",
      `${PROGRAMS}/sixteen/client.py`,
      "{host}",
      "{port}",
    ], [`--allow-write=${folder.path}`]);
    assertEquals(code, 0);
    const { program, right, findings } = JSON.parse(stdout);
    assertEquals([program, right, findings.length, findings[0].case], ["sixteen", true, 1, "late"]);
    const [recording, junit] = files.map((file) => Deno.readTextFileSync(file));
    const events = recording!.trimEnd().split("\n").map((line) => JSON.parse(line));
    assertEquals(events[0].framing, "fixed:16");
    // The run with a correct server comes first.
    assertEquals(events.filter(({ k }) => k === "open").map(({ peer }) => peer.split(" ")[1]), ["late", "late"]);
    assertMatch(junit!, /<testcase classname="sixteen" name="late" time="[\d.]+"\/>/);
  },
});

Deno.test("judge:client lists and explains its cases, and says what the client's standard input is", async () => {
  const [list, explain] = await Promise.all([
    judgeClient(["chat", "--list"]),
    judgeClient(["chat", "--explain", "as-it-arrives"]),
  ]);
  assertEquals([list.code, explain.code], [0, 0]);
  assertMatch(list.stdout, /^plain +must +The answers of a correct server, each in one write\.$/m);
  assertMatch(list.stdout, /^The client's standard input: "zoë", "hello", /m);
  assertMatch(explain.stdout, /^as-it-arrives \(must\)\nThe judge sends: .*\nA right program: .*\nThe mistake: .*\n/);
});

Deno.test("judge:client exits with 3 if the client cannot be started or does not come, and with 2 for wrong usage", async () => {
  const deno = [Deno.execPath(), "eval"];
  const results = await Promise.all([
    judgeClient(["echo", "--", "no-such-program", "{port}"]),
    judgeClient(["echo", "--", ...deno, "console.error('{port} is not for me'); Deno.exit(7)"]),
    judgeClient(["echo"]),
    judgeClient(["nothing", "--", "true"]),
    judgeClient(["echo", "--only", "nothing", "--", "true"]),
  ]);
  assertEquals(results.map(({ code }) => code), [3, 3, 2, 2, 2]);
  assertEquals(
    results[0]!.stderr,
    'judge:client: The command cannot be started: there is no program "no-such-program"\n',
  );
  assertMatch(
    results[1]!.stderr,
    /^judge:client: Your program did not come to 127\.0\.0\.1:\d+, and ended with exit code 7: "\d+ is not for me"\n$/,
  );
  assertMatch(results[2]!.stderr, /Expected the client's command after --; see deno task judge:client --help/);
  assertMatch(results[3]!.stderr, /Expected one of echo, .*, got "nothing"/);
  assertMatch(results[4]!.stderr, /Expected a case of echo: plain, .*; got "nothing"/);
});

Deno.test("judge:client says what kept a client from connecting", async () => {
  using folder = temporaryFolder();
  const script = `${folder.path}/client.py`;
  Deno.writeTextFileSync(script, "print()");
  const [notExecutable, asks] = await Promise.all([
    judgeClient(["echo", "--", script, "{port}"]),
    judgeClient(["echo", "--only", "plain", "--", Deno.execPath(), "eval", "console.log('Server?')"]),
  ]);
  assertEquals(
    notExecutable.stderr,
    `judge:client: The command cannot be started: "${script}" is not executable; ` +
      "a script needs its interpreter before it, such as python3\n",
  );
  assertEquals(
    asks.stderr,
    "judge:client: Your program did not come to 127.0.0.1:65432, and ended with exit code 0; " +
      'it printed "Server?\\n"; its command has no {port}, so it must know the port\n',
  );
});

Deno.test({
  name: `judge:client stops at Ctrl-C, and ends the clients that it has started${NO_PYTHON}`,
  ignore: NO_PYTHON !== "" || Deno.build.os === "windows",
  async fn() {
    // The client is a child of the command.
    const mark = crypto.randomUUID();
    const client = ["sh", "-c", `python3 ${PROGRAMS}/echo/client_no_timeout.py {host} {port} ${mark}; true`];
    const args = ["echo", "--only", "silent-server", "--timeout", "600", "--", ...client];
    await using judge = new ChildProcess(command(args, [], { stdout: "null", stderr: "null" }).spawn());
    const clients = async () => {
      const { stdout } = await new Deno.Command("ps", { args: ["-e", "-o", "args="] }).output();
      const isClient = new RegExp(`^\\S*python\\S* \\S+/client_no_timeout.py .*${mark}`);
      return new TextDecoder().decode(stdout).split("\n").filter((line) => isClient.test(line));
    };
    const are = async (count: number) => {
      while ((await clients()).length !== count) { /* not yet */ }
    };
    await within(are(1), "a client");
    judge.signal("SIGINT");
    assertEquals((await within(judge.process.status, "the judge's end")).code, 1);
    await within(are(0), "the client's end");
  },
});

Deno.test({
  name: `judge:client shows what a client prints escaped, and keeps a limited part of it${NO_PYTHON}`,
  ignore: NO_PYTHON !== "",
  async fn() {
    const print = "import sys; sys.stdout.write('\\x1b[2J' * 10_000_000 + 'the end\\n'); sys.exit('\\x1b[31mfailed')";
    const { code, stdout, stderr } = await judgeClient([
      "echo",
      "--only",
      "plain",
      "--",
      "python3",
      "-c",
      print,
      "{port}",
    ]);
    assertEquals([code, stdout], [3, ""]);
    assertMatch(stderr, /ended with exit code 1: "\\x1b\[31mfailed"\n$/);
  },
});
