/**
 * What a person or a machine reads about a program: a transcript of who said what to whom, or JSON lines.
 * Built on LogTape, so nothing is written until a program says where to.
 *
 * ```ts
 * import { configureLog, Log } from "@wirebench/wirebench/log";
 *
 * await using _log = await configureLog({ level: "warning" });
 * new Log("Server").info("not shown at this level");
 * ```
 *
 * @module
 */

export * from "./escape.ts";
export * from "./log.ts";
export { plural } from "./plural.ts";
export { type LogWriter, writeAll } from "./writer.ts";
