import { CommandError, explainError } from "../../lib/cli/mod.ts";
import type { Log } from "../../lib/log/mod.ts";
import { recordToFile } from "../../lib/record/file.ts";
import type { Recorder } from "../../lib/record/recorder.ts";

/** Begins to write a recording. An error of the file system is the user's. */
export async function recordTo(path: string, recorder: Recorder, log: Log): Promise<AsyncDisposable> {
  try {
    return await recordToFile(recorder, path, { log });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new CommandError(`Cannot write the recording ${path}: ${explainError(error)}`);
  }
}
