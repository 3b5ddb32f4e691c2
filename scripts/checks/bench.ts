/**
 * Measures the services beside the same services in other languages, as far as the machine has these, in the same run.
 * See `deno task bench --help`.
 *
 * @module
 */

import { CommandError, flag, integer, list, seconds, type Values, writeStdout } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { chart } from "./bench/chart.ts";
import { findCompetitors, own } from "./bench/competitors.ts";
import { Generator } from "./bench/generator.ts";
import { findPinning, machine, temporaryFolder } from "./bench/machine.ts";
import { measure } from "./bench/measure.ts";
import { COMPETITORS } from "./bench/names.ts";
import { report } from "./bench/report.ts";
import { judge, type Outcome } from "./bench/verdict.ts";
import { WORKLOAD_NAMES, WORKLOADS } from "./bench/workloads.ts";
import { NATS_ADVICE } from "../shared/nats.ts";
import { StatusLine } from "../shared/status_line.ts";

/** The chart, the only file that the sandbox allows to write. */
const CHART = new URL("../../docs/bench.svg", import.meta.url);
/** Number of rounds and their length in milliseconds with `--quick`. */
const QUICK = { rounds: 1, seconds: 300 };

const options = {
  only: list(
    "NAME,...",
    "Measure these workloads only, by name or by prefix, such as echo, chat or fair",
    WORKLOAD_NAMES,
    WORKLOAD_NAMES,
  ),
  against: list("NAME,...", "Compare with these only", COMPETITORS, COMPETITORS),
  rounds: integer("N", "Number of rounds after a warm-up round", 5, { least: 1, most: 1000 }),
  seconds: seconds("Length of a round", 1000),
  quick: flag("Run one short round, to check that everything works"),
  json: flag("Print all results as JSON"),
  svg: flag("Draw a chart of the results in docs/bench.svg"),
};

async function main(values: Values<typeof options>, stop: AbortSignal): Promise<void> {
  const wanted = WORKLOADS.filter(({ name }) =>
    values.only.some((prefix) => prefix === name || name.startsWith(`${prefix}-`))
  );
  const { rounds, seconds } = values.quick ? QUICK : values;
  const progress = new StatusLine();
  await using folder = await temporaryFolder();
  const pinning = await findPinning();
  const generator = await Generator.make(folder.path, pinning, stop);
  const { present, missing } = await findCompetitors(values.against, folder.path, pinning);
  const competitors = [own(pinning), ...present];
  const chosen = wanted.filter((workload) => competitors[0]!.serves(workload));
  if (chosen.length < wanted.length) missing.push({ name: "chat over NATS", reason: `no nats-server: ${NATS_ADVICE}` });

  const outcomes: Outcome[] = [];
  for (const [at, workload] of chosen.entries()) {
    const onProgress = (text: string) => progress.show(`${at + 1}/${chosen.length} ${text}`);
    const options = { generator, rounds, seconds: seconds / 1000, stop, onProgress };
    outcomes.push(judge(workload, await measure(workload, competitors, options)));
    if (stop.aborted) break;
  }
  await progress.clear();
  if (stop.aborted) throw new CommandError("Interrupted");

  const conditions = {
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
    await writeStdout(encodeText(`${JSON.stringify({ ...conditions, outcomes })}\n`));
  } else {
    const { machine, generator, pinned, rounds, seconds } = conditions;
    const cores = pinned
      ? "server and generator pinned to different cores"
      : "server and generator NOT pinned to cores (no taskset)";
    const head = [
      machine,
      `${rounds} rounds of ${seconds} s, interleaved, after a warm-up round; ${cores}; generator ${generator}`,
      ...competitors.map(({ title, version }) => `${title}: ${version}`),
      ...missing.map(({ name, reason }) => `${name} is missing: ${reason}`),
    ];
    const colors = Deno.stdout.isTerminal() && !Deno.noColor;
    await writeStdout(encodeText(`${head.join("\n")}\n\n${report(outcomes, colors)}`));
  }
  if (values.svg) {
    await Deno.writeTextFile(CHART, chart(outcomes, `Best of ${rounds} rounds. ${conditions.machine}`));
  }
  const failed = outcomes.flatMap(({ figures }) => figures).filter(({ fault }) => fault !== undefined);
  if (failed.length > 0) throw new CommandError(`${failed.length} could not be measured: ${failed[0]!.fault}`);
}

if (import.meta.main) {
  await runTask(
    {
      ...task("bench"),
      summary: "Measures the services beside the same services in other languages: their rates, and the latency of a " +
        "polite client beside greedy ones.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
