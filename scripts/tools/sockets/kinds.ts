import { formatAddress } from "../../../lib/net/mod.ts";
import { table } from "../../shared/table.ts";

/** Fixed paths, so that the sandbox can allow these two and no other. */
const STREAM_PATH = "/tmp/wirebench-stream.sock";
const DATAGRAM_PATH = "/tmp/wirebench-datagram.sock";

/** One kind of socket: what it is called, and how one is made. */
interface Kind {
  family: string;
  type: string;
  open(): { addr: Deno.Addr; close(): void };
}

const KINDS: Kind[] = [
  { family: "IPv4", type: "TCP stream", open: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }) },
  { family: "IPv6", type: "TCP stream", open: () => Deno.listen({ hostname: "::1", port: 0 }) },
  {
    family: "IPv4",
    type: "UDP datagram",
    open: () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 }),
  },
  {
    family: "IPv6",
    type: "UDP datagram",
    open: () => Deno.listenDatagram({ transport: "udp", hostname: "::1", port: 0 }),
  },
  { family: "Unix", type: "stream", open: () => Deno.listen({ transport: "unix", path: STREAM_PATH }) },
  { family: "Unix", type: "datagram", open: openDatagram },
];

/** A Unix datagram socket; unlike a listener, it leaves its file behind. */
function openDatagram(): { addr: Deno.Addr; close(): void } {
  const socket = Deno.listenDatagram({ transport: "unixpacket", path: DATAGRAM_PATH });
  return {
    addr: socket.addr,
    close() {
      socket.close();
      Deno.removeSync(DATAGRAM_PATH);
    },
  };
}

/** The files of a run that was killed, which would be in the way for ever. */
function removeLeftOvers(): void {
  for (const path of [STREAM_PATH, DATAGRAM_PATH]) {
    try {
      Deno.removeSync(path);
    } catch {
      // There is none, or it is somebody else's, which the attempt to use it will say.
    }
  }
}

/** Makes a socket of each kind, and says what address the system gave it, or why there is none. */
export function kinds(): string {
  const rows = KINDS.map(({ family, type, open }) => {
    try {
      if (family === "Unix") removeLeftOvers();
      const socket = open();
      const address = formatAddress(socket.addr);
      socket.close();
      return [family, type, address];
    } catch (error) {
      return [family, type, `not available: ${error instanceof Error ? error.message : Deno.inspect(error)}`];
    }
  });
  return table(["family", "type", "address"], rows);
}
