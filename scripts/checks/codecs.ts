/**
 * Measures the framings and the pickle codec beside packages for the same formats, without sockets.
 * See `deno task bench:codecs --help`.
 *
 * @module
 */

import { CommandError, flag, integer, list, seconds, type Values, writeStdout } from "../../lib/cli/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { StatusLine } from "../shared/status_line.ts";
import { measure } from "./codecs/measure.ts";
import * as peers from "./codecs/peers.ts";
import { markdown, type MeasuredGroup, report } from "./codecs/report.ts";
import { groupsOf } from "./codecs/rows.ts";

const GROUPS = groupsOf(peers);
const NAMES = GROUPS.map(({ name }) => name);
/** Bytes of all messages of a pass. */
const PASS = 1024 * 1024;
/** What `--quick` changes: the same, the number of rounds and the length of a measurement in milliseconds. */
const QUICK = { bytes: 16 * 1024, rounds: 1, seconds: 1 };

const options = {
  only: list("NAME,...", `Measure some of these only: ${NAMES.join(", ")}`, NAMES, NAMES),
  rounds: integer("N", "Number of rounds after a warm-up round; the best one counts", 5, { least: 1, most: 1000 }),
  seconds: seconds("Least length of each measurement", 50),
  quick: flag("Measure each only once, to check that everything works"),
  json: flag("Print all results as JSON"),
  markdown: flag("Print the tables in Markdown"),
};

async function main(values: Values<typeof options>, stop: AbortSignal): Promise<void> {
  const chosen = GROUPS.filter(({ name }) => values.only.includes(name));
  const { bytes, rounds, seconds: milliseconds } = values.quick ? QUICK : { ...values, bytes: PASS };
  const status = Deno.stderr.isTerminal() ? new StatusLine() : undefined;
  const measured: MeasuredGroup[] = [];
  for (const [at, { name, title, rows }] of chosen.entries()) {
    const group: MeasuredGroup = { name, title, rows: [] };
    measured.push(group);
    for (const row of rows(bytes)) {
      await status?.show(`${at + 1}/${chosen.length} ${title}: ${row.title}`);
      const figures = await measure(row, { rounds, milliseconds, stop });
      if (stop.aborted) break;
      group.rows.push({ title: row.title, figures, floors: row.floors });
    }
    disqualify(group);
    if (stop.aborted) break;
  }
  await status?.clear();
  if (stop.aborted) throw new CommandError("Interrupted");

  const conditions = { date: new Date().toISOString().slice(0, 10), rounds, seconds: milliseconds / 1000 };
  const colors = Deno.stdout.isTerminal() && !Deno.noColor;
  await writeStdout(encodeText(
    values.json
      ? `${JSON.stringify({ ...conditions, groups: measured })}\n`
      : values.markdown
      ? markdown(measured)
      : report(measured, colors),
  ));
  const wrong = measured.flatMap(({ title, rows }) =>
    rows.flatMap((row) => row.figures.map((figure) => ({ ...figure, work: `${title}, ${row.title}` })))
  ).find(({ side, fault }) => side !== "peer" && fault !== undefined);
  if (wrong !== undefined) throw new CommandError(`${wrong.name} is wrong in ${wrong.work}: ${wrong.fault}`);
}

/** Makes a contestant that is wrong in one row wrong in all: in the others, no chunk happens to end inside a message. */
function disqualify({ rows }: MeasuredGroup): void {
  const figures = rows.flatMap(({ figures }) => figures);
  for (const figure of figures) {
    const fault = figures.find(({ name, fault }) => name === figure.name && fault !== undefined)?.fault;
    if (fault !== undefined) Object.assign(figure, { fault, nanoseconds: undefined });
  }
}

if (import.meta.main) {
  await runTask(
    {
      name: "bench:codecs",
      summary: "Measures the framings and the pickle codec beside packages for the same formats and loops by hand.",
      options,
    },
    "warning",
    ({ values, requests: { stop } }) => main(values, stop),
  );
}
