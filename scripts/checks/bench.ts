/**
 * The bench: the services, as they are, beside the same services in whatever other languages the machine has, in the
 * same run. `deno task bench --help` tells the rest.
 *
 * @module
 */

import { CommandError, flag, integer, list, seconds, type Values, writeStdout } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { chart } from "./bench/chart.ts";
import { COMPETITORS, findCompetitors, own } from "./bench/competitors.ts";
import { Generator } from "./bench/generator.ts";
import { measure } from "./bench/measure.ts";
import { report } from "./bench/report.ts";
import { findPinning, machine, temporaryFolder } from "./bench/system.ts";
import { judge, type Outcome } from "./bench/verdict.ts";
import { WORKLOAD_NAMES, WORKLOADS } from "./bench/workloads.ts";
import { StatusLine } from "../shared/status_line.ts";

/** Where the chart goes: the only file that the sandbox allows to be written. */
const CHART = new URL("../../docs/bench.svg", import.meta.url);
/** What `--quick` makes of the rounds and their length, in milliseconds. */
const QUICK = { rounds: 1, seconds: 300 };

const options = {
  only: list(
    "NAME,...",
    "Only these workloads, or all of those that begin so, as echo, chat or fair",
    WORKLOAD_NAMES,
    WORKLOAD_NAMES,
  ),
  against: list("NAME,...", "Only these competitors", COMPETITORS, COMPETITORS),
  rounds: integer("N", "How often each is measured, after a round that warms up", 5, { least: 1, most: 1000 }),
  seconds: seconds("How long a round lasts", 1000),
  quick: flag("One short round, to see that everything works"),
  json: flag("Print everything that was measured as JSON"),
  svg: flag("Draw a chart into docs/bench.svg"),
};

async function main(values: Values<typeof options>, stop: AbortSignal): Promise<void> {
  const chosen = WORKLOADS.filter(({ name }) =>
    values.only.some((word) => word === name || name.startsWith(`${word}-`))
  );
  const { rounds, seconds } = values.quick ? QUICK : values;
  const progress = new StatusLine();
  await using folder = await temporaryFolder();
  const pinning = await findPinning();
  const generator = await Generator.make(folder.path, pinning, stop);
  const { present, missing } = await findCompetitors(values.against, folder.path, pinning);
  const competitors = [own(pinning), ...present];

  const outcomes: Outcome[] = [];
  for (const [at, workload] of chosen.entries()) {
    const onProgress = (words: string) => progress.say(`${at + 1}/${chosen.length} ${words}`);
    const setting = { generator, rounds, seconds: seconds / 1000, stop, onProgress };
    outcomes.push(judge(workload, await measure(workload, competitors, setting)));
    if (stop.aborted) break;
  }
  await progress.clear();
  if (stop.aborted) throw new CommandError("Interrupted");

  const circumstances = {
    date: new Date().toISOString().slice(0, 10),
    machine: await machine(),
    generator: generator.title,
    pinned: pinning !== undefined,
    rounds,
    seconds: seconds / 1000,
    competitors: competitors.map(({ name, title, version }) => ({ name, title, version })),
    missing,
  };
  if (values.json) {
    await writeStdout(encodeText(`${JSON.stringify({ ...circumstances, outcomes })}\n`));
  } else {
    const { machine, generator, pinned, rounds, seconds } = circumstances;
    const cores = pinned
      ? "server and generator each on a core of its own"
      : "NOT kept on cores of their own (no taskset)";
    const head = [
      machine,
      `${rounds} rounds of ${seconds} s, interleaved, after one to warm up; ${cores}; generator ${generator}`,
      ...competitors.map(({ title, version }) => `${title}: ${version}`),
      ...missing.map(({ name, reason }) => `${name} is missing: ${reason}`),
    ];
    const colors = Deno.stdout.isTerminal() && !Deno.noColor;
    await writeStdout(encodeText(`${head.join("\n")}\n\n${report(outcomes, colors)}`));
  }
  if (values.svg) {
    await Deno.writeTextFile(CHART, chart(outcomes, `Best of ${rounds} rounds. ${circumstances.machine}`));
  }
  const failed = outcomes.flatMap(({ figures }) => figures).filter(({ fault }) => fault !== undefined);
  if (failed.length > 0) throw new CommandError(`${failed.length} could not be measured: ${failed[0]!.fault}`);
}

if (import.meta.main) {
  await runTask(
    {
      name: "bench",
      summary: "Measures the services beside the same services in other languages: how much they do, and how long a " +
        "polite client waits beside greedy ones.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
