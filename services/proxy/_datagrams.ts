import { explainError } from "../../lib/cli/mod.ts";
import { type Endpoint, formatAddress } from "../../lib/net/mod.ts";
import { after, sleep } from "../../lib/net/timer.ts";
import { resolveUdp } from "../../lib/net/udp_socket.ts";
import { sourceAddress } from "../../lib/net/address.ts";
import { DATAGRAM_BUFFER_SIZE } from "../../lib/net/datagram.ts";
import { DatagramFaults, type Direction, type Faults } from "./_faults.ts";
import type { ProxyConfig, RunningProxy } from "./_proxy.ts";

/** The time after its last datagram until a client is forgotten, in milliseconds. */
const IDLE_TIMEOUT = 60_000;
/**
 * The time a client must be silent before a new one may replace it, in milliseconds. In a loop of proxies each round adds a
 * client, so the loop ends once no client may be replaced.
 */
const MIN_SILENCE = 1000;
/** The longest time a datagram is held back for the next one to be sent first, in milliseconds. */
const REORDER_TIMEOUT = 100;
/** The length of the queue of a client and direction. Like a router, the proxy drops datagrams beyond it. */
const MAX_QUEUED = 1000;
/** The pause before receiving again after an error, in milliseconds. */
const ERROR_PAUSE = 100;

/** Forwards the datagrams of one client in one direction. */
class DatagramQueue {
  readonly #config: ProxyConfig;
  readonly #way: Direction;
  readonly #peer: string;
  readonly #connection: number;
  #options: Faults;
  #faults: DatagramFaults;
  readonly #send: (datagram: Uint8Array) => Promise<unknown>;
  readonly #signal: AbortSignal;
  /** Fulfilled when the last datagram of the queue is sent. */
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;
  #number = 0;
  /** When the last datagram of the queue is due. */
  #due = 0;
  /** Sends the datagram that is held back. */
  #sendHeld: (() => void) | undefined;

  constructor(
    config: ProxyConfig,
    way: Direction,
    peer: string,
    connection: number,
    signal: AbortSignal,
    send: (datagram: Uint8Array) => Promise<unknown>,
  ) {
    this.#config = config;
    this.#way = way;
    this.#peer = peer;
    this.#connection = connection;
    this.#options = config.faults;
    this.#faults = new DatagramFaults(config.faults, config.seed, connection, way);
    this.#send = send;
    this.#signal = signal;
  }

  /** Forwards a datagram, with its faults. The caller may overwrite the bytes afterwards. */
  forward(bytes: Uint8Array): void {
    const { faults: options, seed } = this.#config;
    if (options !== this.#options) {
      this.#options = options;
      this.#faults = new DatagramFaults(options, seed, this.#connection, this.#way);
    }
    const { copies, reordered, delay } = this.#faults.next();
    this.#number++;
    if (copies === 0) return this.#count("lost");
    if (copies > 1) this.#count("repeated");
    const datagram = bytes.slice();
    const send = () => {
      for (let copy = 0; copy < copies; copy++) this.#queue(datagram, delay);
    };
    if (reordered && this.#sendHeld === undefined) {
      this.#count("reordered");
      const cancel = after(REORDER_TIMEOUT, () => this.#sendHeld?.());
      this.#sendHeld = () => {
        cancel();
        this.#sendHeld = undefined;
        send();
      };
    } else {
      send();
      this.#sendHeld?.();
    }
  }

  /** Cancels the timer of a held datagram. Abort the signal first, so that the datagram is not sent. */
  close(): void {
    this.#sendHeld?.();
  }

  #count(fault: "lost" | "repeated" | "reordered"): void {
    const { log, report } = this.#config;
    report.faults[fault]++;
    log.info("{peer}: datagram {number} {way} {fault}", {
      peer: this.#peer,
      number: this.#number,
      way: this.#way,
      fault,
    });
  }

  #queue(datagram: Uint8Array, delay: number): void {
    const { log, report } = this.#config;
    const facts = { peer: this.#peer, way: this.#way };
    if (this.#queued >= MAX_QUEUED) return log.warn("{peer}: the queue {way} is full, datagram dropped", facts);
    this.#queued++;
    this.#due = Math.max(this.#due, performance.now() + delay);
    const due = this.#due;
    this.#tail = this.#tail.then(async () => {
      if (delay > 0) await sleep(due - performance.now(), this.#signal);
      this.#queued--;
      if (this.#signal.aborted) return;
      try {
        await this.#send(datagram);
        report[this.#way] += datagram.length;
      } catch (error) {
        if (!this.#signal.aborted) {
          log.warn("{peer}: cannot send a datagram {way}: {error}", { ...facts, error: explainError(error) });
        }
      }
    });
  }
}

/** A client, which has its own socket to the target. */
interface Client {
  readonly up: DatagramQueue;
  /** When the last datagram was received from either side. */
  lastActive: number;
  /** Restarts the idle timeout. */
  touch(): void;
  /** Closes the client's socket. */
  forget(): void;
}

/**
 * Forwards datagrams. Each client gets its own socket to the target, so that the target can distinguish clients and its
 * answers reach the right one. Datagrams from other hosts than the target are not forwarded.
 *
 * @param config The checked options.
 * @returns The running proxy.
 */
export async function proxyDatagrams(config: ProxyConfig): Promise<RunningProxy> {
  const { log, report, maxConnections } = config;
  const listen = config.listen as Extract<Endpoint, { port: number }>;
  const target = await resolveUdp(config.to as Extract<Endpoint, { port: number }>);
  const targetName = formatAddress(target);
  const front = Deno.listenDatagram({ transport: "udp", hostname: listen.hostname, port: listen.port });
  /** Ordered by last activity, the longest idle first. */
  const clients = new Map<string, Client>();
  const receiving = new Set<Promise<void>>();
  const stopped = new AbortController();

  function receive(
    socket: Deno.DatagramConn,
    signal: AbortSignal,
    onDatagram: (datagram: Uint8Array, from: Deno.NetAddr) => void,
  ): void {
    const loop = (async () => {
      const buffer = new Uint8Array(DATAGRAM_BUFFER_SIZE);
      while (!signal.aborted) {
        try {
          const [datagram, from] = await socket.receive(buffer);
          if (!signal.aborted) onDatagram(datagram, from as Deno.NetAddr);
        } catch (error) {
          if (signal.aborted) return;
          log.warn("Cannot receive a datagram: {error}", { error: explainError(error) });
          await sleep(ERROR_PAUSE, signal);
        }
      }
    })();
    receiving.add(loop);
    loop.finally(() => receiving.delete(loop));
  }

  function open(peer: string, address: Deno.NetAddr): Client {
    const number = ++report.connections;
    const forgotten = new AbortController();
    const back = Deno.listenDatagram({ transport: "udp", hostname: sourceAddress(target), port: 0 });
    const queue = (way: Direction, send: (datagram: Uint8Array) => Promise<unknown>) =>
      new DatagramQueue(config, way, peer, number, forgotten.signal, send);
    const up = queue("up", (datagram) => back.send(datagram, target));
    const down = queue("down", (datagram) => front.send(datagram, address));
    let cancelTimeout = () => {};
    const client: Client = {
      up,
      lastActive: 0,
      touch() {
        client.lastActive = performance.now();
        clients.delete(peer);
        clients.set(peer, client);
        cancelTimeout();
        cancelTimeout = after(IDLE_TIMEOUT, client.forget);
      },
      forget() {
        cancelTimeout();
        clients.delete(peer);
        forgotten.abort();
        up.close();
        down.close();
        back.close();
        log.info("{peer} forgotten", { peer });
      },
    };
    receive(back, forgotten.signal, (datagram, from) => {
      if (formatAddress(from) !== targetName) return;
      client.touch();
      down.forward(datagram);
    });
    log.info("{peer} connected, connection {number}", { peer, number });
    return client;
  }

  receive(front, stopped.signal, (datagram, from) => {
    const peer = formatAddress(from);
    let client = clients.get(peer);
    if (client === undefined) {
      if (clients.size >= maxConnections) {
        const idle = clients.values().next().value!;
        if (performance.now() - idle.lastActive < MIN_SILENCE) {
          return log.warn("{peer}: too many clients, datagram dropped", { peer });
        }
        idle.forget();
      }
      client = open(peer, from);
    }
    client.touch();
    client.up.forward(datagram);
  });

  return {
    addr: front.addr as Deno.NetAddr,
    get connections() {
      return clients.size;
    },
    async stop() {
      stopped.abort();
      for (const client of [...clients.values()]) client.forget();
      front.close();
      await Promise.all(receiving);
    },
  };
}
