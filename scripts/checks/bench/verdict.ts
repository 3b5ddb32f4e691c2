import type { Figure, Sample } from "./measure.ts";
import { COMPETITORS, OWN } from "./names.ts";
import type { Workload } from "./workloads.ts";

/** A target and whether it was reached. */
export interface Verdict {
  /** The competitor or the quantity that the value is compared with. */
  against: string;
  value: number;
  target: number;
  /** Whether the value must be at least the target, else at most. */
  atLeast: boolean;
  /** `undefined` if other programs disturbed the measurement. */
  reached: boolean | undefined;
}

/** The results of a workload. */
export interface Outcome {
  workload: Workload;
  figures: Figure[];
  verdicts: Verdict[];
}

/** The share of the cores from which on other programs distort a round. */
const DISTURBED = 0.1;

/** The best round. */
export function bestOf(figure: Figure | undefined): Sample | undefined {
  return figure?.rounds.find(({ value }) => value === figure.best);
}

/** Whether other programs disturbed the best round. */
export function isDisturbed(figure: Figure): boolean {
  return wasDisturbed(bestOf(figure));
}

function wasDisturbed(round: Sample | undefined): boolean {
  return (round?.othersCpu ?? 0) > DISTURBED;
}

/** The ratio of this project's result to another's, from the best rounds, which are the least disturbed ones. */
export function ratio(figures: Figure[], other: Figure): number | undefined {
  const own = figures.find(({ competitor }) => competitor === OWN);
  if (own === undefined || own.rounds.length === 0 || other.rounds.length === 0 || own === other) return undefined;
  return own.best / other.best;
}

/** Compares results with the targets; those without a result are left out. */
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
    // Other programs make round trips longer, never shorter.
    const disturbed = (value = 0, most = 0) => value > most && own.rounds.some(wasDisturbed);
    add(workload.unit, own.best, workload.most, false, disturbed(own.best, workload.most));
    add("worst ms", own.worst, workload.worst, false, disturbed(own.worst, workload.worst));
    const shares = own.rounds.flatMap(({ perConnection }) => perConnection === undefined ? [] : [perConnection])
      .map(({ min, median }) => median === 0 ? 0 : min / median);
    if (shares.length > 0) add("slowest connection to median", Math.min(...shares), workload.fairness, true, false);
  }
  return { workload, figures, verdicts };
}
