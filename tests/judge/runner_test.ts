import { assertEquals, assertMatch } from "@std/assert";
import { type Case, type Finding, Wrong } from "../../lib/judge/case.ts";
import { runCases } from "../../lib/judge/_runner.ts";

/** Keeps this thread busy, as a machine that does not let it run. */
async function standStill(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
  const until = performance.now() + 800;
  while (performance.now() < until) { /* busy */ }
  await new Promise((resolve) => setTimeout(resolve, 50));
}

/** Runs one case that is wrong in its first runs, and counts how often it is run. */
async function judged(wrongRuns: number, hinder: () => Promise<void>): Promise<{ finding: Finding; runs: number }> {
  let runs = 0;
  const one: Case<{ connected: number }> = {
    name: "plain",
    level: "must",
    sends: "Nothing.",
    right: "Nothing.",
    mistake: "It was late",
    async run() {
      runs++;
      await hinder();
      if (runs <= wrongRuns) throw new Wrong("You gave up");
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
