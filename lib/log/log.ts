import { Budget } from "./_budget.ts";
import {
  configureSink,
  type Level,
  LOG_CATEGORY,
  LOG_LEVELS,
  type LogRecord,
  type RelayedRecord,
  targetOf,
  writeToStandardError,
} from "./configure.ts";
import { decodeBytes } from "./escape.ts";
import { jsonFormatter, transcriptFormatter } from "./_format.ts";
import { writerSink } from "./sink.ts";
import type { LogWriter } from "./writer.ts";

export { type Level, LOG_CATEGORY, LOG_LEVELS, type RelayedRecord };

/** Number of bytes of a message that are shown. */
const SHOWN_BYTES = 1024;

/** Maximum number of kinds of records with a budget of their own. All others share one. */
const MAX_KINDS = 100;

/**
 * Writes a log. Until the program configures the log, only errors of the program itself are written, to standard error.
 *
 * At most a thousand records of each kind are written in a second, so that a fast client does not keep the program busy
 * with its log. The rest are counted: `... and 12,345 more messages`.
 */
export class Log {
  readonly #category: readonly string[];
  readonly #saidLevel: Level;
  readonly #messages = new Budget((omitted) =>
    this.#emit(this.#saidLevel, "... and {omitted} more {messages}", {
      omitted: omitted.toLocaleString("en"),
      messages: omitted === 1 ? "message" : "messages",
    })
  );
  /** Budgets by the text of the record, before its facts are filled in. */
  readonly #budgets = new Map<string, Budget>();

  /**
   * Creates a log.
   *
   * @param who Name in front of each record: `Server`, `Client`.
   * @param saidLevel Level of messages on the wire.
   */
  constructor(who: string, saidLevel: Level = "info") {
    this.#category = [LOG_CATEGORY, who];
    this.#saidLevel = saidLevel;
  }

  /** Whether messages on the wire are written. Check it before preparing them. */
  get showsMessages(): boolean {
    return this.isEnabledFor(this.#saidLevel);
  }

  /** Whether the configured log writes a level. Check it before preparing facts. */
  isEnabledFor(level: Level): boolean {
    return targetOf(this.#category)?.isEnabledFor(level) ?? false;
  }

  /**
   * Logs a message on the wire.
   *
   * @param from The sender.
   * @param to The receiver.
   * @param message The message, or a function that returns it if it is to be written. At most 1 KiB of it is shown.
   * @returns Whether the message is written: not if its level is disabled or the budget of this second is used up.
   */
  said(from: string, to: string, message: string | Uint8Array | (() => string)): boolean {
    if (!this.showsMessages || !this.#messages.take()) return false;
    if (typeof message === "function") message = message();
    const bytes = typeof message === "string" ? new TextEncoder().encode(message) : message;
    // Do not split a character: move the end back to where one begins.
    let end = Math.min(bytes.length, SHOWN_BYTES);
    while (end > 0 && end < bytes.length && (bytes[end]! & 0xc0) === 0x80) end--;
    const more = bytes.length > end ? ` (and ${bytes.length - end} bytes more)` : "";
    const text = decodeBytes(bytes.subarray(0, end)) + more;
    this.#emit(this.#saidLevel, "{from} -> {to}: {text}", { from, to, text });
    return true;
  }

  /**
   * Counts messages as omitted if the budget of this second is used up, without preparing each.
   *
   * @param count The number of messages.
   * @returns Whether they are omitted. If not, pass each to {@linkcode Log.said}.
   */
  omit(count: number): boolean {
    return this.showsMessages && this.#messages.omit(count);
  }

  /** Logs what a developer of the program wants to know. `{name}` in the message stands for a fact. */
  debug(message: string, facts?: Record<string, unknown>): void {
    this.#write("debug", message, facts);
  }

  /** Logs what a user of the program wants to know. */
  info(message: string, facts?: Record<string, unknown>): void {
    this.#write("info", message, facts);
  }

  /** Logs an error of a peer, or a temporary lack of resources. */
  warn(message: string, facts?: Record<string, unknown>): void {
    this.#write("warning", message, facts);
  }

  /** Logs an error of the program itself. It goes to standard error if no log is configured that writes it. */
  error(message: string, facts?: Record<string, unknown>): void {
    this.#write("error", message, facts);
  }

  /** Writes a record of another thread or process, which has its own budget. */
  relay(record: RelayedRecord): void {
    this.#pass({ ...record, category: this.#category });
  }

  #write(level: Level, message: string, facts: Record<string, unknown> = {}): void {
    const isWritten = level === "error" || this.isEnabledFor(level);
    if (isWritten && this.#budgetOf(level, message).take()) this.#emit(level, message, facts);
  }

  #emit(level: Level, rawMessage: string, properties: Record<string, unknown>): void {
    // Every second part is the name of a fact.
    const message = rawMessage.split(/\{(\w+)\}/).map((part, at) => at % 2 === 0 ? part : properties[part]);
    this.#pass({ category: this.#category, level, message, rawMessage, timestamp: Date.now(), properties });
  }

  #pass(record: LogRecord): void {
    if (this.isEnabledFor(record.level)) targetOf(this.#category)!.emit(record);
    else if (record.level === "error") writeToStandardError(record);
  }

  #budgetOf(level: Level, message: string): Budget {
    const kind = this.#budgets.has(message) || this.#budgets.size < MAX_KINDS ? message : "others";
    let budget = this.#budgets.get(kind);
    if (budget === undefined) {
      const words = kind.replaceAll(/\{\w+\}/g, "…");
      budget = new Budget((omitted) =>
        this.#emit(level, '... and {omitted} more like "{words}"', { omitted: omitted.toLocaleString("en"), words })
      );
      this.#budgets.set(kind, budget);
    }
    return budget;
  }
}

/** Options of {@linkcode configureLog}. */
export interface LogOptions {
  /**
   * Text for people, or JSON lines for programs.
   *
   * @default {"text"}
   */
  format?: "text" | "json" | undefined;
  /**
   * The least important level that is written.
   *
   * @default {"info"}
   */
  level?: Level | undefined;
  /**
   * Where the log is written.
   *
   * @default {Deno.stderr}
   */
  writer?: LogWriter | undefined;
  /**
   * Whether text is coloured.
   *
   * @default {true} on a terminal, unless NO_COLOR is set
   */
  colors?: boolean | undefined;
}

/**
 * Configures the log. A program calls this once; a library never does.
 *
 * @param options Format, level and writer. By default the log goes to standard error.
 * @returns Dispose of it at the end of the program, so that no record is lost.
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
 *   await using _log = configureLog({ format: "json", writer });
 *   new Log("Server").info("Listening at {address}", { address: "127.0.0.1:7" });
 * }
 * assertMatch(written, /"message":"Listening at 127.0.0.1:7"/);
 * ```
 */
export function configureLog(options: LogOptions = {}): AsyncDisposable {
  const {
    format = "text",
    level = "info",
    writer = Deno.stderr,
    colors = writer === Deno.stderr && Deno.stderr.isTerminal() && !Deno.noColor,
  } = options;
  return configureSink(
    writerSink(writer, format === "json" ? jsonFormatter() : transcriptFormatter(colors)),
    level,
  );
}
