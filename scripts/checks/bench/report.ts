import { bold, green, red } from "@std/fmt/colors";
import { formatCount, SATURATED } from "../../tools/load/report.ts";
import { table } from "../../shared/table.ts";
import type { Figure } from "./measure.ts";
import { OWN } from "./names.ts";
import { bestOf, isDisturbed, type Outcome, ratio, type Verdict } from "./verdict.ts";

const HEADS = [
  "",
  "best",
  "median",
  "spread",
  "server",
  "per op",
  "a connection",
  "generator",
  "Wirebench to it",
  "in CPU",
];

/** A table for each workload, with its targets below. */
export function report(outcomes: Outcome[], colors: boolean): string {
  const parts = outcomes.map(({ workload, figures, verdicts }) => {
    const { measure, unit } = workload;
    const named = HEADS.with(1, measure === "rate" ? `${unit}/s` : unit);
    const heads = measure === "latency" ? named.with(2, "worst ms").with(6, "greedy/s") : named;
    const rows = figures.map((figure) => rowOf(figure, figures));
    const title = colors ? bold(workload.title) : workload.title;
    const lines = [title, table(heads, rows, { right: [1, 2, 3, 4, 5, 6, 7, 8, 9], colors }).replace(/ +$/gm, "")];
    for (const { title, fault } of figures) if (fault !== undefined) lines.push(`FAILED ${title}: ${fault}`);
    for (const verdict of verdicts) lines.push(describe(verdict, colors));
    if (figures.some(isBound)) {
      lines.push("* the generator used its core fully: the server may be faster than this");
    }
    if (figures.some(isDisturbed)) {
      lines.push(
        "~ other programs used more than a tenth of the cores: compare only the processor time per operation",
      );
    }
    return lines.join("\n");
  });
  const verdicts = outcomes.flatMap(({ verdicts }) => verdicts);
  const reached = verdicts.filter(({ reached }) => reached).length;
  const undecided = verdicts.filter(({ reached }) => reached === undefined).length;
  const disturbed = undecided === 0 ? "" : `, ${undecided} undecided because of other programs`;
  const missed = outcomes.flatMap(({ workload, verdicts }) =>
    verdicts.filter(({ reached }) => reached === false).map((verdict) =>
      `  ${workload.title}: ${describe(verdict, colors)}`
    )
  );
  return [...parts, [`${reached} of ${verdicts.length} targets reached${disturbed}`, ...missed].join("\n")].join(
    "\n\n",
  ) + "\n";
}

function rowOf(figure: Figure, figures: Figure[]): string[] {
  const { title, rounds, best, median, spread, worst } = figure;
  if (rounds.length === 0) return [title, ...HEADS.slice(1).map(() => "-")];
  const top = bestOf(figure)!;
  const own = bestOf(figures.find(({ competitor }) => competitor === OWN));
  const percent = (share: number | undefined) => share === undefined ? "" : `${Math.round(share * 100)} %`;
  const cpu = top.cpuPerOperation ?? NaN;
  const { perConnection, greedy } = top;
  const lost = rounds.reduce((sum, { lost = 0 }) => sum + lost, 0);
  const to = ratio(figures, figure);
  return [
    title + (lost > 0 ? ` (${formatCount(lost)} lost)` : ""),
    number(best),
    number(worst ?? median),
    percent(spread),
    Number.isNaN(cpu) ? "" : percent(top.serverCpu) + (isDisturbed(figure) ? " ~" : ""),
    Number.isNaN(cpu) ? "" : `${cpu.toPrecision(3)} µs`,
    greedy !== undefined
      ? formatCount(greedy)
      : perConnection === undefined
      ? ""
      : `${formatCount(perConnection.min)} / ${formatCount(perConnection.median)} / ${formatCount(perConnection.max)}`,
    percent(top.generatorCpu) + (isBound(figure) ? " *" : ""),
    to === undefined ? "" : to.toFixed(2),
    own?.cpuPerOperation === undefined || own === top ? "" : (cpu / own.cpuPerOperation).toFixed(2),
  ];
}

/** Whether the generator limited the best round. */
function isBound(figure: Figure): boolean {
  return (bestOf(figure)?.generatorCpu ?? 0) >= SATURATED;
}

function number(value: number): string {
  return value < 100 ? value.toFixed(1) : formatCount(value);
}

function describe({ against, value, target, atLeast, reached }: Verdict, colors: boolean): string {
  const verdict = reached === undefined ? "undecided" : reached ? "reached" : "MISSED";
  const colored = colors && reached !== undefined ? (reached ? green : red)(verdict) : verdict;
  return `${colored} ${against}: ${value.toFixed(2)}, ${atLeast ? "at least" : "at most"} ${target}`;
}
