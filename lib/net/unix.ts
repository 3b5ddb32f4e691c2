/** What only the owner may do: connect. Unix systems ask for the right to write to the file. */
const OWNER_ONLY = 0o600;

/** How long a path can be in bytes: the field for it in Linux's `sockaddr_un`, without its zero; macOS has 103. */
const LONGEST_PATH = Deno.build.os === "linux" ? 107 : 103;

/** Listens at the path of a Unix socket, which only its owner can connect to. */
export function listenUnix(path: string): Deno.UnixListener {
  const { length } = new TextEncoder().encode(path);
  if (length > LONGEST_PATH) {
    throw new RangeError(`Cannot listen at a path of ${length} bytes: expected at most ${LONGEST_PATH}`);
  }
  const listener = Deno.listen({ transport: "unix", path });
  try {
    Deno.chmodSync(path, OWNER_ONLY);
  } catch (error) {
    listener.close();
    throw error;
  }
  return listener;
}

/**
 * Removes the file of a Unix socket that a program left behind when it was killed: one at which nobody answers. A file
 * of another kind, and a socket that somebody listens at, stay; listening there then fails with `AddrInUse`.
 *
 * @param path The path of the socket.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 *
 * @example It needs to read, write and listen at the path
 * ```ts ignore
 * import { removeStaleSocket, serveTcp } from "@wirebench/wirebench/net";
 *
 * const path = "/run/user/1000/server.sock";
 * await removeStaleSocket(path);
 * await using server = serveTcp({ path }, () => {});
 * ```
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const found = fileAt(path);
  if (!found?.isSocket) return;
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    // Another server may have done the same in the meantime, and this would be its socket.
    if (fileAt(path)?.ino === found.ino) Deno.removeSync(path);
  }
}

function fileAt(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
