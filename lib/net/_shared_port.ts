/** Time that the exclusive listener stays open, in milliseconds. */
const EXCLUSIVE = 10;
/** Maximum time between the two listeners, in milliseconds: shorter than another program's exclusive one stays open. */
const GAP = EXCLUSIVE / 2;

/**
 * Opens the first of several listeners that share a port.
 *
 * Linux shares a port among all listeners that ask for it, and refuses it to an exclusive listener while there are any.
 * So an exclusive listener comes first, and the shared one right after it. If another program opens its own exclusive
 * listener in the gap, that one is still open when this program opens its shared one, which then fails.
 *
 * @throws {Deno.errors.AddrInUse} If another program listens there, exclusively or not.
 */
export function listenFirst(options: Deno.TcpListenOptions): Deno.TcpListener {
  for (;;) {
    // Closing it resets the clients that wait to be accepted. The backlog has room for one; others try again by then.
    const exclusive = Deno.listen({ ...options, tcpBacklog: 0 });
    const { port } = exclusive.addr;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, EXCLUSIVE);
    const closed = performance.now();
    exclusive.close();
    const shared = Deno.listen({ ...options, port, reusePort: true });
    if (performance.now() - closed < GAP) return shared;
    shared.close();
  }
}
