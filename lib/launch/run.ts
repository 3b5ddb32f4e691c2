import type { Command, Options } from "../cli/options.ts";
import { type Run, run } from "../cli/run.ts";
import type { Level } from "../log/mod.ts";
import { type Advice, type Attempt, explain } from "./explain.ts";

/** Name of a program, and how it is started, for its help and its error messages. */
export interface Program {
  /** Its name, which begins its error messages. */
  name: string;
  /**
   * Command line that starts it, as its help shows it: `deno run -A program.ts`.
   *
   * @default {string} the name
   */
  usage?: string | undefined;
  /** Command lines that its error messages suggest. */
  advice?: Advice | undefined;
}

/** Arguments of a task's main function. */
export interface TaskRun<Table extends Options> extends Run<Table> {
  /** What the task attempts, for error messages. */
  attempt: Attempt;
}

/**
 * Runs a task: a command that explains errors of sockets and permissions.
 *
 * @param command The options and operands of the task.
 * @param level Default of `--log-level`.
 * @param main The task itself.
 */
export async function runTask<Table extends Options>(
  command: Command<Table> & Program,
  level: Level,
  main: (run: TaskRun<Table>) => Promise<void>,
): Promise<void> {
  const attempt: Attempt = { name: command.name, advice: command.advice };
  await run(command, level, (run) => main({ ...run, attempt }), (error) => explain(error, attempt));
}
