/**
 * Measures the framings and the pickle codec beside packages for the same formats, without sockets.
 * See `deno task bench:codecs --help`.
 *
 * @module
 */

import { CommandError, flag, integer, list, seconds, type Values, writeStdout } from "../../lib/cli/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { sleep } from "../../lib/net/timer.ts";
import { StatusLine } from "../shared/status_line.ts";
import { conductsInMarkdown, examine, showConducts } from "./codecs/conformance.ts";
import { formatsOf } from "./codecs/formats.ts";
import { measure, type MeasuredGroup } from "./codecs/measure.ts";
import * as peers from "./codecs/peers.ts";
import { markdown, report } from "./codecs/report.ts";
import { groupsOf } from "./codecs/rows.ts";

const GROUPS = groupsOf(peers);
/** The name of the probes, beside those of the groups. */
const CONFORMANCE = "conformance";
const NAMES = [...GROUPS.map(({ name }) => name), CONFORMANCE];
/** Bytes of all messages of a pass. */
const PASS = 1024 * 1024;
/** The same with `--quick`, with the number of rounds and the length of a measurement in milliseconds. */
const QUICK = { bytes: 16 * 1024, rounds: 1, seconds: 1 };

const options = {
  only: list("NAME,...", `Run only some of ${NAMES.join(", ")}`, NAMES, NAMES),
  rounds: integer("N", "Number of rounds after a warm-up round; the best one counts", 5, { least: 1, most: 1000 }),
  seconds: seconds("Least length of each measurement", 50),
  quick: flag("Measure each only once, to check that everything works"),
  json: flag("Print all results as JSON"),
  markdown: flag("Print the tables in Markdown"),
};

async function main(values: Values<typeof options>, stop: AbortSignal): Promise<void> {
  const chosen = GROUPS.filter(({ name }) => values.only.includes(name));
  const formats = values.only.includes(CONFORMANCE) ? formatsOf(peers) : [];
  const { bytes, rounds, seconds: milliseconds } = values.quick ? QUICK : { ...values, bytes: PASS };
  const status = Deno.stderr.isTerminal() ? new StatusLine() : undefined;
  const groups: MeasuredGroup[] = [];
  for (const [at, group] of chosen.entries()) {
    const onRow = (row: string) => status?.show(`${at + 1}/${chosen.length} ${group.title}: ${row}`);
    groups.push(await measure(group, { bytes, rounds, milliseconds, stop, onRow }));
    if (stop.aborted) break;
  }
  const conformance = await examine(formats, async (probe) => {
    await sleep(0, stop); // Let the event loop deliver signals.
    if (!stop.aborted) await status?.show(probe);
    return !stop.aborted;
  });
  await status?.clear();
  if (stop.aborted) throw new CommandError("Interrupted");

  if (values.json) {
    const date = new Date().toISOString().slice(0, 10);
    await print(JSON.stringify({ date, rounds, seconds: milliseconds / 1000, groups, conformance }), "");
  } else if (values.markdown) {
    await print(markdown(groups), conductsInMarkdown(conformance));
  } else {
    const colors = Deno.stdout.isTerminal() && !Deno.noColor;
    await print(report(groups, colors), showConducts(conformance, colors));
  }
  for (const { title, rows } of groups) {
    for (const { figures } of rows) {
      const wrong = figures.find(({ side, fault }) => side !== "peer" && fault !== undefined);
      if (wrong !== undefined) throw new CommandError(`${title}: ${wrong.name} is wrong: ${wrong.fault}`);
    }
  }
}

/** Prints what is not empty, with an empty line between. */
async function print(...parts: string[]): Promise<void> {
  await writeStdout(encodeText(`${parts.filter(Boolean).map((part) => part.trimEnd()).join("\n\n")}\n`));
}

if (import.meta.main) {
  await runTask(
    {
      ...task("bench:codecs"),
      summary: "Measures the framings and the pickle codec beside packages for the same formats and loops by hand.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
