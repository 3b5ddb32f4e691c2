import { CommandError } from "../cli/errors.ts";

/**
 * Reads a file that an option names.
 *
 * @param option The option, for the error message.
 * @param path The file.
 * @returns Its text.
 * @throws {CommandError} If it cannot be read.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 */
export async function readPem(option: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const why = error instanceof Deno.errors.NotFound ? "there is no such file; deno task certs makes one" : error;
    throw new CommandError(`Cannot read ${option} ${path}: ${why instanceof Error ? why.message : why}`);
  }
}
