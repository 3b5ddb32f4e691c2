/** The address of a server: a port of this machine, unless a path is given. */
export interface Endpoint {
  port: number;
  /** The path of its Unix socket. */
  path?: string;
  /** The CA of its certificate in PEM, if it uses TLS. */
  ca?: string;
}

/** Connects with the runtime's sockets, not with the library under test. */
export async function connectTo({ port, path, ca }: Endpoint): Promise<Deno.Conn> {
  if (path !== undefined) return await Deno.connect({ transport: "unix", path });
  const address = { hostname: "127.0.0.1", port };
  if (ca !== undefined) return await Deno.connectTls({ ...address, caCerts: [ca] });
  const socket = await Deno.connect(address);
  socket.setNoDelay(true);
  return socket;
}
