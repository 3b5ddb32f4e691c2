/** Deadlines of a connection in milliseconds. `Infinity` means no limit. */
export interface Deadlines {
  /**
   * Time for the TLS handshake.
   *
   * @default {10000}
   */
  handshakeTimeout?: number | undefined;
  /**
   * Time from the connection's beginning, or the end of its TLS handshake, until the first message begins.
   *
   * `connectTcp` has no such deadline unless it is given: the first message then waits like later ones if `idleTimeout` is
   * given, and without a deadline otherwise.
   *
   * @default {10000}
   */
  firstMessageTimeout?: number | undefined;
  /**
   * Time between messages, or between chunks of a stream.
   *
   * @default {300000}
   */
  idleTimeout?: number | undefined;
  /**
   * Time from the first byte of a message to its last.
   *
   * @default {30000}
   */
  messageTimeout?: number | undefined;
  /**
   * Time that a write may wait while the peer reads nothing.
   *
   * @default {30000}
   */
  writeTimeout?: number | undefined;
  /**
   * Time that the peer has to end its side when this side closes the connection.
   *
   * @default {2000}
   */
  lingerTimeout?: number | undefined;
}

/** Default deadlines, safe on the open internet: no client can hold a connection without using it. */
export const DEFAULT_DEADLINES: Readonly<Record<keyof Deadlines, number>> = {
  handshakeTimeout: 10_000,
  firstMessageTimeout: 10_000,
  idleTimeout: 300_000,
  messageTimeout: 30_000,
  writeTimeout: 30_000,
  lingerTimeout: 2_000,
};

/**
 * Fills in the default deadlines.
 *
 * @param given Some of the deadlines. Other properties are ignored.
 * @returns All deadlines. If `idleTimeout` is given, it also bounds the defaults of `firstMessageTimeout` and
 * `messageTimeout`.
 * @throws {RangeError} If one is not a number of milliseconds above 0.
 */
function deadlinesOf(given: Deadlines): Record<keyof Deadlines, number> {
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

/** Options of a connection: its deadlines, and the limit of its write queue. */
export interface ConnectionOptions extends Deadlines {
  /**
   * Maximum number of bytes that wait to be written. A program that awaits each write never reaches it. Beyond it the
   * connection ends: as `too slow` if the peer has stopped reading, otherwise as `failed`.
   *
   * @default {16777216}
   */
  maxQueue?: number | undefined;
}

/** Checked limits of a connection. */
export type Limits = Readonly<Record<keyof Deadlines, number> & { maxQueue: number }> & {
  /** Whether `firstMessageTimeout` counts from the first read instead of the connection's beginning. */
  readonly firstFromRead: boolean;
};

const checked = new WeakSet<Limits>();

/**
 * Fills in the default limits and checks them, once for all connections of a server.
 *
 * @param given Some of the limits, or limits already checked. Other properties are ignored.
 * @returns All limits.
 * @throws {RangeError} If one is out of range.
 */
export function limitsOf(given: ConnectionOptions | Limits): Limits {
  if (checked.has(given as Limits)) return given as Limits;
  const maxQueue = checkLimit("maxQueue", given.maxQueue ?? DEFAULT_MAX_QUEUE);
  const limits = { ...deadlinesOf(given), maxQueue, firstFromRead: false };
  checked.add(limits);
  return limits;
}

/**
 * Does the same for a client, whose first message has a deadline only if asked for.
 *
 * @param given Some of the limits.
 * @returns All limits.
 * @throws {RangeError} If one is out of range.
 */
export function clientLimitsOf(given: ConnectionOptions): Limits {
  const { firstMessageTimeout, idleTimeout } = given;
  if (firstMessageTimeout !== undefined) return limitsOf(given);
  const limits = limitsOf({ ...given, firstMessageTimeout: idleTimeout ?? Infinity });
  const forClient = { ...limits, firstFromRead: true };
  checked.add(forClient);
  return forClient;
}

/** Default of `maxConnections`. */
export const DEFAULT_MAX_CONNECTIONS = 1000;

/** Default of `backlog`: that of Deno and Node.js. */
export const DEFAULT_BACKLOG = 511;

/** Default maximum number of bytes that wait to be written: 16 MiB. */
const DEFAULT_MAX_QUEUE = 16 * 1024 * 1024;

/**
 * Checks that an option is a valid count.
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
