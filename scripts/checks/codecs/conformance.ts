import { table } from "../../shared/table.ts";
import type { Side } from "./contestant.ts";
import type { Format } from "./formats.ts";
import { type Finding, judge, PROBES } from "./probes.ts";
import { markdownTable } from "./report.ts";

/** What all probes found about a decoder. */
export interface Conduct {
  format: string;
  name: string;
  side: Side;
  /** By the probe's name. */
  findings: Record<string, Finding | undefined>;
}

/** Runs all probes on all decoders of some formats. `onProbe` is called before each, and ends the run by `false`. */
export async function examine(
  formats: Format[],
  onProbe: (what: string) => Promise<boolean>,
): Promise<Conduct[]> {
  const conducts: Conduct[] = [];
  for (const format of formats) {
    for (const contestant of format.contestants) {
      const { name, side } = contestant;
      const findings: Conduct["findings"] = {};
      conducts.push({ format: format.title, name, side, findings });
      for (const probe of PROBES) {
        if (!await onProbe(`${format.title}, ${name}: ${probe.name}`)) return conducts;
        findings[probe.name] = await judge(probe, contestant, format);
      }
    }
  }
  return conducts;
}

/** A table for people. */
export function showConducts(conducts: Conduct[], colors: boolean): string {
  if (conducts.length === 0) return "";
  const { heads, rows } = cellsOf(conducts);
  return `${table(heads, rows, { colors }).replace(/ +$/gm, "")}\n✗: a program cannot rely on it\n`;
}

/** The same table in Markdown. */
export function conductsInMarkdown(conducts: Conduct[]): string {
  if (conducts.length === 0) return "";
  const { heads, rows } = cellsOf(conducts);
  return markdownTable(heads, rows, "---");
}

function cellsOf(conducts: Conduct[]): { heads: string[]; rows: string[][] } {
  return {
    heads: ["", "", ...PROBES.map(({ name }) => name)],
    rows: conducts.map(({ format, name, findings }, at) => [
      format === conducts[at - 1]?.format ? "" : format,
      name,
      ...PROBES.map(({ name }) => show(findings[name])),
    ]),
  };
}

function show(finding: Finding | undefined): string {
  return finding === undefined ? "" : `${finding.good === false ? "✗ " : ""}${finding.text}`;
}
