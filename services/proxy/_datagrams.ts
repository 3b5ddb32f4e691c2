import { explainError } from "../../lib/cli/mod.ts";
import { type Endpoint, formatAddress } from "../../lib/net/mod.ts";
import { after, sleep } from "../../lib/net/timer.ts";
import { resolveUdp } from "../../lib/net/udp_socket.ts";
import { LoopShare } from "../../lib/net/loop.ts";
import { sourceAddress } from "../../lib/net/address.ts";
import { DATAGRAM_BUFFER_SIZE } from "../../lib/net/datagram.ts";
import type { Direction } from "../../lib/record/event.ts";
import type { FaultKind, StepUnit } from "../../lib/record/tap.ts";
import { DatagramFaults, type Faults } from "./_faults.ts";
import { Gate } from "./_gate.ts";
import type { Controls, ProxyConfig, RunningProxy } from "./_proxy.ts";

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
/** The number of bytes in all queues of a proxy, beyond which it drops datagrams too. */
const MAX_HELD = 64 * 1024 * 1024;
/** The pause before receiving again after an error, in milliseconds. */
const ERROR_PAUSE = 100;

/** Forwards the datagrams of one client in one direction. */
class DatagramQueue {
  readonly gate: Gate;
  readonly #config: ProxyConfig;
  readonly #way: Direction;
  readonly #peer: string;
  readonly #connection: number;
  #options: Faults;
  #faults: DatagramFaults;
  readonly #send: (datagram: Uint8Array) => Promise<unknown>;
  readonly #signal: AbortSignal;
  readonly #held: Held;
  /** Fulfilled when the last datagram of the queue is sent. */
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;
  #number = 0;
  /** Number of bytes that arrived. */
  #received = 0;
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
    held: Held,
    send: (datagram: Uint8Array) => Promise<unknown>,
  ) {
    this.gate = new Gate(config);
    this.#config = config;
    this.#way = way;
    this.#peer = peer;
    this.#connection = connection;
    this.#options = config.faults;
    this.#faults = new DatagramFaults(config.faults, config.seed, connection, way);
    this.#send = send;
    this.#signal = signal;
    this.#held = held;
  }

  /** Lets one datagram through while the proxy is paused. */
  step(unit: StepUnit): void {
    if (unit === "byte") throw new RangeError("Cannot step by a byte: a datagram passes whole");
    this.#config.tap?.stepped?.(this.#connection, this.#way, this.#received, unit);
    this.gate.step = unit;
    this.gate.wake();
  }

  /** Forwards a datagram, with its faults. The caller may overwrite the bytes afterwards. */
  forward(bytes: Uint8Array): void {
    const { faults: options, seed, tap } = this.#config;
    const datagram: Datagram = { number: ++this.#number, at: this.#received, bytes: bytes.slice() };
    tap?.received?.(this.#connection, this.#way, datagram.at, bytes, datagram.number);
    this.#received += bytes.length;
    if (options !== this.#options) {
      this.#options = options;
      this.#faults = new DatagramFaults(options, seed, this.#connection, this.#way);
      tap?.applied?.(this.#connection, this.#way, datagram.at);
    }
    const { copies, reordered, delay } = this.#faults.next();
    if (copies === 0) return this.#count(datagram, "lost");
    if (copies > 1) this.#count(datagram, "repeated");
    const send = () => {
      for (let copy = 0; copy < copies; copy++) this.#queue(datagram, delay);
    };
    if (reordered && this.#sendHeld === undefined) {
      this.#count(datagram, "reordered");
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
    this.gate.wake();
  }

  #count(datagram: Datagram, fault: "lost" | "repeated" | "reordered"): void {
    const { log, report } = this.#config;
    report.faults[fault]++;
    this.#record(datagram, fault);
    log.info("{peer}: datagram {number} {way} {fault}", {
      peer: this.#peer,
      number: datagram.number,
      way: this.#way,
      fault,
    });
  }

  #record({ at, number }: Datagram, fault: FaultKind, where?: string): void {
    this.#config.tap?.fault?.(this.#connection, this.#way, at, fault, where, number);
  }

  #queue(datagram: Datagram, delay: number): void {
    const { log, report, tap } = this.#config;
    const facts = { peer: this.#peer, way: this.#way };
    const { at, bytes, number } = datagram;
    if (this.#queued >= MAX_QUEUED || this.#held.bytes + bytes.length > MAX_HELD) {
      this.#record(datagram, "lost", "the queue is full");
      return log.warn("{peer}: the queue {way} is full, datagram dropped", facts);
    }
    this.#queued++;
    this.#held.bytes += bytes.length;
    this.#due = Math.max(this.#due, performance.now() + delay);
    const due = this.#due;
    this.#tail = this.#tail.then(async () => {
      const isOver = () => this.#signal.aborted;
      if (delay > 0) await this.gate.delay(due - performance.now(), isOver);
      await this.gate.opening(isOver);
      if (!isOver()) await turnOf(this.#held.share);
      this.gate.step = undefined;
      this.#queued--;
      this.#held.bytes -= bytes.length;
      if (this.#signal.aborted) return;
      tap?.forwarded?.(this.#connection, this.#way, at, bytes.length, number);
      try {
        await this.#send(bytes);
        report[this.#way] += bytes.length;
      } catch (error) {
        if (!this.#signal.aborted) {
          log.warn("{peer}: cannot send a datagram {way}: {error}", { ...facts, error: explainError(error) });
        }
      }
    });
  }
}

/** What the queues of a proxy hold. */
interface Held {
  /** The bytes in all queues. */
  bytes: number;
  /** The share of all sockets. It waits only if other sockets have not been polled for some milliseconds. */
  readonly share: LoopShare;
}

/** Waits until other sockets have been served. */
async function turnOf(share: LoopShare): Promise<void> {
  for (let turn; (turn = share.request(performance.now())) !== undefined;) await turn;
}

/** A datagram that was received. */
interface Datagram {
  /** Its number in its direction, from 1. */
  readonly number: number;
  /** The number of bytes received before it. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A client, which has its own socket to the target. */
interface Client extends Controls {
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
  const { log, tap, report, maxConnections } = config;
  const listen = config.listen as Extract<Endpoint, { port: number }>;
  const target = await resolveUdp(config.to as Extract<Endpoint, { port: number }>);
  const targetName = formatAddress(target);
  const front = Deno.listenDatagram({ transport: "udp", hostname: listen.hostname, port: listen.port });
  const open = new Map<number, Client>();
  /** Ordered by last activity, the longest idle first. */
  const clients = new Map<string, Client>();
  const receiving = new Set<Promise<void>>();
  const held: Held = { bytes: 0, share: new LoopShare(true) };
  const stopped = new AbortController();
  function receive(
    socket: Deno.DatagramConn,
    signal: AbortSignal,
    onDatagram: (datagram: Uint8Array, from: Deno.NetAddr) => void,
  ): void {
    const loop = (async () => {
      const buffer = new Uint8Array(DATAGRAM_BUFFER_SIZE);
      while (!signal.aborted) {
        await turnOf(held.share);
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

  function add(peer: string, address: Deno.NetAddr): Client {
    const number = ++report.connections;
    const forgotten = new AbortController();
    const back = Deno.listenDatagram({ transport: "udp", hostname: sourceAddress(target), port: 0 });
    const queue = (way: Direction, send: (datagram: Uint8Array) => Promise<unknown>) =>
      new DatagramQueue(config, way, peer, number, forgotten.signal, held, send);
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
        // The datagrams of a pause wait as long as it takes.
        cancelTimeout = after(IDLE_TIMEOUT, () => config.isPaused ? client.touch() : client.forget());
      },
      forget() {
        cancelTimeout();
        clients.delete(peer);
        open.delete(number);
        forgotten.abort();
        up.close();
        down.close();
        back.close();
        tap?.closed?.(number, stopped.signal.aborted ? "shutdown" : "idle");
        log.info("{peer} forgotten", { peer });
      },
      wake() {
        up.gate.wake();
        down.gate.wake();
      },
      step: (way, unit) => (way === "up" ? up : down).step(unit),
      endSide() {
        throw new RangeError("Cannot end a side: datagrams have no end");
      },
      reset() {
        throw new RangeError("Cannot reset: datagrams have no connection");
      },
    };
    open.set(number, client);
    tap?.opened?.(number, peer, formatAddress(back.addr as Deno.NetAddr));
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
      client = add(peer, from);
    }
    client.touch();
    client.up.forward(datagram);
  });

  return {
    addr: front.addr as Deno.NetAddr,
    open,
    async stop() {
      stopped.abort();
      for (const client of [...clients.values()]) client.forget();
      front.close();
      await Promise.all(receiving);
      held.share.close();
    },
  };
}
