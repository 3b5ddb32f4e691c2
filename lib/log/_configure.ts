import { configure, dispose, type LogLevel, type Sink } from "@logtape/logtape";
import { settleBudgets } from "./_budget.ts";

/** The category all of this project's loggers stand under, for a program that configures LogTape itself. */
export const LOG_CATEGORY = "wirebench";

/** Sends the log of everything here to a sink. Disposing of what it returns writes what is still to be written. */
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
      settleBudgets();
      await dispose();
    },
  };
}
