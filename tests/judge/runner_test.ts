import { assertEquals, assertMatch } from "@std/assert";
import { type Case, type Finding, Wrong, type WrongOptions } from "../../lib/judge/case.ts";
import { pause } from "../../lib/judge/patience.ts";
import { runCases } from "../../lib/judge/_runner.ts";

/** Keeps this thread busy, as a machine that does not let it run. */
async function standStill(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  const until = performance.now() + 800;
  while (performance.now() < until) { /* busy */ }
  await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Runs one case that is wrong in its first runs, and counts how often it is run. */
async function judged(
  wrongRuns: number,
  hinder: () => Promise<void>,
  { tries, ...options }: WrongOptions & { tries?: number } = {},
): Promise<{ finding: Finding; runs: number }> {
  let runs = 0;
  const one: Case<{ connected: number }> = {
    name: "plain",
    level: "must",
    sends: "Nothing.",
    right: "Nothing.",
    mistake: "It was late",
    tries,
    async run() {
      runs++;
      await hinder();
      if (runs <= wrongRuns) throw new Wrong("You gave up", options);
    },
  };
  const [finding] = await runCases([one], {
    stage: () => ({ connected: 1 }),
    isAlive: () => Promise.resolve(true),
  });
  return { finding: finding!, runs };
}

Deno.test("the judge runs a wrong case again if the judge itself stood still meanwhile", async () => {
  const { finding: { verdict }, runs } = await judged(1, standStill);
  assertEquals([verdict, runs], ["right", 2]);
});

Deno.test("the judge calls nobody wrong on a machine that stands still each time", async () => {
  const { finding: { verdict, said }, runs } = await judged(Infinity, standStill);
  assertEquals([verdict, runs], ["not judged", 3]);
  assertMatch(said, /^This machine was too busy to tell whether this is wrong: You gave up\. It was late\.$/);
});

Deno.test("the judge believes a wrong case on a machine that let it run", async () => {
  const { finding: { verdict }, runs } = await judged(Infinity, () => Promise.resolve());
  assertEquals([verdict, runs], ["wrong", 1]);
});

Deno.test("the judge believes wrong bytes and silence on a machine that stands still: neither comes from that", async () => {
  for (const by of ["bytes", "silence"] as const) {
    const { finding: { verdict }, runs } = await judged(Infinity, standStill, { by });
    assertEquals([verdict, runs], ["wrong", 1]);
  }
});

Deno.test("the judge runs a case again whose finding may be chance, and believes it if each run is wrong", async () => {
  const once = await judged(1, () => Promise.resolve(), { tries: 2 });
  assertEquals([once.finding.verdict, once.runs], ["right", 2]);
  const twice = await judged(Infinity, () => Promise.resolve(), { tries: 2 });
  assertEquals([twice.finding.verdict, twice.runs], ["wrong", 2]);
});

Deno.test("the judge does not blame a program in a case that needs another one, which is still waiting and then wrong", async () => {
  const words = { level: "must", sends: "Nothing.", right: "Nothing.", mistake: "It was late" } as const;
  const cases: Case<{ connected: number }>[] = [
    { ...words, name: "plain", run: () => Promise.resolve() },
    { ...words, name: "cause", run: () => pause(1500).then(() => Promise.reject(new Wrong("You said nothing"))) },
    { ...words, name: "effect", needs: ["cause"], run: () => Promise.reject(new Wrong("You said nothing")) },
  ];
  const findings = await runCases(cases, { stage: () => ({ connected: 1 }), isAlive: () => Promise.resolve(true) });
  assertEquals(findings.map(({ verdict }) => verdict), ["right", "wrong", "not judged"]);
});
