/** Files and folders to read, and hosts to import from and to connect to. */
export interface Sources {
  /** Paths of the files and folders. */
  readonly read: readonly string[];
  /** Hosts with their ports. */
  readonly import: readonly string[];
  /** Addresses to connect to or to listen at. */
  readonly net?: readonly string[] | undefined;
}

/**
 * Checks permission for several paths and hosts, and names all of one kind in the error: a grant on the command line
 * replaces those of the permission set, so that naming one at a time would lead in circles.
 *
 * @param sources The paths and hosts.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow all of it.
 */
export async function requireAccess(sources: Sources): Promise<void> {
  await require("read", sources.read, (path) => ({ name: "read", path }));
  await require("import", sources.import, (host) => ({ name: "import", host }));
  await require("net", sources.net ?? [], (host) => ({ name: "net", host }));
}

async function require(
  kind: string,
  names: readonly string[],
  descriptor: (name: string) => Deno.PermissionDescriptor,
): Promise<void> {
  const asked = await Promise.all(names.map((name) => Deno.permissions.query(descriptor(name))));
  if (asked.every(({ state }) => state === "granted")) return;
  throw new Deno.errors.NotCapable(`Requires ${kind} access to "${names.join(",")}"`);
}
