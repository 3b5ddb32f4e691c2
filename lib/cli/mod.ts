/**
 * Command lines: options described once in a table, help, exit codes, signals, and standard input that does not keep a
 * finished program alive.
 *
 * ```ts
 * import { helpText, port } from "@wirebench/wirebench/cli";
 *
 * const options = { port: port("Port to listen at", 7, 0) };
 * console.log(helpText({ name: "echo:server", summary: "Sends back what it gets.", options }));
 * ```
 *
 * @module
 */

export { type Conversation, isInteractive, openConversation } from "./conversation.ts";
export { CommandError, explainError, fileError, orUsage, UsageError } from "./errors.ts";
export {
  choice,
  type Command,
  type CommandLine,
  flag,
  helpText,
  host,
  integer,
  list,
  type Operands,
  type Option,
  optional,
  type Options,
  parseCommandLine,
  passedOn,
  percent,
  port,
  range,
  seconds,
  secondsRange,
  text,
  type Values,
} from "./options.ts";
export { type Run, run } from "./run.ts";
export { type StopRequests, stopRequests } from "./signals.ts";
export { printLine, Stdin, streamToStdout, writeStdout } from "./stdio.ts";
