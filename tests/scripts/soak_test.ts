import { assertEquals, assertMatch } from "@std/assert";
import { TextLineStream } from "@std/streams/text-line-stream";

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
  const { code, stdout, stderr } = await output("--minutes", "0.04", "--seed", "7", "--service", "chat");
  assertEquals([code, stderr], [0, ""], stdout);
  assertMatch(stdout, /^Seed 7$/m);
  assertMatch(stdout, /^service +clients +answers +bytes +lost /m);
  assertMatch(stdout, /^chat +[1-9]\d* +[1-9][\d,]* +[\d,]+ +0 .* yes$/m);
  for (const policy of ["disconnect", "drop-oldest", "wait"]) {
    assertMatch(stdout, new RegExp(`^${policy} +[\\d,]+ `, "m"));
  }
  assertMatch(stdout, /^Every answer was right, and all are back where they were; seed 7$/m);
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
      [["--service", "telegrams"], /--service: expected one of echo, fixed, .*, got "telegrams"/],
      [["--minutes", "0"], /--minutes: expected minutes above 0, got "0"/],
    ] as const
  ) {
    const { code, stderr } = await output(...args);
    assertMatch(stderr, words);
    assertEquals(code, 2);
  }
});
