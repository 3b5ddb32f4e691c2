import { OWN } from "./competitors.ts";
import type { Figure, Sample } from "./measure.ts";
import { COMPETITORS } from "./competitors.ts";
import type { Workload } from "./workloads.ts";

/** A target and what became of it. */
export interface Verdict {
  /** What is compared: `C, epoll`, `itself`, `its slowest connection`. */
  against: string;
  value: number;
  target: number;
  /** Whether more is better. */
  atLeast: boolean;
  /** `undefined` where other programs had too much of the cores for the figures to say anything. */
  reached: boolean | undefined;
}

/** A workload and what was measured. */
export interface Outcome {
  workload: Workload;
  figures: Figure[];
  verdicts: Verdict[];
}

/** From this share of the cores on, other programs decide what comes of a round. */
const DISTURBED = 0.1;

/** The best round. */
export function bestOf(figure: Figure | undefined): Sample | undefined {
  return figure?.rounds.find(({ value }) => value === figure.best);
}

/** Whether something else had the cores in the best round. */
export function isDisturbed(figure: Figure): boolean {
  return hadOthers(bestOf(figure));
}

function hadOthers(round: Sample | undefined): boolean {
  return (round?.othersCpu ?? 0) > DISTURBED;
}

/** The ratio of this project's figure to another's, from the best rounds: whatever else runs only makes one slower. */
export function ratio(figures: Figure[], other: Figure): number | undefined {
  const own = figures.find(({ competitor }) => competitor === OWN);
  if (own === undefined || own.rounds.length === 0 || other.rounds.length === 0 || own === other) return undefined;
  return own.best / other.best;
}

/** Compares what was measured with what is to be reached; who was not measured is left out. */
export function judge(workload: Workload, figures: Figure[]): Outcome {
  const verdicts: Verdict[] = [];
  const own = figures.find(({ competitor }) => competitor === OWN);
  const add = (
    against: string,
    value: number | undefined,
    target: number | undefined,
    atLeast: boolean,
    disturbed: boolean,
  ) => {
    if (value === undefined || target === undefined) return;
    const reached = disturbed ? undefined : atLeast ? value >= target : value <= target;
    verdicts.push({ against, value, target, atLeast, reached });
  };
  for (const name of COMPETITORS) {
    const other = figures.find(({ competitor }) => competitor === name);
    if (other !== undefined) {
      const disturbed = isDisturbed(other) || own !== undefined && isDisturbed(own);
      add(other.title, ratio(figures, other), workload.targets[name], workload.measure === "rate", disturbed);
    }
  }
  if (own !== undefined && own.rounds.length > 0) {
    // Other programs can make a round trip longer, never shorter.
    const disturbed = (value = 0, most = 0) => value > most && own.rounds.some(hadOthers);
    add(workload.unit, own.best, workload.most, false, disturbed(own.best, workload.most));
    add("worst ms", own.worst, workload.worst, false, disturbed(own.worst, workload.worst));
    const shares = own.rounds.flatMap(({ perConnection }) => perConnection === undefined ? [] : [perConnection])
      .map(({ min, median }) => median === 0 ? 0 : min / median);
    if (shares.length > 0) add("slowest connection to median", Math.min(...shares), workload.fairness, true, false);
  }
  return { workload, figures, verdicts };
}
