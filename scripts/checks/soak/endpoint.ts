/** How clients reach a server: at a port of this machine, unless a path is given. */
export interface Place {
  port: number;
  /** The path of its Unix socket. */
  path?: string;
  /** The CA of its certificate, in PEM, where it speaks TLS. */
  ca?: string;
}

/** Connects with Deno's sockets alone, not with the library under test. */
export async function connectTo({ port, path, ca }: Place): Promise<Deno.Conn> {
  if (path !== undefined) return await Deno.connect({ transport: "unix", path });
  const at = { hostname: "127.0.0.1", port };
  if (ca !== undefined) return await Deno.connectTls({ ...at, caCerts: [ca] });
  const socket = await Deno.connect(at);
  socket.setNoDelay(true);
  return socket;
}
