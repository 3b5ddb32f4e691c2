/** How long a connection may take over what it owes, in milliseconds; `Infinity` sets no limit. */
export interface Deadlines {
  /**
   * From the beginning of a TLS handshake to its end.
   *
   * @default {10000}
   */
  handshakeTimeout?: number;
  /**
   * From the beginning to the first bytes of the first message.
   *
   * @default {10000}
   */
  firstMessageTimeout?: number;
  /**
   * Between bytes of a stream, or between messages.
   *
   * @default {300000}
   */
  idleTimeout?: number;
  /**
   * From the first byte of a message to its last.
   *
   * @default {30000}
   */
  messageTimeout?: number;
  /**
   * While something waits to be written and the peer reads none of it.
   *
   * @default {30000}
   */
  writeTimeout?: number;
  /**
   * From the end of this side to the end of the peer's, when a connection is being closed.
   *
   * @default {2000}
   */
  lingerTimeout?: number;
}

/** Deadlines that are safe on the open internet: nobody can hold a connection for nothing. */
export const DEFAULT_DEADLINES: Readonly<Required<Deadlines>> = {
  handshakeTimeout: 10_000,
  firstMessageTimeout: 10_000,
  idleTimeout: 300_000,
  messageTimeout: 30_000,
  writeTimeout: 30_000,
  lingerTimeout: 2_000,
};

/**
 * Fills the deadlines that were not given.
 *
 * @param given Some of the deadlines; other properties are ignored.
 * @returns All of them. Where only `idleTimeout` is given, the first message may not take longer to begin,
 * nor any to end, than it; the handshake, writes and the goodbye keep their own.
 * @throws {RangeError} If one is not a number of milliseconds above 0.
 */
export function deadlinesOf(given: Deadlines): Required<Deadlines> {
  const idle = given.idleTimeout ?? Infinity;
  const {
    handshakeTimeout = DEFAULT_DEADLINES.handshakeTimeout,
    idleTimeout = DEFAULT_DEADLINES.idleTimeout,
    firstMessageTimeout = Math.min(DEFAULT_DEADLINES.firstMessageTimeout, idle),
    messageTimeout = Math.min(DEFAULT_DEADLINES.messageTimeout, idle),
    writeTimeout = DEFAULT_DEADLINES.writeTimeout,
    lingerTimeout = DEFAULT_DEADLINES.lingerTimeout,
  } = given;
  const deadlines = { handshakeTimeout, idleTimeout, firstMessageTimeout, messageTimeout, writeTimeout, lingerTimeout };
  for (const [name, milliseconds] of Object.entries(deadlines)) {
    if (!(milliseconds > 0)) throw new RangeError(`Cannot use ${name} ${milliseconds}: expected milliseconds above 0`);
  }
  return deadlines;
}

/** What a connection may take up, besides time. */
export interface ConnectionOptions extends Deadlines {
  /**
   * How many bytes may wait for a write that is under way, before the peer is too slow. Whoever waits for each write
   * never gets near it.
   *
   * @default {16777216}
   */
  maxQueue?: number;
}

/** All limits of a connection, checked. */
export type Limits = Readonly<Required<Deadlines & { maxQueue: number }>>;

const checked = new WeakSet<Limits>();

/**
 * Fills the limits that were not given, and checks them: once for all connections of a server.
 *
 * @param given Some of the limits, or what this returned before; other properties are ignored.
 * @returns All of them.
 * @throws {RangeError} If one is out of range.
 */
export function limitsOf(given: ConnectionOptions | Limits): Limits {
  if (checked.has(given as Limits)) return given as Limits;
  const limits = { ...deadlinesOf(given), maxQueue: checkLimit("maxQueue", given.maxQueue ?? DEFAULT_MAX_QUEUE) };
  checked.add(limits);
  return limits;
}

/** The default of `maxConnections`. */
export const DEFAULT_MAX_CONNECTIONS = 1000;

/** How many bytes may wait to be written, unless something else is given. */
export const DEFAULT_MAX_QUEUE: number = 16 * 1024 * 1024;

/**
 * Checks a limit on a number of things.
 *
 * @param name The option's name.
 * @param value The limit.
 * @returns The limit.
 * @throws {RangeError} If it is not an integer of 1 or more, or `Infinity`.
 */
export function checkLimit(name: string, value: number): number {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= 1)) return value;
  throw new RangeError(`Cannot use ${name} ${value}: expected an integer of 1 or more`);
}
