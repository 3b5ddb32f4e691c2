import { within } from "./within.ts";

const hostname = "127.0.0.1";

/** How often a starting server is tried, in milliseconds: the bench times the start. */
const RETRY_EVERY = 1;

/** The ports to choose a free one from. The system gives none of them to sockets that do not ask for one. */
const CHOICE = { first: 10_000, last: 32_767 };

/**
 * A port that nothing listens at, for a server that cannot report which port it got. A port that the system chooses would
 * soon be that of somebody's connection.
 */
export function freePort(transport: "tcp" | "udp" = "tcp"): number {
  for (;;) {
    const port = CHOICE.first + Math.floor(Math.random() * (CHOICE.last - CHOICE.first + 1));
    try {
      const address = { hostname, port };
      (transport === "tcp" ? Deno.listen(address) : Deno.listenDatagram({ transport, ...address })).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
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
