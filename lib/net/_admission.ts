import { allowList } from "./allow_list.ts";
import { blockOf, isLoopback } from "./address.ts";
import type { CloseReason } from "./errors.ts";
import { checkLimit } from "./limits.ts";

/** How many connections one address may have, unless something else is given. This machine's own are not counted then. */
const DEFAULT_PER_ADDRESS = 100;

/** Why somebody is not let in. */
interface Refusal {
  reason: CloseReason;
  detail: string;
}

/** Who may have a connection, and how many of them. */
export class Admission {
  readonly #allows: ((hostname: string) => boolean) | undefined;
  readonly #most: number;
  readonly #mostPerAddress: number | undefined;
  readonly #open = new Map<string, number>();
  #count = 0;

  constructor(options: {
    allow?: readonly string[] | undefined;
    maxConnections?: number;
    maxConnectionsPerAddress?: number;
  }) {
    const { allow, maxConnections = 1000, maxConnectionsPerAddress } = options;
    this.#allows = allow === undefined ? undefined : allowList(allow);
    this.#most = checkLimit("maxConnections", maxConnections);
    this.#mostPerAddress = maxConnectionsPerAddress === undefined
      ? undefined
      : checkLimit("maxConnectionsPerAddress", maxConnectionsPerAddress);
  }

  /** Says why somebody is not let in, if so. The client of a Unix socket has no address. */
  refuse(hostname: string | undefined): Refusal | undefined {
    if (hostname !== undefined && this.#allows?.(hostname) === false) {
      return { reason: "not allowed", detail: "The address is none of those that may connect" };
    }
    if (this.#count >= this.#most) {
      return { reason: "refused", detail: `${this.#count} connections are open, the most allowed` };
    }
    if (hostname === undefined) return undefined;
    const block = blockOf(hostname);
    const open = this.#open.get(block) ?? 0;
    if (open < (this.#mostPerAddress ?? (isLoopback(hostname) ? Infinity : DEFAULT_PER_ADDRESS))) return undefined;
    return { reason: "refused", detail: `${open} connections from ${block} are open, the most allowed` };
  }

  /** Counts somebody who has come. */
  enter(hostname: string | undefined): void {
    this.#change(hostname, 1);
  }

  /** Counts somebody who has gone. */
  leave(hostname: string | undefined): void {
    this.#change(hostname, -1);
  }

  #change(hostname: string | undefined, by: 1 | -1): void {
    this.#count += by;
    if (hostname === undefined) return;
    const block = blockOf(hostname);
    const open = (this.#open.get(block) ?? 0) + by;
    if (open === 0) this.#open.delete(block);
    else this.#open.set(block, open);
  }
}
