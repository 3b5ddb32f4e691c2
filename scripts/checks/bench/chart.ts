import { formatCount } from "../../tools/load/report.ts";
import type { Figure } from "./measure.ts";
import { OWN } from "./names.ts";
import type { Outcome } from "./verdict.ts";

/** The layout, in pixels: two columns, each with names, bars and values from left to right. */
const COLUMN = 470;
const BETWEEN = 30;
const LEFT = 112;
const RIGHT = 76;
const BAR = 11;
const STEP = 15;
const TITLE = 20;
const GAP = 14;

/** Colours for light and dark pages. */
const STYLE = `text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.bar { fill: #9aa5b1 }
.own { fill: #0a7d55 }
@media (prefers-color-scheme: dark) { text { fill: #d0d7de } .bar { fill: #57606a } .own { fill: #2ea978 } }`;

/** Draws a bar for each competitor. The longest bar of a workload takes the width of its column. */
export function chart(outcomes: Outcome[], caption: string): string {
  const parts: string[] = [];
  const heights = [0, 0];
  for (const outcome of outcomes) {
    const column = heights[0]! <= heights[1]! ? 0 : 1;
    const { drawn, height } = group(outcome);
    parts.push(`<g transform="translate(${column * (COLUMN + BETWEEN)} ${heights[column]})">`, ...drawn, "</g>");
    heights[column]! += height + GAP;
  }
  const bottom = Math.max(...heights) + STEP;
  const size = [2 * COLUMN + BETWEEN, bottom + STEP / 2];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.join(" ")}" width="${size[0]}" height="${
    size[1]
  }">
<style>
${STYLE}
</style>
${parts.join("\n")}
${text(0, bottom, caption)}
</svg>
`;
}

/** One workload: its title, and a bar for each competitor that was measured. */
function group({ workload, figures }: Outcome): { drawn: string[]; height: number } {
  const measured = figures.filter(({ rounds }) => rounds.length > 0);
  const longest = Math.max(...measured.map(({ best }) => best));
  const better = workload.measure === "rate" ? `${workload.unit} a second` : `${workload.unit}, less is better`;
  const drawn = [text(0, BAR, `${workload.title}: ${better}`, ` class="title"`)];
  for (const [at, figure] of measured.entries()) {
    const y = TITLE + at * STEP;
    const width = Math.max(1, figure.best / longest * (COLUMN - LEFT - RIGHT));
    const kind = figure.competitor === OWN ? "bar own" : "bar";
    drawn.push(
      text(LEFT - 8, y + BAR - 1, figure.title, ` text-anchor="end"`),
      `<rect class="${kind}" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR}"/>`,
      text(LEFT + width + 6, y + BAR - 1, label(figure)),
    );
  }
  return { drawn, height: TITLE + measured.length * STEP };
}

function text(x: number, y: number, content: string, rest = ""): string {
  return `<text x="${Math.round(x)}" y="${y}"${rest}>${escape(content)}</text>`;
}

function label({ best }: Figure): string {
  return best < 100 ? best.toFixed(1) : formatCount(best);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
