import { CommandError } from "./explain.ts";

/**
 * Makes sure that all of some files and folders may be read, and names all of them if not: a grant on the command line
 * replaces those of a sandbox, so that naming one at a time would lead in circles.
 *
 * @param paths What is to be read.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow all of it.
 */
export async function requireRead(paths: readonly string[]): Promise<void> {
  const asked = await Promise.all(paths.map((path) => Deno.permissions.query({ name: "read", path })));
  if (asked.every(({ state }) => state === "granted")) return;
  throw new Deno.errors.NotCapable(`Requires read access to "${paths.join(",")}"`);
}

/**
 * Reads a file that an option names.
 *
 * @param option The option, for what is said when there is none.
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
