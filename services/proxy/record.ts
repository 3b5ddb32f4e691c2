import { fileError } from "../../lib/cli/errors.ts";
import { expect, type Option, optional, text } from "../../lib/cli/options.ts";
import type { Log } from "../../lib/log/mod.ts";
import { recordToFile } from "../../lib/record/file.ts";
import type { Recorder } from "../../lib/record/recorder.ts";

/** The folder in which the sandboxes of the proxy and the tools may write. */
const FOLDER = "recordings";

/** An option for a file to write. It refuses the folder, in whose place a file could be made while there is none. */
export function outputFile(help: string): Option<string | undefined> {
  return optional({
    ...text("FILE", help, ""),
    parse(given) {
      const name = given.split("/").findLast((part) => part !== "" && part !== ".");
      return expect(name !== undefined && name !== FOLDER, given, `a file, such as ${FOLDER}/a.jsonl`, given);
    },
  });
}

/** Begins to write a recording. An error of the file system is the user's. */
export async function recordTo(path: string, recorder: Recorder, log: Log): Promise<AsyncDisposable> {
  try {
    return await recordToFile(recorder, path, { log });
  } catch (error) {
    throw fileError(`Cannot write the recording ${path}`, error);
  }
}
