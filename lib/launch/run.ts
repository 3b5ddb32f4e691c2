import type { Command, Options } from "../cli/options.ts";
import { type Run, run } from "../cli/run.ts";
import type { Level } from "../log/mod.ts";
import { type Attempt, explain } from "./explain.ts";

/** Arguments of a task's main function. */
export interface TaskRun<Table extends Options> extends Run<Table> {
  /** What the task attempts, for error messages. */
  attempt: Attempt;
}

/**
 * Runs a task of this project: a command that explains errors of sockets and permissions.
 *
 * @param command The options and operands of the task.
 * @param level Default of `--log-level`.
 * @param main The task itself.
 */
export async function runTask<Table extends Options>(
  command: Command<Table>,
  level: Level,
  main: (run: TaskRun<Table>) => Promise<void>,
): Promise<void> {
  const attempt: Attempt = { task: command.name };
  await run(command, level, (run) => main({ ...run, attempt }), (error) => explain(error, attempt));
}
