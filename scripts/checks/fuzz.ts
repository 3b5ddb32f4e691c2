/**
 * Tests every framing and the pickle codec with random cases for minutes. The same seed gives the same cases.
 *
 * @module
 */

import { CommandError, integer, text, UsageError, type Values } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { sleep } from "../../lib/net/timer.ts";
import { runTarget, type Target, TARGETS } from "./fuzz/targets.ts";
import { Progress } from "../shared/progress.ts";
import { drawnSeed, minutes, RANDOM, seed, SEEDS } from "../shared/seeded.ts";
import { table } from "../shared/table.ts";

/** Number of cases of a target in a round. Targets take turns, so that failures of any target are found early. */
const RUNS = 100;
const options = {
  minutes,
  rounds: integer("N", `Number of rounds of ${RUNS} cases of each target, instead of --minutes`, 0, {
    least: 1,
    shown: "as many as the minutes allow",
  }),
  seed: seed("Repeat the run with this seed"),
  target: text("NAME", "Run this target only; the summary lists the names", ""),
  path: text("PATH", "With --seed and --target: repeat only the failed case at this path", ""),
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
      found.push(...await runOnce(target, (seed + round) % SEEDS, path, counts));
      if (found.length > 0) break;
      await progress.report(soFar);
      // Let the event loop deliver signals: nothing else in this loop waits.
      await sleep(0, stop);
      if (stop.aborted || performance.now() >= until) break;
    }
  }
  await progress.end();
  for (const failure of found) console.log(failure);
  const rows = [...counts].map(([name, cases]) => [cases.toLocaleString("en"), name]);
  console.log(table(["cases", "target"], rows, { right: [0], colors: Deno.stdout.isTerminal() && !Deno.noColor }));
  if (found.length > 0) throw new CommandError("A case failed");
  console.log(`Nothing found with seed ${seed}${stop.aborted ? ", before it was stopped" : ""}`);
}

/** Runs a round of one target and counts its cases; returns a description of the failed case, if any. */
async function runOnce(target: Target, seed: number, path: string, counts: Map<string, number>): Promise<string[]> {
  const { name } = target;
  const { cases, found } = await runTarget(target, { seed, runs: RUNS, ...(path === "" ? {} : { path }) });
  counts.set(name, counts.get(name)! + cases);
  if (found === undefined) return [];
  const command = `deno task fuzz --target ${name} --seed ${seed} --path ${found.path}`;
  return [`Found in ${name}: ${found.message}\n\n${found.test}\n\nRepeat with: ${command}\n`];
}

if (import.meta.main) {
  await runTask(
    {
      ...task("fuzz"),
      summary: "Tests every framing and the pickle codec with random messages, streams and chunks.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
