import { plural } from "../log/plural.ts";
import { allowList } from "./allow_list.ts";
import { blockOf, isLoopback } from "./address.ts";
import type { CloseReason } from "./errors.ts";
import { checkLimit, DEFAULT_MAX_CONNECTIONS } from "./limits.ts";

/** Default limit of connections from one address. It does not hold for loopback addresses. */
const DEFAULT_PER_ADDRESS = 100;
/** Number of counters that threads share for addresses. Two addresses share one with a chance of 1 in 65,536. */
const SHARED_COUNTERS = 65_536;

/** Why a client is refused. */
interface Refusal {
  reason: CloseReason;
  detail: string;
}

/** Decides which clients may connect: the allow list, and the limits in all and for each address. */
export class Admission {
  readonly #allows: ((hostname: string) => boolean) | undefined;
  readonly #most: number;
  readonly #mostPerAddress: number | undefined;
  readonly #counts: Counts;

  constructor(options: {
    allow?: readonly string[] | undefined;
    maxConnections?: number | undefined;
    maxConnectionsPerAddress?: number | undefined;
    sharedCounts?: CountsRow | undefined;
  }) {
    const { allow, maxConnections = DEFAULT_MAX_CONNECTIONS, maxConnectionsPerAddress, sharedCounts } = options;
    this.#allows = allow === undefined ? undefined : allowList(allow);
    this.#most = checkLimit("maxConnections", maxConnections);
    this.#mostPerAddress = maxConnectionsPerAddress === undefined
      ? undefined
      : checkLimit("maxConnectionsPerAddress", maxConnectionsPerAddress);
    this.#counts = sharedCounts === undefined ? new OwnCounts() : new SharedCounts(sharedCounts);
  }

  /** Counts a client in, or returns why it is refused. Call `leave` at the end. Clients of Unix sockets have no address. */
  enter(hostname: string | undefined): Refusal | undefined {
    if (hostname !== undefined && this.#allows?.(hostname) === false) {
      return { reason: "not allowed", detail: "The address is not in the allow list" };
    }
    const block = hostname === undefined ? undefined : blockOf(hostname);
    const open = this.#counts.add(1);
    const fromThere = block === undefined ? 0 : this.#counts.addFor(block, 1);
    if (open > this.#most) {
      this.leave(hostname);
      return { reason: "refused", detail: `The limit is ${plural(this.#most, "connection")}` };
    }
    const most = this.#mostPerAddress ?? (isLoopback(hostname ?? "") ? Infinity : DEFAULT_PER_ADDRESS);
    if (fromThere > most) {
      this.leave(hostname);
      return { reason: "refused", detail: `The limit is ${plural(most, "connection")} from ${block}` };
    }
    return undefined;
  }

  leave(hostname: string | undefined): void {
    this.#counts.add(-1);
    if (hostname !== undefined) this.#counts.addFor(blockOf(hostname), -1);
  }
}

/** Numbers of open connections, in all and for each block of addresses. Both methods return the new number. */
interface Counts {
  add(change: 1 | -1): number;
  addFor(block: string, change: 1 | -1): number;
}

class OwnCounts implements Counts {
  #open = 0;
  readonly #openFrom = new Map<string, number>();

  add(change: 1 | -1): number {
    return this.#open += change;
  }

  addFor(block: string, change: 1 | -1): number {
    const open = (this.#openFrom.get(block) ?? 0) + change;
    if (open === 0) this.#openFrom.delete(block);
    else this.#openFrom.set(block, open);
    return open;
  }
}

/** Counters shared by threads. Each thread has its own row, so that the counts of a failed thread can be cleared. */
export interface CountsRow {
  /** The memory of all rows. */
  memory: SharedArrayBuffer;
  /** Index of the own row, from 0. */
  row: number;
  /** Secret seed of the hash, so that strangers cannot choose addresses that share a counter. */
  seed: number;
}

/** Number of counters in a row: one for all connections, the others for blocks of addresses. */
const ROW = 1 + SHARED_COUNTERS;

/** Allocates the counters of so many threads. */
export function makeSharedCounts(rows: number): SharedArrayBuffer {
  return new SharedArrayBuffer(rows * ROW * Int32Array.BYTES_PER_ELEMENT);
}

/** Number of open connections in all threads. */
export function openConnections(memory: SharedArrayBuffer): number {
  return sumOf(new Int32Array(memory), 0);
}

/** Clears the counts of a thread that failed. */
export function clearCounts({ memory, row }: Pick<CountsRow, "memory" | "row">): void {
  new Int32Array(memory).fill(0, row * ROW, (row + 1) * ROW);
}

function sumOf(counts: Int32Array<SharedArrayBuffer>, place: number): number {
  let sum = 0;
  for (let at = place; at < counts.length; at += ROW) sum += Atomics.load(counts, at);
  return sum;
}

class SharedCounts implements Counts {
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #row: number;
  readonly #seed: number;

  constructor({ memory, row, seed }: CountsRow) {
    this.#counts = new Int32Array(memory);
    this.#row = row;
    this.#seed = seed;
  }

  add(change: 1 | -1): number {
    return this.#addAt(0, change);
  }

  addFor(block: string, change: 1 | -1): number {
    return this.#addAt(1 + hash(block, this.#seed) % SHARED_COUNTERS, change);
  }

  /** Adds before it sums: two concurrent clients may both be refused, but never both exceed the limit. */
  #addAt(place: number, change: 1 | -1): number {
    Atomics.add(this.#counts, this.#row * ROW + place, change);
    return sumOf(this.#counts, place);
  }
}

/** FNV-1a (Fowler, Noll, Vo), 32 bits, with a secret seed. */
function hash(text: string, seed: number): number {
  let value = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
