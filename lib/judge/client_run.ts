import { type Level, Wrong } from "./case.ts";
import type { ClientSide } from "./client_side.ts";
import { type Conversation, DROPS, excerpt, NEEDS_SHUTDOWN, READS_TO_THE_END } from "./conversation.ts";
import type { Patience } from "./patience.ts";
import type { Exit, Output, Program } from "./program.ts";

/** The mistake of a client that does not notice the end. */
export const SPINS = "A loop that does not stop at an empty recv, which is the end, runs for ever";

/** The mistake of a client that does not notice that the rest is missing. */
export const NO_CHECK = "A client that does not check how much it has received takes half an answer for a whole one";
/** The mistake of a client of which a part waits for another part that has failed. */
const HALF_DEAD = "An error ends only the thread in which it is raised: the others wait for it for ever";
const NOT_UTF8 =
  "The texts are UTF-8: a program that takes them for ASCII or Latin-1 fails at most letters, or changes them";
const HALF_CHARACTER = "A character of several bytes may be cut by a read: decode a message when all of it is there";
/** What programs say of bytes that they cannot decode, and what they print in their place. */
const UNDECODED = /UnicodeDecodeError|can't decode|invalid utf-?8|\ufffd/i;
/** What programs say of letters that ASCII does not have, and how Latin-1 shows the letters of UTF-8. */
const OTHER_CODEC = /'ascii' codec can't|UnicodeEncodeError|\xc3[\x80-\xbf]/;

/** Length from which a text is hardly a part of another one by chance. */
const LONG_ENOUGH = 4;
/** Errors of Python that no wait causes. */
const CRASH = /^(\w+\.)*((Value|Key|Index|Type|Attribute|Syntax|Unpickling|Unicode\w+)Error|struct\.error)\b/m;

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
  /** For how long the judge stood still meanwhile, in milliseconds. */
  readonly stalled: number;
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
  /** Whether it had ended before its first answer was sent. */
  readonly endedFirst?: boolean;
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
    const texts = this.#texts;
    const shown = Math.max(output.showsAll(texts), errors.showsAll(texts));
    const isChance = shown < texts.length && texts.slice(0, shown).every(({ length }) => length < LONG_ENOUGH);
    return isChance ? 0 : shown;
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
    if (problem !== undefined) {
      throw new Wrong(problem.evidence, { ...problem, stalled: problem.stalled ?? this.#stalled });
    }
    if (side.ends) this.ended(SPINS);
    const { shown } = this;
    if (control === undefined) {
      const left = mayLeave && this.#code === 0;
      if (shown < due && !(left && shown > 0) && (shown > 0 || this.#code !== 0 || this.#silent)) {
        throw this.#unlike(`${this.#printed}`);
      }
      return;
    }
    if (shown < Math.min(control.shown, due) && !this.#inParts) throw this.#unlike(this.#printed);
    if (this.#hasLess(control)) throw this.#unlike(this.#printed);
    if (control.shown > 0) return;
    // A client that prints only a verdict must print the same one.
    const isOther = control.isSteady && this.output.text !== control.output.text;
    if (isOther || this.#code !== control.#code) throw this.#unlike(this.#printed);
  }

  /**
   * Requires that it has waited for the answer.
   *
   * @throws {Wrong} If it had ended before.
   */
  waited(): void {
    if (!this.#of.endedFirst || !this.#of.side.ends) return;
    throw this.wrong(`${this.#printed}, before I had answered`, { mistake: this.#closes, stalled: this.#stalled });
  }

  /**
   * Requires that it has ended with exit code 0.
   *
   * @throws {Wrong} If it has not.
   */
  succeeded(): void {
    // A client that reads lines may take the end of its input for an error.
    const hasRead = /\bEOF/i.test(this.#of.program.errors.text);
    if (this.#code !== 0 && !hasRead) throw this.wrong(this.#printed, { stalled: this.#stalled });
  }

  /**
   * Requires that no answer is shown in part only.
   *
   * @throws {Wrong} If one is.
   */
  uncut(): void {
    const shows = (text: string) => this.output.showsAll([text]) === 1;
    const starts = this.#texts.filter((text) => !shows(text)).map((text) => text.slice(0, Math.ceil(text.length / 2)));
    if (starts.some(shows)) {
      throw this.wrong(this.#printed, {
        mistake: "The system drops what a buffer has no room for: recvfrom(16) loses the rest of a longer datagram",
      });
    }
  }

  /**
   * Requires that it has ended, and has not taken what it received for an answer.
   *
   * @param options The level of a client that has, and its mistake; and the mistake of one that still runs. The mistakes
   * are that of the case by default.
   * @throws {Wrong} If it still runs, or takes what it received for an answer.
   */
  failed({ level = "must", hangs, takes }: { level?: Level; hangs?: string; takes?: string } = {}): void {
    this.ended(hangs);
    const { side, control, again } = this.#of;
    if (again || this.#code !== 0 || !side.ends) return;
    const known = control === undefined ? [] : words([control.output.text, ...control.#texts].join(" "));
    const said = [...words(this.output.text), ...words(this.#of.program.errors.text)];
    // A word that it prints in this run alone may report the failure.
    if (said.some((word) => !known.some((other) => other.startsWith(word)))) {
      throw this.wrong(this.#printed, {
        level: "should",
        mistake: "A failure that ends with exit code 0 looks like a success to the shell and to other programs",
      });
    }
    if (this.#silent) {
      throw this.wrong(`you ended with exit code 0 and said nothing`, {
        level: side.knowsEnd ? level : "should",
        mistake: "A missing answer is a failure, and the client must report it",
      });
    }
    const isBlind = control?.shown === 0 && control.output.text === this.output.text;
    throw this.wrong(`${this.#printed}, as ${isBlind ? "with a correct server" : "if nothing were wrong"}`, {
      level,
      mistake: isBlind ? "A client that does not read the answer does the same whatever it is answered" : takes,
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
    const isHalfDead = this.#of.program.errors.text.includes("Exception in thread");
    throw this.wrong(`you still ran ${patience.seconds} later`, { mistake: isHalfDead ? HALF_DEAD : mistake });
  }

  /** Makes the complaint: what the judge did, and then what the client did. */
  wrong(you: string, options: ConstructorParameters<typeof Wrong>[1] = {}): Wrong {
    return new Wrong(`${this.#of.did}; ${you}`, { stalled: 0, ...options });
  }

  /** For how long the judge stood still, if the client has failed and may have given up meanwhile. */
  get #stalled(): number {
    const { gaveUp, program, stalled } = this.#of;
    // What it waited for in vain was not due.
    const isCertain = (this.#code ?? 0) === 0 || gaveUp === "waited" || CRASH.test(program.errors.text);
    return isCertain ? 0 : stalled;
  }

  #unlike(you: string): Wrong {
    const { control, gaveUp } = this.#of;
    const mistake = control === undefined ? this.#mistake : this.#isUndecoded ? HALF_CHARACTER : undefined;
    const stalled = this.#stalled;
    return this.wrong(gaveUp === "waited" ? `you waited for more, and then ${you}` : you, { mistake, stalled });
  }

  /** The probable mistake of a client that fails with a correct server. */
  get #mistake(): string | undefined {
    const { gaveUp, isAhead, isStream, endsRequest, side } = this.#of;
    if (OTHER_CODEC.test(this.output.text + this.#of.program.errors.text)) return NOT_UTF8;
    if (gaveUp === "hesitated") return side.unfinished;
    if (gaveUp === "waited" && isStream) return endsRequest ? NEEDS_SHUTDOWN : READS_TO_THE_END;
    if (isAhead || gaveUp === "waited" && this.shown < this.#of.delivered.length) return DROPS;
    return this.#closes;
  }

  /** The mistake of a client that leaves too early, if it may have meant to end its request. */
  get #closes(): string | undefined {
    if (!this.#of.endsRequest) return undefined;
    return "close() ends both directions of a connection; shutdown(SHUT_WR) ends only that to the other side";
  }

  /** Whether it could not decode what it received, or has dropped the letters that are not ASCII. */
  get #isUndecoded(): boolean {
    const { output, errors } = this.#of.program;
    const texts = this.#texts;
    const ascii = texts.map((text) => text.replace(/\P{ASCII}/gu, ""));
    if (ascii.join() === texts.join()) return false;
    return output.showsAll(ascii) === texts.length || UNDECODED.test(output.text + errors.text);
  }

  get #texts(): string[] {
    return this.#of.side.prints?.slice() ??
      this.#of.delivered.map((text) => text.trim()).filter((text) => text !== "");
  }

  /** Whether it shows a text less often than another run: a client may also print what it sends, which may be the same. */
  #hasLess(other: Run): boolean {
    const [texts, others] = [this.#texts, other.#texts];
    return texts.length === others.length &&
      texts.some((text, index) =>
        text.length >= LONG_ENOUGH && this.output.count(text) < other.output.count(others[index]!) &&
        !this.output.showsInParts(text, texts)
      );
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

/** Values that a client prints for an answer that it does not have. */
const VALUES = ["none", "null", "nil", "undefined", "nan", "true", "false"];

function words(text: string): string[] {
  return (text.toLowerCase().match(/\p{L}{2,}/gu) ?? []).filter((word) => !VALUES.includes(word));
}
