import { formatAddress } from "../../../lib/net/mod.ts";
import { table } from "../../shared/table.ts";

/** Fixed paths, so that the sandbox can allow these two only. */
const STREAM_PATH = "/tmp/wirebench-stream.sock";
const DATAGRAM_PATH = "/tmp/wirebench-datagram.sock";

/** A kind of socket. */
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

/** Opens a Unix datagram socket. Unlike a listener, it does not remove its file. */
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

/** Removes the files of a run that was killed, which would block the paths. */
function removeStaleFiles(): void {
  for (const path of [STREAM_PATH, DATAGRAM_PATH]) {
    try {
      Deno.removeSync(path);
    } catch {
      // It does not exist, or belongs to another user, and opening the socket will fail.
    }
  }
}

/** Makes a socket of each kind, and returns a table of their addresses, or of the errors. */
export function kinds(): string {
  const rows = KINDS.map(({ family, type, open }) => {
    try {
      if (family === "Unix") removeStaleFiles();
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
