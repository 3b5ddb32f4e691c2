import { getLogger, type Logger, type LogLevel } from "@logtape/logtape";
import { Budget } from "./_budget.ts";
import { configureSink, LOG_CATEGORY } from "./_configure.ts";
import { decodeBytes } from "./escape.ts";
import { jsonFormatter, transcriptFormatter } from "./format.ts";
import { writerSink } from "./sink.ts";
import type { LogWriter } from "./writer.ts";

export { LOG_CATEGORY };

/** How much of a message is shown, in bytes: the log is for reading, the wire for the rest. */
const SHOWN_BYTES = 1024;

/** How many kinds of records have a budget of their own; all others share one. */
const MAX_KINDS = 100;

/** The levels a log can be set to, the most talkative first. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const satisfies readonly LogLevel[];

/** One of {@linkcode LOG_LEVELS}. */
export type Level = typeof LOG_LEVELS[number];

/** A record that another thread or process has made: what can be handed over to another one. */
export interface RelayedRecord {
  /** How important it is. */
  readonly level: Level;
  /** When it was made, in milliseconds since the epoch. */
  readonly timestamp: number;
  /** The text, its facts filled in, in one piece or several. */
  readonly message: readonly unknown[];
  /** The text before its facts were filled in. */
  readonly rawMessage: string;
  /** The facts. */
  readonly properties: Record<string, unknown>;
}

/**
 * What a part of the program writes its log with. Nothing is written until a program configures the log.
 *
 * Of each kind of record a thousand are written in a second, so that a client that sends as fast as it can does not keep
 * the program busy with its log. The rest is counted: `... and 12,345 more messages`.
 */
export class Log {
  readonly #logger: Logger;
  readonly #saidLevel: Level;
  readonly #messages = new Budget((omitted) =>
    this.#logger[this.#saidLevel]("... and {omitted} more {messages}", {
      omitted: omitted.toLocaleString("en"),
      messages: omitted === 1 ? "message" : "messages",
    })
  );
  /** The budget of each kind of record: of each text, before its facts are filled in. */
  readonly #budgets = new Map<string, Budget>();

  /**
   * Opens a log for somebody.
   *
   * @param who Who speaks: `Server`, `Client`.
   * @param saidLevel The level of messages on the wire.
   */
  constructor(who: string, saidLevel: Level = "info") {
    this.#logger = getLogger([LOG_CATEGORY, who]);
    this.#saidLevel = saidLevel;
  }

  /** Whether messages on the wire are written, for a caller that would have to prepare them. */
  get showsMessages(): boolean {
    return this.#logger.isEnabledFor(this.#saidLevel);
  }

  /** Whether a level is written, for a caller that would have to prepare what is said. */
  isEnabledFor(level: Level): boolean {
    return this.#logger.isEnabledFor(level);
  }

  /**
   * Writes a message on the wire.
   *
   * @param from Who sent it.
   * @param to Who gets it.
   * @param message What it says, or makes it if it is to be written; anything beyond 1 KiB is counted, not shown.
   * @returns Whether it is written: not if its level is not, nor if too many have been in this second.
   */
  said(from: string, to: string, message: string | Uint8Array | (() => string)): boolean {
    if (!this.showsMessages || !this.#messages.take()) return false;
    if (typeof message === "function") message = message();
    const bytes = typeof message === "string" ? new TextEncoder().encode(message) : message;
    // Decoding a cut character would show it as bytes, so the cut moves back to where a character begins.
    let end = Math.min(bytes.length, SHOWN_BYTES);
    while (end > 0 && end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
    const more = bytes.length > end ? ` (and ${bytes.length - end} bytes more)` : "";
    const text = decodeBytes(bytes.subarray(0, end)) + more;
    this.#logger[this.#saidLevel]("{from} -> {to}: {text}", { from, to, text });
    return true;
  }

  /**
   * Counts messages on the wire that are not written, after {@linkcode Log.said} has returned `false`.
   *
   * @param count How many.
   */
  omit(count: number): void {
    if (this.showsMessages) this.#messages.omit(count);
  }

  /** Writes what a developer of the program wants to know. Facts stand in the message as `{name}`. */
  debug(message: string, facts?: Record<string, unknown>): void {
    this.#write("debug", message, facts);
  }

  /** Writes what its user wants to know. */
  info(message: string, facts?: Record<string, unknown>): void {
    this.#write("info", message, facts);
  }

  /** Writes what a peer did wrong, or what the machine lacks for a moment. */
  warn(message: string, facts?: Record<string, unknown>): void {
    this.#write("warning", message, facts);
  }

  /** Writes what went wrong in the program itself. */
  error(message: string, facts?: Record<string, unknown>): void {
    this.#write("error", message, facts);
  }

  /** Writes a record that another thread or process has made, within its own budget. */
  relay(record: RelayedRecord): void {
    if (this.isEnabledFor(record.level)) this.#logger.emit(record);
  }

  #write(level: Level, message: string, facts: Record<string, unknown> = {}): void {
    if (this.isEnabledFor(level) && this.#budgetOf(level, message).take()) this.#logger[level](message, facts);
  }

  #budgetOf(level: Level, message: string): Budget {
    const kind = this.#budgets.has(message) || this.#budgets.size < MAX_KINDS ? message : "others";
    let budget = this.#budgets.get(kind);
    if (budget === undefined) {
      const words = kind.replaceAll(/\{\w+\}/g, "…");
      budget = new Budget((omitted) =>
        this.#logger[level]('... and {omitted} more like "{words}"', { omitted: omitted.toLocaleString("en"), words })
      );
      this.#budgets.set(kind, budget);
    }
    return budget;
  }
}

/** How a program's log is written. */
export interface LogOptions {
  /**
   * For people, or a JSON object a line for machines.
   *
   * @default {"text"}
   */
  format?: "text" | "json";
  /**
   * The least important level that is written.
   *
   * @default {"info"}
   */
  level?: Level;
  /**
   * Where it goes.
   *
   * @default {Deno.stderr}
   */
  writer?: LogWriter;
  /**
   * Whether the text form is coloured.
   *
   * @default {true} on a terminal, unless NO_COLOR is set
   */
  colors?: boolean;
}

/**
 * Sends the log of everything here to standard error. A program calls it once; a library never does.
 *
 * @param options Form, level and where to.
 * @returns What to dispose of at the end of the program, so that nothing of the log is lost.
 *
 * @example A log as JSON lines
 * ```ts
 * import { configureLog, Log } from "@wirebench/wirebench/log";
 * import { assertMatch } from "@std/assert";
 *
 * let written = "";
 * const writer = {
 *   write(bytes: Uint8Array) {
 *     written += new TextDecoder().decode(bytes);
 *     return Promise.resolve(bytes.length);
 *   },
 * };
 * {
 *   await using _log = await configureLog({ format: "json", writer });
 *   new Log("Server").info("Listening at {address}", { address: "127.0.0.1:7" });
 * }
 * assertMatch(written, /"message":"Listening at 127.0.0.1:7"/);
 * ```
 */
export async function configureLog(options: LogOptions = {}): Promise<AsyncDisposable> {
  const {
    format = "text",
    level = "info",
    writer = Deno.stderr,
    colors = writer === Deno.stderr && Deno.stderr.isTerminal() && !Deno.noColor,
  } = options;
  return await configureSink(
    writerSink(writer, format === "json" ? jsonFormatter() : transcriptFormatter(colors)),
    level,
  );
}
