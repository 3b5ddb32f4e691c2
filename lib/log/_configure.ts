import { configure, dispose, type LogLevel, type Sink } from "@logtape/logtape";
import { reportBudgets } from "./_budget.ts";

/** Category of all loggers of this library, for programs that configure LogTape themselves. */
export const LOG_CATEGORY = "wirebench";

/** Sends the log of this library to a sink. Disposing of the result writes everything that is queued. */
export async function configureSink(sink: Sink & AsyncDisposable, level: LogLevel): Promise<AsyncDisposable> {
  await configure({
    sinks: { sink },
    loggers: [
      { category: LOG_CATEGORY, sinks: ["sink"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: ["sink"], lowestLevel: "warning" },
    ],
    reset: true,
  });
  return {
    async [Symbol.asyncDispose]() {
      reportBudgets();
      await dispose();
    },
  };
}
