import { bold } from "@std/fmt/colors";
import { configureLog, escapeText, type Level, LOG_LEVELS } from "../log/mod.ts";
import { explainError, UsageError } from "./errors.ts";
import { choice, type Command, helpText, type Option, type Options, parseCommandLine, type Values } from "./options.ts";
import { type StopRequests, stopRequests } from "./signals.ts";

/** How long a command that is done may stay alive because of something forgotten, in milliseconds. */
const EXIT_TIMEOUT = 1000;

/** The options every command has: how it writes its log. */
interface LogTable extends Options {
  log: Option<"text" | "json">;
  logLevel: Option<Level>;
}

/** What a command's own part gets. */
export interface Run<Table extends Options> {
  /** The options' values, the defaults filled in. */
  values: Values<Table>;
  /** What was given besides options. */
  operands: string[];
  /** Requests to stop. */
  requests: StopRequests;
}

/**
 * Runs a command: reads its command line, sets up its log, and turns what is thrown into one line on standard error
 * and an exit code: 0 done, 1 failed, 2 wrong usage.
 *
 * @param command What the command takes.
 * @param level The least important level it logs unless asked otherwise.
 * @param main What it does.
 * @param explain Says in one line what went wrong, from what was thrown.
 * @param args The arguments.
 */
export async function run<Table extends Options>(
  command: Command<Table>,
  level: Level,
  main: (run: Run<Table>) => Promise<void>,
  explain: (error: unknown) => string = explainError,
  args: string[] = Deno.args,
): Promise<void> {
  const log: LogTable = {
    log: choice("Form of the log on standard error", ["text", "json"], "text"),
    logLevel: choice("Least important level logged", LOG_LEVELS, level),
  };
  const full: Command<Table & LogTable> = { ...command, options: { ...command.options, ...log } };
  let code = 0;
  let requests: StopRequests | undefined;
  try {
    const { values, operands, help } = parseCommandLine(full, args);
    if (help) {
      console.log(helpText(full, Deno.stdout.isTerminal() && !Deno.noColor ? bold : String));
      return;
    }
    const { log: format, logLevel } = values as Values<LogTable>;
    await using _log = await configureLog({ format, level: logLevel });
    requests = stopRequests();
    await main({ values, operands, requests });
  } catch (error) {
    code = error instanceof UsageError ? 2 : 1;
    const advice = code === 2 ? `; see deno task ${command.name} --help` : "";
    // What a peer said may be part of it.
    console.error(`${command.name}: ${escapeText(explain(error))}${advice}`);
  }
  await requests?.settled();
  Deno.exitCode = code;
  Deno.unrefTimer(setTimeout(() => Deno.exit(code), EXIT_TIMEOUT));
}
