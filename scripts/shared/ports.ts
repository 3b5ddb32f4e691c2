import { within } from "./within.ts";

const hostname = "127.0.0.1";

/** How often a starting server is tried, in milliseconds: the bench times the start. */
const RETRY_EVERY = 1;

/** A port that nothing listens at, for a server that cannot report which port it got. */
export function freePort(transport: "tcp" | "udp" = "tcp"): number {
  const socket = transport === "tcp"
    ? Deno.listen({ hostname, port: 0 })
    : Deno.listenDatagram({ transport, hostname, port: 0 });
  socket.close();
  return (socket.addr as Deno.NetAddr).port;
}

/** Waits until a server accepts a TCP connection, or answers a UDP datagram of one byte. */
export async function untilListening(port: number, transport: "tcp" | "udp" = "tcp"): Promise<void> {
  const end = new AbortController();
  const listening = transport === "tcp" ? untilConnected(port, end.signal) : untilAnswered(port, end.signal);
  try {
    await within(listening, `a server to listen at ${transport} port ${port}`);
  } finally {
    end.abort();
  }
}

async function untilConnected(port: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      return (await Deno.connect({ hostname, port })).close();
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_EVERY));
    }
  }
}

async function untilAnswered(port: number, signal: AbortSignal): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  const sending = setInterval(
    () => void socket.send(new Uint8Array(1), { transport: "udp", hostname, port }),
    RETRY_EVERY,
  );
  signal.addEventListener("abort", () => {
    clearInterval(sending);
    socket.close();
  });
  await socket.receive();
}
