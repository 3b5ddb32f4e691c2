import { bold, green, red } from "@std/fmt/colors";
import { formatCount } from "../../tools/load/report.ts";
import { table } from "../../shared/table.ts";
import type { Figure, MeasuredGroup, MeasuredRow } from "./measure.ts";

/** A ratio of times, and whether it reached its floor. */
export interface Ratio {
  value: number;
  floor: number | undefined;
  reached: boolean | undefined;
}

/** How much faster this library is than the best of the others on a side. */
function ratioTo(side: "peer" | "limit", { figures, floors }: MeasuredRow): Ratio | undefined {
  const [own] = figures;
  const others = figures.filter((figure) => figure.side === side).map(({ nanoseconds }) => nanoseconds ?? Infinity);
  const value = Math.min(...others) / (own?.nanoseconds ?? NaN);
  if (!Number.isFinite(value)) return undefined;
  const floor = floors[side];
  return { value, floor, reached: floor === undefined ? undefined : value >= floor };
}

/** Tables for people. */
export function report(groups: MeasuredGroup[], colors: boolean): string {
  if (groups.length === 0) return "";
  const parts = groups.map(({ title, rows }) => {
    const { heads, cells } = cellsOf(rows, String);
    const marked = cells.map((row, at) => [...row, markOf(rows[at]!, colors)]);
    const right = heads.map((_, at) => at).slice(1);
    const body = table([...heads, "floors"], marked, { right, colors }).replace(/ +$/gm, "");
    const faults = new Set(rows.flatMap(({ figures }) => figures).flatMap(faultOf));
    return [`${colors ? bold(title) : title}, ns per message`, body, ...faults].join("\n");
  });
  const ratios = groups.flatMap(({ rows }) => rows).flatMap(ratiosOf).filter(({ reached }) => reached !== undefined);
  const reached = ratios.filter(({ reached }) => reached).length;
  return `${[...parts, `${reached} of ${ratios.length} floors reached`].join("\n\n")}\n`;
}

/** The same tables in Markdown, with the ratios that reached their floors in bold. */
export function markdown(groups: MeasuredGroup[]): string {
  return groups.map(({ title, rows }) => {
    const { heads, cells } = cellsOf(rows, (text) => `**${text}**`);
    return `**${title}**, ns per message\n\n${markdownTable(heads, cells)}`;
  }).join("\n");
}

/** A table in Markdown. The rule aligns all columns but the first. */
export function markdownTable(heads: string[], rows: string[][], rule = "---:"): string {
  const line = (cells: string[]) => `| ${cells.join(" | ")} |\n`;
  return [heads, heads.map((_, at) => at === 0 ? "---" : rule), ...rows].map(line).join("");
}

function cellsOf(rows: MeasuredRow[], mark: (text: string) => string): { heads: string[]; cells: string[][] } {
  const names = [...new Set(rows.flatMap(({ figures }) => figures.map(({ name }) => name)))];
  const sides = (["peer", "limit"] as const).filter((side) => rows.some((row) => ratioTo(side, row) !== undefined));
  return {
    heads: ["", ...names, ...sides.map((side) => side === "peer" ? "to the best peer" : "to by hand")],
    cells: rows.map((row) => [
      row.title,
      ...names.map((name) => figureOf(row.figures.find((figure) => figure.name === name))),
      ...sides.map((side) => showRatio(ratioTo(side, row), mark)),
    ]),
  };
}

function figureOf(figure: Figure | undefined): string {
  if (figure === undefined) return "";
  const { nanoseconds } = figure;
  if (nanoseconds === undefined) return "wrong";
  return nanoseconds < 100 ? nanoseconds.toFixed(1) : formatCount(nanoseconds);
}

function faultOf({ name, fault }: Figure): string[] {
  return fault === undefined ? [] : [`${name} is wrong: ${fault}`];
}

function showRatio(ratio: Ratio | undefined, mark: (text: string) => string): string {
  if (ratio === undefined) return "";
  const value = ratio.value.toFixed(2);
  return `${ratio.reached ? mark(value) : value}${ratio.floor === undefined ? "" : ` (≥ ${ratio.floor})`}`;
}

function ratiosOf(row: MeasuredRow): Ratio[] {
  return (["peer", "limit"] as const).map((side) => ratioTo(side, row)).filter((ratio) => ratio !== undefined);
}

function markOf(row: MeasuredRow, colors: boolean): string {
  const verdicts = ratiosOf(row).map(({ reached }) => reached).filter((reached) => reached !== undefined);
  if (verdicts.length === 0) return "";
  const reached = verdicts.every(Boolean);
  const verdict = reached ? "reached" : "MISSED";
  return colors ? (reached ? green : red)(verdict) : verdict;
}
