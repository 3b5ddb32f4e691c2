import { after } from "./timer.ts";

/** File mode: only the owner may connect, which requires write permission on the file. */
const OWNER_ONLY = 0o600;

/** Maximum length of a path in bytes: the field in `sockaddr_un` without its terminating zero. */
const LONGEST_PATH = Deno.build.os === "linux" ? 107 : 103;

/** Time that a starting server may need between two steps, in milliseconds. */
const PAUSE = 100;

/** The methods of a listener that {@linkcode serveTcp} uses. */
export type Listener = Pick<Deno.Listener<Deno.Conn>, "addr" | "accept" | "close">;

/** Listens at the path of a Unix socket. Only its owner can connect. */
export function listenUnix(path: string): Listener {
  const { length } = new TextEncoder().encode(path);
  if (length > LONGEST_PATH) {
    throw new RangeError(`Cannot listen at a path of ${length} bytes: expected at most ${LONGEST_PATH}`);
  }
  const listener = new OwnListener(path);
  try {
    Deno.chmodSync(path, OWNER_ONLY);
  } catch (error) {
    listener.close();
    throw error;
  }
  return listener;
}

/** A Unix listener that removes only its own file. The runtime's listener removes any file at its path. */
class OwnListener implements Listener {
  readonly #listener: Deno.UnixListener;
  readonly #isInPlace: () => boolean;
  #stopAccepting: (error: Error) => void = () => {};

  constructor(path: string) {
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#isInPlace = rememberFile(path);
  }

  get addr(): Deno.UnixAddr {
    return this.#listener.addr;
  }

  accept(): Promise<Deno.Conn> {
    return new Promise((resolve, reject) => {
      this.#stopAccepting = reject;
      this.#listener.accept().then(resolve, reject);
    });
  }

  close(): void {
    if (this.#isInPlace()) return this.#listener.close();
    // No client can reach this listener any more. It stays open, since closing it would remove another file.
    this.#listener.unref();
    addEventListener("unload", exit);
    this.#stopAccepting(new Deno.errors.BadResource("The listener is closed"));
  }
}

/** Ends the program at once. The runtime closes the listeners of a program that ends by itself, as `close` does. */
function exit(): never {
  Deno.exit();
}

/**
 * Remembers the file at a path by its device and inode.
 *
 * @param path The path of a socket that has just been bound. Its inode is not reused while the socket is open.
 * @returns A function that tells whether the same file is still at the path.
 */
export function rememberFile(path: string): () => boolean {
  const made = fileAt(path);
  return () => {
    try {
      const found = fileAt(path);
      return made !== undefined && found?.ino === made.ino && found.dev === made.dev;
    } catch {
      return false; // The folder can no longer be read.
    }
  };
}

/**
 * Removes the file of a Unix socket that a killed program left behind, at which nobody answers. A file of another kind and
 * a socket in use stay; listening there then fails with `AddrInUse`. If several programs call this at once, exactly one of
 * them then listens. Takes 0.2 s if there is such a file.
 *
 * @param path The path of the socket.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow it.
 *
 * @example Requires permission to read, write and listen at the path
 * ```ts ignore
 * import { removeStaleSocket, serveTcp } from "@wirebench/wirebench/net";
 *
 * const path = "/run/user/1000/server.sock";
 * await removeStaleSocket(path);
 * await using server = serveTcp({ path }, () => {});
 * ```
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const isInPlace = rememberFile(path);
  if (!fileAt(path)?.isSocket || await isAnswered(path)) return;
  // A server that is just starting has bound its socket and will listen a moment later.
  await pause();
  if (await isAnswered(path)) return;
  try {
    if (isInPlace()) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  // Another server may be between these two steps and would remove a new socket at this path.
  await pause();
}

function pause(): Promise<void> {
  return new Promise((resolve) => after(PAUSE, resolve));
}

async function isAnswered(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound) return false;
    throw error;
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
