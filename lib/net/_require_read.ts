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
