/**
 * A long run of random cases over every framing and the pickle codec, which any seed repeats exactly.
 *
 * @module
 */

import { CommandError, integer, text, UsageError, type Values } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { sleep } from "../../lib/net/mod.ts";
import { type Target, TARGETS, tryTarget } from "./fuzz/targets.ts";
import { Progress } from "../shared/progress.ts";
import { drawnSeed, minutes, RANDOM, seed, SEEDS } from "../shared/seeded.ts";
import { table } from "../shared/table.ts";

/** How many cases a target has before it is the next one's turn: the first finds come soon, whichever target has them. */
const RUNS = 100;
const options = {
  minutes,
  rounds: integer("N", `Instead of minutes: how many rounds of ${RUNS} cases of each target`, 0, {
    least: 1,
    shown: "as many as the minutes allow",
  }),
  seed: seed("Repeat the run of this seed"),
  target: text("NAME", "This one alone, by its name in the summary", ""),
  path: text("PATH", "With --seed and --target: repeat the one case that was found there", ""),
};

async function main(values: Values<typeof options>, stop: AbortSignal): Promise<void> {
  const targets = TARGETS.filter(({ name }) => values.target === "" || values.target === name);
  if (targets.length === 0) {
    throw new UsageError(`No target "${values.target}": expected ${TARGETS.map(({ name }) => name).join(", ")}`);
  }
  const { path } = values;
  if (path !== "" && (values.seed === RANDOM || values.target === "")) {
    throw new UsageError("--path needs --seed and --target");
  }
  if (!/^[\d:]*$/.test(path)) throw new UsageError(`--path: expected numbers and colons, got "${path}"`);
  const seed = drawnSeed(values.seed);

  console.log(`Seed ${seed}`);
  const counts = new Map(targets.map(({ name }) => [name, 0]));
  const progress = new Progress();
  const soFar = () => {
    const cases = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return `${cases.toLocaleString("en")} cases, nothing found`;
  };
  const until = values.rounds > 0 || path !== "" ? Infinity : performance.now() + values.minutes * 60_000;
  const rounds = path !== "" ? 1 : values.rounds > 0 ? values.rounds : Infinity;
  const found: string[] = [];
  for (let round = 0; round < rounds && found.length === 0 && performance.now() < until && !stop.aborted; round++) {
    for (const target of targets) {
      found.push(...await tryOnce(target, (seed + round) % SEEDS, path, counts));
      if (found.length > 0) break;
      await progress.report(soFar);
      // Signals come between tasks, and nothing above waits for anything.
      await sleep(0, stop);
      if (stop.aborted || performance.now() >= until) break;
    }
  }
  await progress.end();
  for (const words of found) console.log(words);
  const rows = [...counts].map(([name, cases]) => [cases.toLocaleString("en"), name]);
  console.log(table(["cases", "target"], rows, { right: [0], colors: Deno.stdout.isTerminal() && !Deno.noColor }));
  if (found.length > 0) throw new CommandError("A case was found");
  console.log(`Nothing found with seed ${seed}${stop.aborted ? ", before it was stopped" : ""}`);
}

/** Tries one target, counts the cases, and says what was found. */
async function tryOnce(target: Target, seed: number, path: string, counts: Map<string, number>): Promise<string[]> {
  const { name } = target;
  const { cases, found } = await tryTarget(target, { seed, runs: RUNS, ...(path === "" ? {} : { path }) });
  counts.set(name, counts.get(name)! + cases);
  if (found === undefined) return [];
  const again = `deno task fuzz --target ${name} --seed ${seed} --path ${found.path}`;
  return [`Found in ${name}: ${found.words}\n\n${found.test}\n\nAgain: ${again}\n`];
}

if (import.meta.main) {
  await runTask(
    {
      name: "fuzz",
      summary: "Tries every framing and the pickle codec on random messages, streams and cuts.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
