import type { Command, Options } from "../cli/options.ts";
import { type Run, run } from "../cli/run.ts";
import type { Level } from "../log/mod.ts";
import { type Attempt, explain } from "./explain.ts";

/** What a task's own part gets. */
export interface TaskRun<Table extends Options> extends Run<Table> {
  /** Says what is being attempted, for the words of an error. */
  attempt: Attempt;
}

/**
 * Runs a task of this project: a command whose errors of sockets and sandboxes are explained.
 *
 * @param command What the task takes.
 * @param level The least important level it logs unless asked otherwise.
 * @param main What it does.
 */
export async function runTask<Table extends Options>(
  command: Command<Table>,
  level: Level,
  main: (run: TaskRun<Table>) => Promise<void>,
): Promise<void> {
  const attempt: Attempt = { task: command.name };
  await run(command, level, (run) => main({ ...run, attempt }), (error) => explain(error, attempt));
}
