import { assertEquals, assertMatch } from "@std/assert";
import { TextLineStream } from "@std/streams/text-line-stream";

function fuzz(...args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=fuzz", "scripts/checks/fuzz.ts", ...args],
    cwd: new URL("../..", import.meta.url),
    stdout: "piped",
    stderr: "piped",
  });
}

async function output(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await fuzz(...args).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("fuzz says its seed, and how many cases of each target there were", async () => {
  const { code, stdout, stderr } = await output("--rounds", "2", "--seed", "7", "--target", "netstring");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout, "Seed 7\ncases  target\n  200  netstring\nNothing found with seed 7\n");
  const all = await output("--minutes", "0.00001");
  assertMatch(all.stdout, /^Seed \d+\n/);
  assertMatch(all.stdout, /^ +\d+ {2}pickle-bytes$/m);
  assertEquals([all.code, all.stderr], [0, ""]);
});

Deno.test("fuzz ends at Ctrl-C with its summary", async () => {
  await using process = fuzz("--minutes", "60").spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  const said: string[] = [];
  for await (const line of lines) {
    if (said.push(line) === 1) process.kill("SIGINT");
  }
  assertMatch(said.at(-1)!, /^Nothing found with seed \d+, before it was stopped$/);
  await process.stderr.cancel();
  assertEquals((await process.status).code, 0);
});

Deno.test("fuzz says what it expected", async () => {
  for (
    const [args, words] of [
      [["--target", "telegrams"], /No target "telegrams": expected fixed, delimited, /],
      [["--path", "1:2"], /--path needs --seed and --target/],
      [["--minutes", "0"], /--minutes: expected minutes above 0, got "0"/],
      [["--seed", "1", "--target", "fixed", "--path", "up"], /expected numbers and colons, got "up"/],
    ] as const
  ) {
    const { code, stderr } = await output(...args);
    assertMatch(stderr, words);
    assertEquals(code, 2);
  }
});
