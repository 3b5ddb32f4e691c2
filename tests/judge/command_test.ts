// The commands of the judge: exit codes, listings, and what they write.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { serveEcho } from "@wirebench/wirebench/echo";
import { judge as judgeServer } from "@wirebench/wirebench/judge";
import { parseRecording } from "@wirebench/wirebench/record";
import { fakeServer, steadily, temporaryFolder } from "../harness.ts";

const root = new URL("../..", import.meta.url);

/** Runs `deno task judge` with its permission set, and more flags. */
async function judge(args: string[], flags: string[] = []): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=judge", ...flags, "scripts/tools/judge.ts", ...args],
    cwd: root,
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** An echo server that closes after its first answer. */
function hasty() {
  return fakeServer(async (peer) => {
    await peer.send(await peer.receive(12));
  });
}

Deno.test("judge ends with 0 for a right program, and prints a line for each case and a summary", async () => {
  await using server = serveEcho({ port: 0 });
  const { port } = server.addr;
  const { code, stdout, stderr } = await judge(["echo", "--port", `${port}`, "--only", "plain,half-close"]);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(
    stdout,
    /^right {2}plain\nright {2}half-close\necho at 127\.0\.0\.1:\d+: 2 cases, 2 right, in [\d.]+ s\n$/,
  );
});

Deno.test("judge ends with 1 for a wrong program, and says the evidence first and then the mistake", async () => {
  await using server = hasty();
  const { code, stdout, stderr } = await judge(["echo", "--port", `${server.port}`, "--only", "in-turns"]);
  assertEquals([code, stderr], [1, "judge: echo is wrong: in-turns\n"]);
  assertMatch(
    stdout,
    /^FAILED in-turns: I sent \d+ bytes in 2 writes, "Hello, world.*"; you (closed|reset the connection) after 12 bytes, "Hello, world"\. A program that answers the first recv of a connection only does this\.\n/,
  );
});

Deno.test("judge ends with 2 for wrong usage, and says what it expected", async () => {
  for (
    const [args, words] of [
      [[], /^judge: Expected a program: one of echo, /],
      [["nobody"], /^judge: Expected one of echo, .*, got "nobody"/],
      [["echo", "--only", "all"], /^judge: Expected a case of echo: plain, .*; got "all"/],
      [["fixed", "--option", "length=0"], /^judge: Option length: expected an integer from 1 to 9999999, got "0"/],
      [["echo", "--option", "length=3"], /^judge: Unknown option "length": expected none/],
    ] as const
  ) {
    const { code, stdout, stderr } = await judge([...args]);
    assertEquals([code, stdout], [2, ""], stderr);
    assertMatch(stderr, words);
  }
});

Deno.test("judge ends with 3 if nobody listens, over TCP and over UDP", async () => {
  for (const program of ["echo", "uppercase"]) {
    const { code, stdout, stderr } = await judge([program, "--port", "1", "--timeout", "0.4"]);
    assertEquals([code, stdout], [3, ""], stderr);
    assertMatch(stderr, /^judge: Nobody listens /);
  }
});

Deno.test("judge lists and explains its cases without a server", async () => {
  const listed = await judge(["chat", "--list"]);
  assertEquals(listed.code, 0, listed.stderr);
  assertMatch(listed.stdout, /^plain +must +\S.*\n(.+\n)*never-reads +must .*\n(.+\n)*again +must .*\n$/);
  const { code, stdout } = await judge(["echo", "--explain", "half-close"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^half-close \(must\)\nThe judge sends: .+\nA right program: .+\nThe mistake: {5}.+\n$/);
});

Deno.test("judge writes its findings as JSON and as JUnit does, and a recording that names each case", async () => {
  using folder = temporaryFolder();
  await using server = hasty();
  const files = ["--junit", `${folder.path}/judge.xml`, "--record", `${folder.path}/judge.jsonl`];
  const only = ["--only", "plain", "--only", "in-turns"];
  const { code, stdout } = await judge(["echo", "--port", `${server.port}`, "--json", ...only, ...files], [
    `--allow-write=${folder.path}`,
  ]);
  assertEquals(code, 1);
  const { program, right, findings } = JSON.parse(stdout);
  assertEquals([program, right, findings.map((finding: { verdict: string }) => finding.verdict)], [
    "echo",
    false,
    ["right", "wrong"],
  ]);
  const junit = Deno.readTextFileSync(`${folder.path}/judge.xml`);
  assertMatch(
    junit,
    /<testsuite name="echo" tests="2" failures="1" skipped="0" time="[\d.]+">\n {2}<testcase [^>]+\/>/,
  );
  assertMatch(
    junit,
    /<testcase classname="echo" name="in-turns" [^>]+><failure message="I sent [^"]+&quot;Hello, world/,
  );
  const { events, problem } = parseRecording(Deno.readTextFileSync(`${folder.path}/judge.jsonl`));
  assertEquals(problem, undefined);
  const peers = events.flatMap((event) => event.k === "open" ? [event.peer.split(" ")[1]] : []);
  assertEquals([...new Set(peers)], ["plain", "in-turns", "alive"]);
});

Deno.test("judge names the grant for a file outside of recordings, and for another host", async () => {
  for (
    const [args, words] of [
      [["--junit", "/nowhere/judge.xml", "--only", "plain"], /--allow-write=\/nowhere\/judge\.xml/],
      [["--record", "/nowhere/judge.jsonl"], /--allow-write=\/nowhere\/judge\.jsonl/],
      [["--host", "192.0.2.1"], /--allow-net=192\.0\.2\.1:\d+/],
    ] as const
  ) {
    await using server = serveEcho({ port: 0 });
    const { code, stderr } = await judge(["echo", "--port", `${server.addr.port}`, ...args]);
    assertEquals(code, 1, stderr);
    assertMatch(stderr, new RegExp(`^judge: The sandbox of judge does not allow .*deno run -P=judge ${words.source}`));
  }
});

Deno.test("judge fails for what a program should do only with --strict", async () => {
  // Reads lines without a limit.
  await using server = fakeServer(async (peer) => {
    const buffer = new Uint8Array(65_536);
    for (let count; (count = await peer.socket.read(buffer)) !== null;) {
      if (count < 100) await peer.send(buffer.slice(0, count));
    }
  });
  const args = ["delimited", "--port", `${server.port}`, "--only", "endless"];
  await steadily(async () => {
    const lenient = await judge(args);
    assertEquals([lenient.code, lenient.stderr], [0, ""]);
    assertMatch(lenient.stdout, /^should endless: I sent 16777216 bytes of one message, and you still read on\. /);
    assertEquals((await judge([...args, "--strict"])).code, 1);
  });
});

Deno.test("judge ends at once when it is interrupted while it waits for a server to close a silent client", async () => {
  const interrupt = new AbortController();
  await using server = fakeServer(async (peer) => {
    interrupt.abort();
    await peer.receiveAll();
  });
  const began = performance.now();
  const [finding] = await judgeServer("echo", {
    port: server.port,
    only: ["silent"],
    silence: 60_000,
    signal: interrupt.signal,
  });
  assertEquals([finding!.verdict, finding!.said], ["not judged", "Interrupted."]);
  assert(performance.now() - began < 30_000);
});
