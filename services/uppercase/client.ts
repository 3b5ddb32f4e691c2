import { CommandError, flag, printLine, Stdin, UsageError } from "../../lib/cli/mod.ts";
import { addresses, type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { decodeBytes, type Log } from "../../lib/log/mod.ts";
import { connectUdp, formatAddress, type HostPort, resolveUdp, UdpSocket } from "../../lib/net/mod.ts";
import { PORT } from "./protocol.ts";

/** Sends one message and hands each answer on; throws a `ConnectionError` when an answer does not come in time. */
interface Client extends Disposable {
  exchange(message: Uint8Array, answered: (answer: Uint8Array) => Promise<void>): Promise<void>;
}

/** What every client needs to know. */
interface ClientOptions {
  /** How long an answer may take, in milliseconds. */
  timeout: number;
  signal: AbortSignal;
  log: Log;
}

/** The plain client: anybody may write to its socket, so it looks at who answered. */
async function plain(server: HostPort, { timeout, signal, log }: ClientOptions): Promise<Client> {
  const address = await resolveUdp(server);
  const remote = formatAddress(address);
  const socket = UdpSocket.reaching([address], signal, log);
  const stranger = (from: string) => log.warn("{from} is not the server, its datagram is ignored", { from });
  return {
    async exchange(message, answered) {
      socket.forget();
      await socket.send(message, address);
      await answered(await socket.receiveFrom(remote, timeout, stranger));
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

/** The connected client: its socket knows one peer, others are never seen. */
async function connected(server: HostPort, { timeout, signal, log }: ClientOptions): Promise<Client> {
  const peer = await connectUdp({ ...server, signal, log });
  return {
    async exchange(message, answered) {
      await peer.send(message);
      await answered(await peer.receive(timeout));
    },
    [Symbol.dispose]: () => peer.close(),
  };
}

/** The matching client: asks several servers, and keeps the set of those that still owe an answer. */
async function matching(servers: HostPort[], { timeout, signal, log }: ClientOptions): Promise<Client> {
  const addresses = await Promise.all(servers.map(resolveUdp));
  // By what they resolve to, so that two names of one server owe one answer.
  const targets = new Map(addresses.map((address) => [formatAddress(address), address]));
  const socket = UdpSocket.reaching(addresses, signal, log);
  return {
    async exchange(message, answered) {
      const owing = new Set(targets.keys());
      socket.forget();
      for (const address of targets.values()) await socket.send(message, address);
      const until = performance.now() + timeout;
      while (owing.size > 0) {
        const late = `No answer from ${[...owing].join(", ")} within ${timeout / 1000} s`;
        const { data, from } = await socket.receive(Math.max(0, until - performance.now()), late);
        if (owing.delete(from)) {
          log.info("{from} answers", { from });
          await answered(data);
        } else {
          log.warn("unexpected host {from}", { from });
        }
      }
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

const options = {
  connected: flag("Take datagrams from the server alone, as a connected socket does"),
  to: addresses("Ask several servers, and match the answers with them"),
};

async function main(run: ClientRun<typeof options>): Promise<void> {
  const { values: { connected: isConnected, to }, operands, hostname, port, timeout, requests, log } = run;
  if (isConnected && to.length > 0) throw new UsageError("--connected is for one server, --to for several");
  const settings = { timeout, signal: requests.stop, log };
  const server = { hostname, port };
  using client =
    await (to.length > 0
      ? matching(to, settings)
      : isConnected
      ? connected(server, settings)
      : plain(server, settings));
  using stdin = operands.length === 0 ? new Stdin() : undefined;
  requests.stop.addEventListener("abort", () => stdin?.close());
  for await (const message of stdin?.lines() ?? operands) {
    await client.exchange(encodeText(message), (answer) => printLine(decodeBytes(answer)));
  }
  if (requests.stop.aborted) throw new CommandError("Interrupted");
}

if (import.meta.main) {
  await runClient({
    name: "uppercase",
    summary: "Sends text in datagrams and prints the answers.",
    port: PORT,
    transport: "udp",
    operands: {
      usage: "[MESSAGE...]",
      help: "One datagram each (default: the lines of standard input)",
      most: Infinity,
    },
    options,
  }, main);
}
