/** How bad a mistake is: `must` breaks the protocol, loses bytes, or harms other clients; `should` is a lack of care. */
export type Level = "must" | "should";

/** The result of a case. */
export type Verdict = "right" | "wrong" | "not judged";

/** What a case is about. */
export interface CaseWords {
  /** A short name with hyphens. */
  readonly name: string;
  /** How bad the mistake is. */
  readonly level: Level;
  /** What the judge does. */
  readonly sends: string;
  /** What a right program does. */
  readonly right: string;
  /** The mistake that this case finds. */
  readonly mistake: string;
}

/** One way in which a network or a stranger treats a program, and how a right program reacts. */
export interface Case<Stage> extends CaseWords {
  /** The cases that a program must pass first, since this one proves nothing otherwise; `plain` is always one of them. */
  readonly needs?: readonly string[] | undefined;
  /** Whether it only waits, in the background of all other cases. */
  readonly background?: boolean | undefined;
  /** Whether it disturbs other cases, so that it cannot run beside them. */
  readonly alone?: boolean | undefined;
  /** How often it is run at most, if a network or a busy machine may be the cause: each run must be wrong. @default {1} */
  readonly tries?: number | undefined;
  /**
   * Runs the case.
   *
   * @throws {Wrong} If the program is wrong.
   * @throws {Unjudged} If the case could not tell.
   */
  run(stage: Stage): Promise<void>;
}

/** The result of one case. */
export interface Finding {
  /** The name of the case. */
  readonly case: string;
  /** How bad it is, if the program is wrong. */
  readonly level: Level;
  /** The result. */
  readonly verdict: Verdict;
  /** The evidence and the mistake, or why the case was not judged; empty if the program is right. */
  readonly said: string;
  /** How long the case took. */
  readonly milliseconds: number;
}

/** What a case may add to the evidence. */
export interface WrongOptions {
  /** The mistake, if the evidence shows another one than that of the case. */
  readonly mistake?: string | undefined;
  /** The level, if it is not that of the case. */
  readonly level?: Level | undefined;
  /** What proves it, so that no stall of this machine is the cause: nothing came in time, or wrong bytes came. */
  readonly by?: "silence" | "bytes" | undefined;
  /**
   * For how long the judge stood still while that may have caused the evidence, in milliseconds. @default {during the whole case}
   */
  readonly stalled?: number | undefined;
}

/** The program is wrong. */
export class Wrong extends Error {
  /** The name of the class. */
  override name = "Wrong";
  /** The mistake, if it is not that of the case. */
  readonly mistake: string | undefined;
  /** The level, if it is not that of the case. */
  readonly level: Level | undefined;
  /** What proves it, if no stall of this machine can be the cause. */
  readonly by: WrongOptions["by"];
  /** For how long the judge stood still while that may have caused the evidence, in milliseconds, if it is known. */
  readonly stalled: number | undefined;

  /**
   * Creates the error.
   *
   * @param evidence What happened, a sentence without a full stop.
   * @param options The mistake and the level, if they are not those of the case, and how long the judge stood still.
   */
  constructor(readonly evidence: string, options: WrongOptions = {}) {
    super(evidence);
    this.mistake = options.mistake;
    this.level = options.level;
    this.by = options.by;
    this.stalled = options.stalled ?? (options.by === undefined ? undefined : 0);
  }
}

/** A case could not tell whether the program is right. */
export class Unjudged extends Error {
  /** The name of the class. */
  override name = "Unjudged";
}

/** Nobody listens where the program should. */
export class NobodyThere extends Unjudged {
  /** The name of the class. */
  override name = "NobodyThere";
}
