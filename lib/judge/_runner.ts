import { type Case, type Finding, NobodyThere, Unjudged, Wrong } from "./case.ts";
import { pause } from "./patience.ts";

/** After this time a case that waits does not hold up the next one, in milliseconds. */
const OVERLAP_AFTER = 300;

/** What a run of cases needs to know. */
export interface RunnerOptions<Stage> {
  readonly stage: Stage;
  /** Whether the program still is there; a program that is not cannot be judged further. */
  readonly alive: () => Promise<boolean>;
  /** Called when a case begins. */
  readonly onCase?: ((name: string, number: number, count: number) => void) | undefined;
  /** Called with each finding, as soon as it is there. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  /** Stops the run; cases that have not begun are not judged. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs cases in their order. A case that only waits overlaps with the next ones, unless one of them must be alone.
 *
 * @returns The findings in the order of the cases.
 */
export async function runCases<Stage>(
  cases: readonly Case<Stage>[],
  { stage, alive, onCase, onFinding, signal }: RunnerOptions<Stage>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const running = new Set<Promise<void>>();
  /** The last case that had begun when the program was found gone. */
  let goneIn: string | undefined;
  const add = (index: number, finding: Finding) => {
    findings[index] = finding;
    onFinding?.(finding);
  };
  const judgeOne = async (index: number) => {
    const one = cases[index]!;
    const began = performance.now();
    let { verdict, level, said } = await outcome(one, stage);
    if (goneIn === undefined && !await alive()) {
      goneIn = one.name;
      verdict = "wrong";
      level = "must";
      said = said === ""
        ? `${one.sends} Since then nobody listens. A program that serves one client and exits, or that an ` +
          "error ends, does this."
        : `${said} And you are gone since then: nobody listens any more.`;
    } else if (goneIn !== undefined) {
      verdict = "not judged";
      said = `You are gone since the case ${goneIn}.`;
    }
    add(index, { case: one.name, level, verdict, said, milliseconds: Math.round(performance.now() - began) });
  };
  for (const [index, one] of cases.entries()) {
    if (one.alone) await Promise.all(running);
    if (goneIn !== undefined || signal?.aborted) {
      const said = goneIn === undefined ? "Interrupted." : `You are gone since the case ${goneIn}.`;
      add(index, { case: one.name, level: one.level, verdict: "not judged", said, milliseconds: 0 });
      continue;
    }
    onCase?.(one.name, index + 1, cases.length);
    const judging = judgeOne(index).finally(() => running.delete(judging));
    running.add(judging);
    await (one.alone ? judging : Promise.race([judging, pause(OVERLAP_AFTER)]));
  }
  await Promise.all(running);
  return findings;
}

async function outcome<Stage>(one: Case<Stage>, stage: Stage): Promise<Pick<Finding, "verdict" | "level" | "said">> {
  const { level } = one;
  try {
    await one.run(stage);
    return { verdict: "right", level, said: "" };
  } catch (error) {
    if (error instanceof Wrong) {
      const { evidence, mistake = one.mistake } = error;
      return { verdict: "wrong", level: error.level ?? level, said: `${evidence}. ${mistake}.` };
    }
    if (error instanceof Unjudged && !(error instanceof NobodyThere)) {
      return { verdict: "not judged", level, said: `${error.message}.` };
    }
    if (error instanceof NobodyThere) return { verdict: "not judged", level, said: `${error.message}.` };
    throw error;
  }
}
