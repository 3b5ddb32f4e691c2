/**
 * Checks permission to read several paths, and names all of them in the error: a grant on the command line replaces those
 * of the permission set, so that naming one path at a time would lead in circles.
 *
 * @param paths The files and folders.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow all of it.
 */
export async function requireRead(paths: readonly string[]): Promise<void> {
  const asked = await Promise.all(paths.map((path) => Deno.permissions.query({ name: "read", path })));
  if (asked.every(({ state }) => state === "granted")) return;
  throw new Deno.errors.NotCapable(`Requires read access to "${paths.join(",")}"`);
}
