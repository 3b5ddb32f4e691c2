import { type Level, Wrong } from "./case.ts";
import type { ClientSide } from "./client_side.ts";
import { type Conversation, DROPS, excerpt, READS_TO_THE_END } from "./conversation.ts";
import type { Patience } from "./patience.ts";
import type { Exit, Output, Program } from "./program.ts";

/** The mistake of a client that does not notice the end. */
export const SPINS = "A loop that does not stop at an empty recv, which is the end, runs for ever";

/** What a client did in one run, and what the judge compares it with. */
export interface RunResult {
  /** The client's process. */
  readonly program: Program;
  /** What the judge knows of the protocol's clients. */
  readonly side: ClientSide;
  /** How long the client may take. */
  readonly patience: Patience;
  /** What the judge did, in words. */
  readonly did: string;
  /** The texts that were sent whole. */
  readonly delivered: readonly string[];
  /** How it ended; `undefined` if it still ran. */
  readonly exit: Exit | undefined;
  /** The run with a correct server on a good network. */
  readonly control: Run | undefined;
  /** What it sent that is not a message of the protocol. */
  readonly problem?: Wrong | undefined;
  /** Number of turns that it took. */
  readonly turns?: number;
  /** Whether it connected again. */
  readonly again?: boolean;
  /** Whether it has closed its connection while its user may still type. */
  readonly hasLeft?: boolean;
  /** Whether it left only after waiting for more, or sent its first message only after a long wait. */
  readonly gaveUp?: Conversation["gaveUp"];
  /** Whether it sends messages before it has the answers to earlier ones. */
  readonly isAhead?: boolean;
  /** Whether it showed a message only after its user had typed something. */
  readonly nudged?: boolean;
  /** Whether the messages are one stream, which it may print as it arrives. */
  readonly isStream?: boolean;
  /** Whether it may leave before it has received everything. */
  readonly mayLeave?: boolean;
  /** Whether a request ends with the end of the client's side. */
  readonly endsRequest?: boolean;
}

/** What a client did in one run. */
export class Run {
  readonly #of: RunResult;
  /** What it has printed. */
  readonly output: Output;
  /** Whether it prints the same in a second run with the same treatment. */
  isSteady = false;

  /** Takes the result. */
  constructor(result: RunResult) {
    this.#of = result;
    this.output = result.program.output;
  }

  /** Number of texts that it has shown. */
  get shown(): number {
    const { output, errors } = this.#of.program;
    return Math.max(output.showsAll(this.#texts), errors.showsAll(this.#texts));
  }

  /** Number of turns that it took. */
  get turns(): number {
    return this.#of.turns ?? 0;
  }

  /** Whether it showed a message only after its user had typed something. */
  get nudged(): boolean {
    return this.#of.nudged ?? false;
  }

  /**
   * Requires that it has received everything that was sent to it.
   *
   * @throws {Wrong} If it has not.
   */
  whole(): void {
    const { problem, control, side, mayLeave } = this.#of;
    const due = this.#texts.length;
    if (problem !== undefined) throw problem;
    if (side.ends) this.ended(SPINS);
    const { shown } = this;
    if (control === undefined) {
      const left = mayLeave && this.#code === 0;
      if (shown < due && !(left && shown > 0) && (shown > 0 || this.#code !== 0 || this.#silent)) {
        throw this.#unlike(`${this.#printed}`);
      }
      // A client that reads lines may take the end of its input for an error.
      const hasRead = /\bEOF/i.test(this.#of.program.errors.text);
      if (side.ends && this.#code !== 0 && !hasRead) throw this.#unlike(this.#printed);
      return;
    }
    if (shown < Math.min(control.shown, due) && !this.#inParts) throw this.#unlike(this.#printed);
    if (control.shown > 0) return;
    // A client that prints only a verdict must print the same one.
    const isOther = control.isSteady && this.output.text !== control.output.text;
    if (isOther || this.#code !== control.#code) throw this.#unlike(this.#printed);
  }

  /**
   * Requires that it has ended, and has not taken half an answer for a whole one.
   *
   * @param level How bad it is if it has.
   * @param hangs Why it still runs, if it does; the mistake of the case if it is undefined.
   * @throws {Wrong} If it still runs, or takes what it received for a whole answer.
   */
  failed(level: Level = "must", hangs?: string): void {
    this.ended(hangs);
    const { side, control, again } = this.#of;
    if (again || this.#code !== 0 || !side.ends) return;
    const known = control === undefined ? [] : words([control.output.text, ...control.#texts].join(" "));
    const said = [...words(this.output.text), ...words(this.#of.program.errors.text)];
    // A word that it prints in this run alone may report the failure.
    if (said.some((word) => !known.some((other) => other.startsWith(word)))) return;
    if (this.#silent) {
      throw this.wrong(`you ended with exit code 0 and said nothing`, {
        level: "should",
        mistake: "A missing answer is a failure, and the client must report it",
      });
    }
    throw this.wrong(`${this.#printed}, as if it were all`, {
      level,
      mistake: "A client that does not check how much it has received takes half an answer for a whole one",
    });
  }

  /**
   * Requires that it has ended.
   *
   * @param mistake Why it still runs, if it does; the mistake of the case if it is undefined.
   * @throws {Wrong} If it still runs.
   */
  ended(mistake?: string): void {
    const { exit, again, hasLeft, patience } = this.#of;
    if (exit !== undefined || again || hasLeft) return;
    throw this.wrong(`you still ran ${patience.seconds} later`, { mistake });
  }

  /** Makes the complaint: what the judge did, and then what the client did. */
  wrong(you: string, options: ConstructorParameters<typeof Wrong>[1] = {}): Wrong {
    return new Wrong(`${this.#of.did}; ${you}`, options);
  }

  #unlike(you: string): Wrong {
    const { control, gaveUp } = this.#of;
    const mistake = control === undefined ? this.#mistake : undefined;
    return this.wrong(gaveUp === "waited" ? `you waited for more, and then ${you}` : you, { mistake });
  }

  /** The probable mistake of a client that fails with a correct server. */
  get #mistake(): string | undefined {
    const { gaveUp, isAhead, isStream, endsRequest, side } = this.#of;
    if (gaveUp === "hesitated") return side.unfinished;
    if (gaveUp === "waited" && isStream) {
      return READS_TO_THE_END;
    }
    if (isAhead) return DROPS;
    if (endsRequest) {
      return "close() ends both directions of a connection; shutdown(SHUT_WR) ends only that to the other side";
    }
    return undefined;
  }

  get #texts(): string[] {
    return this.#of.side.prints?.slice() ??
      this.#of.delivered.map((text) => text.trim()).filter((text) => text !== "");
  }

  get #inParts(): boolean {
    return this.#of.isStream === true && this.output.showsInParts(this.#texts.join(""));
  }

  get #code(): number | undefined {
    return this.#of.exit?.code;
  }

  get #silent(): boolean {
    return this.output.text.trim() === "" && this.shown === 0;
  }

  get #printed(): string {
    const { exit, program } = this.#of;
    const printed = this.#silent ? "printed nothing" : `printed ${excerpt(this.output.text)}`;
    return exit === undefined ? `you ${printed}` : `you ${printed} and ${ending(exit, program)}`;
  }
}

/** How a program ended, with the last line of its errors. */
export function ending({ code, signal }: Exit, { errors }: Program): string {
  const last = errors.text.trimEnd().split("\n").at(-1)!;
  const by = signal === null ? `ended with exit code ${code}` : `were ended by ${signal}`;
  return last === "" ? by : `${by}: ${excerpt(last)}`;
}

function words(text: string): string[] {
  return text.toLowerCase().match(/\p{L}{2,}/gu) ?? [];
}
