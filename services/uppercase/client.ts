import { CommandError, flag, printLine, Stdin, UsageError } from "../../lib/cli/mod.ts";
import { addresses, type ClientRun, runClient } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { encodeText } from "../../lib/framing/text.ts";
import { decodeBytes, type Log } from "../../lib/log/mod.ts";
import { connectUdp, formatAddress, type HostPort } from "../../lib/net/mod.ts";
import { resolveUdp, UdpSocket } from "../../lib/net/udp_socket.ts";
import { PORT } from "./protocol.ts";

/** One of the three clients. */
interface Client extends Disposable {
  /** Sends a message and passes on each answer; throws a `ConnectionError` if an answer is late. */
  exchange(message: Uint8Array, onAnswer: (answer: Uint8Array) => Promise<void>): Promise<void>;
}

/** Options of all three clients. */
interface ClientOptions {
  /** The longest wait for an answer, in milliseconds. */
  timeout: number;
  signal: AbortSignal;
  log: Log;
}

/** The plain client: any host can send to its socket, so it compares each sender with the server's address. */
async function plain(server: HostPort, { timeout, signal, log }: ClientOptions): Promise<Client> {
  const address = await resolveUdp(server);
  const remote = formatAddress(address);
  const socket = UdpSocket.reaching([address], signal, log);
  const stranger = (from: string) => log.warn("{from} is not the server: datagram ignored", { from });
  return {
    async exchange(message, onAnswer) {
      socket.forget();
      await socket.send(message, address);
      await onAnswer(await socket.receiveFrom(remote, timeout, stranger));
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

/** The connected client: its socket drops the datagrams of every host but the server. */
async function connected(server: HostPort, { timeout, signal, log }: ClientOptions): Promise<Client> {
  const peer = await connectUdp({ ...server, signal, log });
  return {
    async exchange(message, onAnswer) {
      await peer.send(message);
      await onAnswer(await peer.receive(timeout));
    },
    [Symbol.dispose]: () => peer.close(),
  };
}

/** The matching client: asks several servers, and keeps the set of servers that have not answered yet. */
async function matching(servers: HostPort[], { timeout, signal, log }: ClientOptions): Promise<Client> {
  const addresses = await Promise.all(servers.map(resolveUdp));
  // Keyed by resolved address, so two names of one server expect one answer.
  const targets = new Map(addresses.map((address) => [formatAddress(address), address]));
  const socket = UdpSocket.reaching(addresses, signal, log);
  return {
    async exchange(message, onAnswer) {
      const unanswered = new Set(targets.keys());
      socket.forget();
      for (const address of targets.values()) await socket.send(message, address);
      const until = performance.now() + timeout;
      while (unanswered.size > 0) {
        const late = `No answer from ${[...unanswered].join(", ")} within ${timeout / 1000} s`;
        const { data, from } = await socket.receive(Math.max(0, until - performance.now()), late);
        if (unanswered.delete(from)) {
          log.info("{from} answers", { from });
          await onAnswer(data);
        } else {
          log.warn("unexpected host {from}", { from });
        }
      }
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

const options = {
  connected: flag("Receive datagrams from the server only, as a connected socket does"),
  to: addresses("Ask several servers and match each answer with its server"),
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
    ...task("uppercase:client"),
    summary: "Sends text, one datagram per message, and prints the answers.",
    port: PORT,
    transport: "udp",
    operands: {
      usage: "[MESSAGE...]",
      help: "The messages, one datagram each (default: the lines of standard input)",
      most: Infinity,
    },
    options,
  }, main);
}
