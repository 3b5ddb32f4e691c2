import { bold } from "@std/fmt/colors";
import { configureLog, escapeText, type Level, LOG_LEVELS } from "../log/mod.ts";
import { CommandError, explainError, UsageError } from "./errors.ts";
import {
  choice,
  type Command,
  helpText,
  type Option,
  type Options,
  parseCommandLine,
  usageOf,
  type Values,
} from "./options.ts";
import { type StopRequests, stopRequests } from "./signals.ts";

/** Time after which a finished command exits even if something keeps it alive, in milliseconds. */
const EXIT_TIMEOUT = 250;

/** Options of every command: how it writes its log. */
interface LogTable extends Options {
  log: Option<"text" | "json">;
  logLevel: Option<Level>;
}

/** Arguments of the function that a command runs. */
export interface Run<Table extends Options> {
  /** Values of the options, with defaults filled in. */
  values: Values<Table>;
  /** The operands. */
  operands: string[];
  /** Requests to stop. */
  requests: StopRequests;
}

/**
 * Runs a command: parses its command line, configures its log, and reports an error in one line on standard error. Sets the
 * exit code: 0 success, 1 failure, 2 wrong usage, or that of a {@linkcode CommandError}.
 *
 * @param command The options and operands of the command.
 * @param level Default of `--log-level`.
 * @param main The command itself.
 * @param explain Formats an error as one line.
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
    await using _log = configureLog({ format, level: logLevel });
    requests = stopRequests();
    await main({ values, operands, requests });
  } catch (error) {
    code = error instanceof UsageError ? 2 : error instanceof CommandError ? error.exitCode : 1;
    const advice = code === 2 ? `; see ${usageOf(command)} --help` : "";
    // The message may contain text of a peer.
    console.error(`${command.name}: ${escapeText(explain(error))}${advice}`);
  }
  await requests?.debounced();
  Deno.exitCode = code;
  Deno.unrefTimer(setTimeout(() => Deno.exit(code), EXIT_TIMEOUT));
}
