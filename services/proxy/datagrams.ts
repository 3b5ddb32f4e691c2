import { after, type Endpoint, formatAddress, resolveUdp, sleep } from "../../lib/net/mod.ts";
import { sourceAddress } from "../../lib/net/address.ts";
import { DATAGRAM_BUFFER_SIZE } from "../../lib/net/datagram.ts";
import { DatagramFaults, type Direction } from "./faults.ts";
import type { Proxying, Setting } from "./proxying.ts";

/** How long after its last datagram a client is forgotten, in milliseconds. */
const IDLE_TIMEOUT = 60_000;
/**
 * How long a client must have been silent to make room for another, in milliseconds. In a loop of proxies each round
 * brings a new client: it ends when there is room for none.
 */
const SILENT_AT_LEAST = 1000;
/** How long a datagram is held back for the next one to go first, in milliseconds. */
const HELD_BACK = 100;
/** How many datagrams of a client may wait to be sent one way; a real queue drops the rest too. */
const MOST_QUEUED = 1000;
/** How long to wait before receiving again after an error, in milliseconds. */
const ERROR_PAUSE = 100;

/** The datagrams of one client that go one way. */
class Lane {
  readonly #setting: Setting;
  readonly #way: Direction;
  readonly #peer: string;
  readonly #faults: DatagramFaults;
  readonly #send: (datagram: Uint8Array) => Promise<unknown>;
  readonly #signal: AbortSignal;
  /** Sends one after the other. */
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;
  #number = 0;
  /** When the last one goes. */
  #due = 0;
  #held: (() => void) | undefined;

  constructor(
    setting: Setting,
    way: Direction,
    peer: string,
    connection: number,
    signal: AbortSignal,
    send: (datagram: Uint8Array) => Promise<unknown>,
  ) {
    this.#setting = setting;
    this.#way = way;
    this.#peer = peer;
    this.#faults = new DatagramFaults(setting.faults, setting.seed, connection, way);
    this.#send = send;
    this.#signal = signal;
  }

  /** Passes a datagram on, or does not. The bytes may be overwritten afterwards. */
  pass(bytes: Uint8Array): void {
    const { copies, late, delay } = this.#faults.next();
    this.#number++;
    if (copies === 0) return this.#count("lost");
    if (copies > 1) this.#count("repeated");
    const datagram = bytes.slice();
    const send = () => {
      for (let copy = 0; copy < copies; copy++) this.#queue(datagram, delay);
    };
    if (late && this.#held === undefined) {
      this.#count("reordered");
      const cancel = after(HELD_BACK, () => this.#held?.());
      this.#held = () => {
        cancel();
        this.#held = undefined;
        send();
      };
    } else {
      send();
      this.#held?.();
    }
  }

  /** Lets go of what is held back: with the signal aborted, it goes nowhere. */
  close(): void {
    this.#held?.();
  }

  #count(what: "lost" | "repeated" | "reordered"): void {
    const { log, report } = this.#setting;
    report.faults[what]++;
    log.info("{peer}: datagram {number} {way} {what}", {
      peer: this.#peer,
      number: this.#number,
      way: this.#way,
      what,
    });
  }

  #queue(datagram: Uint8Array, delay: number): void {
    const { log, report } = this.#setting;
    const facts = { peer: this.#peer, way: this.#way };
    if (this.#queued >= MOST_QUEUED) return log.warn("{peer}: too many datagrams wait to go {way}, one is lost", facts);
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
        const words = error instanceof Error ? error.message : error;
        if (!this.#signal.aborted) log.warn("{peer}: a datagram cannot go {way}: {error}", { ...facts, error: words });
      }
    });
  }
}

/** A client by its address, and the socket that stands for it with the target. */
interface Client {
  readonly up: Lane;
  /** When something passed last. */
  passedAt: number;
  /** Called for everything that passes, so that the client is not forgotten. */
  touch(): void;
  forget(): void;
}

/**
 * Passes datagrams on. Each client gets a socket of its own, so that the target tells them apart and answers find
 * their way back; only what the target sends is passed back.
 *
 * @param setting Where from, where to, and what to do to them.
 * @returns The running proxy.
 */
export async function proxyDatagrams(setting: Setting): Promise<Proxying> {
  const { log, report, maxConnections } = setting;
  const listen = setting.listen as Extract<Endpoint, { port: number }>;
  const target = await resolveUdp(setting.to as Extract<Endpoint, { port: number }>);
  const targetName = formatAddress(target);
  const front = Deno.listenDatagram({ transport: "udp", hostname: listen.hostname, port: listen.port });
  /** The longest idle first. */
  const clients = new Map<string, Client>();
  const receiving = new Set<Promise<void>>();
  const stopped = new AbortController();

  function receive(
    socket: Deno.DatagramConn,
    signal: AbortSignal,
    take: (datagram: Uint8Array, from: Deno.NetAddr) => void,
  ): void {
    const loop = (async () => {
      const buffer = new Uint8Array(DATAGRAM_BUFFER_SIZE);
      while (!signal.aborted) {
        try {
          const [datagram, from] = await socket.receive(buffer);
          if (!signal.aborted) take(datagram, from as Deno.NetAddr);
        } catch (error) {
          if (signal.aborted) return;
          log.warn("Cannot receive a datagram: {error}", { error: error instanceof Error ? error.message : error });
          await sleep(ERROR_PAUSE, signal);
        }
      }
    })();
    receiving.add(loop);
    loop.finally(() => receiving.delete(loop));
  }

  function open(peer: string, address: Deno.NetAddr): Client {
    const number = ++report.connections;
    const gone = new AbortController();
    const back = Deno.listenDatagram({ transport: "udp", hostname: sourceAddress(target), port: 0 });
    const lane = (way: Direction, send: (datagram: Uint8Array) => Promise<unknown>) =>
      new Lane(setting, way, peer, number, gone.signal, send);
    const up = lane("up", (datagram) => back.send(datagram, target));
    const down = lane("down", (datagram) => front.send(datagram, address));
    let cancel = () => {};
    const client: Client = {
      up,
      passedAt: 0,
      touch() {
        client.passedAt = performance.now();
        clients.delete(peer);
        clients.set(peer, client);
        cancel();
        cancel = after(IDLE_TIMEOUT, client.forget);
      },
      forget() {
        cancel();
        clients.delete(peer);
        gone.abort();
        up.close();
        down.close();
        back.close();
        log.info("{peer} forgotten", { peer });
      },
    };
    receive(back, gone.signal, (datagram, from) => {
      if (formatAddress(from) !== targetName) return;
      client.touch();
      down.pass(datagram);
    });
    log.info("{peer} came, connection {number}", { peer, number });
    return client;
  }

  receive(front, stopped.signal, (datagram, from) => {
    const peer = formatAddress(from);
    let client = clients.get(peer);
    if (client === undefined) {
      if (clients.size >= maxConnections) {
        const silent = clients.values().next().value!;
        if (performance.now() - silent.passedAt < SILENT_AT_LEAST) {
          return log.warn("{peer}: too many clients, its datagram is lost", { peer });
        }
        silent.forget();
      }
      client = open(peer, from);
    }
    client.touch();
    client.up.pass(datagram);
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
