import { reportBudgets } from "./_budget.ts";
import { transcriptFormatter } from "./_format.ts";

/** Category of all records of this library, for programs that configure LogTape themselves. */
export const LOG_CATEGORY = "wirebench";

/** Levels of the log, the most verbose first. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;

/** One of {@linkcode LOG_LEVELS}. */
export type Level = typeof LOG_LEVELS[number];

/** A log record of another thread or process. Structured cloning can copy it. */
export interface RelayedRecord {
  /** The level. */
  readonly level: Level;
  /** Time of the record in milliseconds since the epoch. */
  readonly timestamp: number;
  /** The text with its facts filled in, in one or more strings. */
  readonly message: readonly unknown[];
  /** The text before its facts were filled in. */
  readonly rawMessage: string;
  /** The facts. */
  readonly properties: Record<string, unknown>;
}

/** A log record, in the form of LogTape's. */
export interface LogRecord extends RelayedRecord {
  /** {@linkcode LOG_CATEGORY} and the name in front of the record. */
  readonly category: readonly string[];
}

/** Takes the records of the log. */
export type Sink = (record: LogRecord) => void;

/** Where records go. A logger of LogTape has the same methods. */
interface Target {
  isEnabledFor(level: Level): boolean;
  emit(record: LogRecord): void;
}

/** LogTape's root logger, which it shares between its copies under this symbol. Importing LogTape would take 10 ms. */
const ROOT = Symbol.for("logtape.rootLogger");
declare const globalThis: { [ROOT]?: { getChild(category: readonly string[]): Target } };

let configured: Target | undefined;

/** Returns where the records of a category go: the configured sink, or LogTape if the program uses it. */
export function targetOf(category: readonly string[]): Target | undefined {
  return configured ?? globalThis[ROOT]?.getChild(category);
}

const format = transcriptFormatter(false);

/** Writes an error that no target takes to standard error, with each frame of a stack on its own line. */
export function writeToStandardError(record: LogRecord): void {
  console.error(format(record).trimEnd().replaceAll("\\n    at ", "\n    at "));
}

/** Sends the log of this library to a sink. Disposing of the result writes everything that is queued. */
export function configureSink(sink: Sink & AsyncDisposable, level: Level): AsyncDisposable {
  const lowest = LOG_LEVELS.indexOf(level);
  configured = { isEnabledFor: (level) => LOG_LEVELS.indexOf(level) >= lowest, emit: sink };
  return {
    async [Symbol.asyncDispose]() {
      reportBudgets();
      await sink[Symbol.asyncDispose]();
    },
  };
}
