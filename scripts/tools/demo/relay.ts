import { writeAll } from "../../../lib/log/mod.ts";
import { formatAddress } from "../../../lib/net/mod.ts";

/** The direction of a chunk or datagram. */
export type Direction = "to server" | "to client";

/** Called with each chunk or datagram; `peer` is the client's address. */
export type Tap = (peer: string, direction: Direction, bytes: Uint8Array) => void;

/** Forwards bytes between clients and one server, to show what is on the wire. */
export interface Relay extends AsyncDisposable {
  /** The port for clients. */
  readonly port: number;
}

const hostname = "127.0.0.1";

/** Relays TCP connections to a port, half-closes included. */
export function relayTcp(port: number, tap: Tap): Relay {
  const listener = Deno.listen({ hostname, port: 0 });
  const relaying = new Set<Promise<void>>();

  async function pump(from: Deno.TcpConn, to: Deno.TcpConn, peer: string, direction: Direction): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    for (let count; (count = await from.read(buffer)) !== null;) {
      tap(peer, direction, buffer.subarray(0, count));
      await writeAll(to, buffer.subarray(0, count));
    }
    await to.closeWrite();
  }

  async function relay(client: Deno.TcpConn): Promise<void> {
    const peer = formatAddress(client.remoteAddr);
    using _client = client;
    using server = await Deno.connect({ hostname, port });
    client.setNoDelay(true);
    server.setNoDelay(true);
    await Promise.all([pump(client, server, peer, "to server"), pump(server, client, peer, "to client")]);
  }

  const accepting = (async () => {
    for await (const client of listener) {
      // An aborted connection shows in the output of its client or server.
      const ended: Promise<void> = relay(client).catch(() => {}).then(() => void relaying.delete(ended));
      relaying.add(ended);
    }
  })();
  return {
    port: listener.addr.port,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(relaying);
    },
  };
}

/** Relays datagrams to a port. Each client has its own socket, so that answers go back to it. */
export function relayUdp(port: number, tap: Tap): Relay {
  const front = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  const backs = new Map<string, Deno.DatagramConn>();
  const pumps: Promise<void>[] = [];

  async function pump(
    from: Deno.DatagramConn,
    pass: (data: Uint8Array, sender: Deno.NetAddr) => Promise<unknown>,
  ): Promise<void> {
    try {
      for await (const [data, sender] of from) await pass(data, sender as Deno.NetAddr);
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
  }

  pumps.push(pump(front, async (data, client) => {
    const peer = formatAddress(client);
    let back = backs.get(peer);
    if (back === undefined) {
      back = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
      backs.set(peer, back);
      pumps.push(pump(back, async (answer) => {
        tap(peer, "to client", answer);
        await front.send(answer, client);
      }));
    }
    tap(peer, "to server", data);
    await back.send(data, { transport: "udp", hostname, port });
  }));
  return {
    port: (front.addr as Deno.NetAddr).port,
    async [Symbol.asyncDispose]() {
      front.close();
      for (const back of backs.values()) back.close();
      await Promise.all(pumps);
    },
  };
}
