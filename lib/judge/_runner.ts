import { type Case, type Finding, NobodyThere, Unjudged, Wrong } from "./case.ts";
import { Patience, Stalls } from "./patience.ts";

/** After this time a case that waits does not hold up the next one, in milliseconds. */
const OVERLAP_AFTER = 1000;
/**
 * How long the judge may stand still in a case that is wrong, in milliseconds. A program that gave up by then may have been
 * right to, so the case is run again.
 */
const MOST_STALLED = 500;
/** How often a case is run at most in which the judge stood still. */
const MOST_STALLED_RUNS = 3;
/** The first case; all others need it. */
const FIRST = "plain";
/** A program that is wrong in this case serves one client after another, so no case may overlap with the next. */
const SERVES_ONE = "silent-beside";
/** The last case, which finds a program gone that passed the others. */
const LAST = "again";

/** What a run of cases needs to know. */
export interface RunnerOptions<Stage> {
  /** Makes the stage of a case. */
  readonly stage: (one: Case<Stage>) => Stage;
  /** Whether the program still serves a correct client. */
  readonly isAlive: () => Promise<boolean>;
  /** Called when a case begins. */
  readonly onCase?: ((name: string, number: number, count: number) => void) | undefined;
  /** Called when all cases but those in the background are done. */
  readonly onOthersDone?: (() => void) | undefined;
  /** Called with each finding, as soon as it is there. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  /** Stops the run; cases that have not begun are not judged. */
  readonly signal?: AbortSignal | undefined;
}

type Outcome = Pick<Finding, "verdict" | "level" | "said">;

/**
 * Runs cases in their order. A case that only waits overlaps with the next ones, unless one of them must be alone. After a
 * case that is not right, the program may be gone; the case is the cause.
 *
 * @returns The findings in the order of the cases.
 */
export async function runCases<Stage extends { readonly connected: number }>(
  cases: readonly Case<Stage>[],
  { stage: stageOf, isAlive, onCase, onOthersDone, onFinding, signal }: RunnerOptions<Stage>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const running = new Set<Promise<void>>();
  const begun = new Map<string, Promise<void>>();
  const wrong = new Set<string>();
  const overlap = new Patience(OVERLAP_AFTER);
  let last: string | undefined;
  let gone: string | undefined;

  const background = new Set<Promise<void>>();
  const judgeOne = async (one: Case<Stage>): Promise<Outcome> => {
    let stage = stageOf(one);
    let result: Outcome;
    for (let runs = 1;; runs++) {
      using stalls = new Stalls();
      let stalled;
      [result, stalled = stalls.milliseconds] = await outcome(one, stage);
      if (signal?.aborted) return unjudged(one, "Interrupted");
      if (result.verdict !== "wrong") break;
      // A program may have given up meanwhile.
      const isStalled = stalled >= MOST_STALLED;
      const isLast = runs >= (isStalled ? MOST_STALLED_RUNS : one.tries ?? 1);
      if (isLast && isStalled) {
        return unjudged(
          one,
          `This machine was too busy to tell whether this is wrong: ${result.said.replace(/\.$/, "")}`,
        );
      }
      if (isLast || !await isAlive()) break;
      stage = stageOf(one);
    }
    if (result.verdict === "right") {
      last = one.name;
      return result;
    }
    // Those that it needs may still be waiting for the program.
    await Promise.all((one.needs ?? []).map((name) => begun.get(name)));
    if (gone !== undefined) return withoutProgram(one);
    // A program that does not speak the protocol would fail again.
    if (one.name === FIRST && stage.connected > 0) return result;
    if (await isAlive()) return withoutNeeds(one) ?? result;
    if (last === undefined && stage.connected === 0) {
      throw new NobodyThere(result.said.replace(`. ${one.mistake}.`, "").replace(/\.$/, ""));
    }
    const isCause = stage.connected > 0 || last === undefined;
    gone = isCause ? one.name : last;
    if (!isCause) return withoutProgram(one);
    const evidence = result.verdict === "wrong" ? result.said : `${one.sends} ${one.mistake}.`;
    return { verdict: "wrong", level: "must", said: `You have served nobody since this case: ${evidence}` };
  };
  /** The program that passed all cases before it went is wrong in the last case. */
  const withoutProgram = (one: Case<Stage>): Outcome => {
    if (one.name !== LAST || wrong.has(gone!)) return unjudged(one, `You have served nobody since the case ${gone}`);
    return {
      verdict: "wrong",
      level: one.level,
      said: `You have served nobody since the case ${gone}. ${one.mistake}.`,
    };
  };
  const withoutRunning = (one: Case<Stage>): Outcome | undefined => {
    if (signal?.aborted) return unjudged(one, "Interrupted");
    if (gone !== undefined) return withoutProgram(one);
    return withoutNeeds(one);
  };
  /** A case that overlapped with one that it needs may have been wrong for the other's reason. */
  const withoutNeeds = (one: Case<Stage>): Outcome | undefined => {
    const failed = [FIRST, ...one.needs ?? []].find((name) => name !== one.name && wrong.has(name));
    return failed === undefined ? undefined : unjudged(one, `It needs what the case ${failed} is about`);
  };
  const run = async (index: number, one: Case<Stage>) => {
    const began = performance.now();
    const { verdict, level, said } = withoutRunning(one) ?? await judgeOne(one);
    if (verdict === "wrong") wrong.add(one.name);
    findings[index] = { case: one.name, verdict, level, said, milliseconds: Math.round(performance.now() - began) };
    onFinding?.(findings[index]);
  };

  for (const [index, one] of cases.entries()) {
    if (one.alone) await Promise.all(running);
    onCase?.(one.name, index + 1, cases.length);
    if (one.background) {
      background.add(run(index, one));
      continue;
    }
    const judging = run(index, one).finally(() => running.delete(judging));
    running.add(judging);
    begun.set(one.name, judging);
    await (one.alone || wrong.has(SERVES_ONE) ? judging : overlap.allows(judging));
  }
  await Promise.all(running);
  onOthersDone?.();
  await Promise.all(background);
  return findings;
}

/** Runs a case once. Returns also how long the judge stood still, if it is known. */
async function outcome<Stage>(one: Case<Stage>, stage: Stage): Promise<[Outcome, stalled?: number | undefined]> {
  try {
    await one.run(stage);
    return [{ verdict: "right", level: one.level, said: "" }];
  } catch (error) {
    if (error instanceof Unjudged) return [unjudged(one, error.message)];
    if (!(error instanceof Wrong)) throw error;
    const { evidence, mistake = one.mistake, level = one.level, stalled } = error;
    return [{ verdict: "wrong", level, said: `${evidence}. ${mistake}.` }, stalled];
  }
}

function unjudged({ level }: Case<never>, why: string): Outcome {
  return { verdict: "not judged", level, said: `${why}.` };
}
