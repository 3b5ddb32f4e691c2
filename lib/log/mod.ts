/**
 * The log: a transcript for people, with every message on the wire, or JSON lines for programs. Until the program
 * calls {@linkcode configureLog}, or configures the category {@linkcode LOG_CATEGORY} of LogTape, only errors of the program
 * itself are written, to standard error.
 *
 * ```ts
 * import { configureLog, Log } from "@wirebench/wirebench/log";
 *
 * await using _log = configureLog({ level: "warning" });
 * new Log("Server").info("not shown at this level");
 * ```
 *
 * @module
 */

export { decodeBytes, escapeBytes, escapeText, quoteText } from "./escape.ts";
export { configureLog, type Level, Log, LOG_CATEGORY, LOG_LEVELS, type LogOptions, type RelayedRecord } from "./log.ts";
export { plural } from "./plural.ts";
export { type LogWriter, writeAll } from "./writer.ts";
