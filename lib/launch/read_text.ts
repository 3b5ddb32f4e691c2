import { CommandError } from "../cli/errors.ts";
import type { Advice } from "./explain.ts";

/**
 * Reads a file that an option names.
 *
 * @param option The option, for the error message.
 * @param path The file.
 * @param advice Names the command that makes one.
 * @returns Its text.
 * @throws {CommandError} If it cannot be read.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 */
export async function readText(option: string, path: string, { certificate }: Advice = {}): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const none = `there is no such file${certificate === undefined ? "" : `; ${certificate} makes one`}`;
    const why = error instanceof Deno.errors.NotFound ? none : error instanceof Error ? error.message : error;
    throw new CommandError(`Cannot read ${option} ${path}: ${why}`);
  }
}
