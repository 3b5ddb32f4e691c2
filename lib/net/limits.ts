/** How long a connection may take over what it owes, in milliseconds; `Infinity` sets no limit. */
export interface Deadlines {
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
 * @returns All of them. Where only `idleTimeout` is given, no other wait for the peer is longer than it.
 * @throws {RangeError} If one is not a number of milliseconds above 0.
 */
export function deadlinesOf(given: Deadlines): Required<Deadlines> {
  const idle = given.idleTimeout ?? Infinity;
  const {
    idleTimeout = DEFAULT_DEADLINES.idleTimeout,
    firstMessageTimeout = Math.min(DEFAULT_DEADLINES.firstMessageTimeout, idle),
    messageTimeout = Math.min(DEFAULT_DEADLINES.messageTimeout, idle),
    writeTimeout = DEFAULT_DEADLINES.writeTimeout,
    lingerTimeout = DEFAULT_DEADLINES.lingerTimeout,
  } = given;
  const deadlines = { idleTimeout, firstMessageTimeout, messageTimeout, writeTimeout, lingerTimeout };
  for (const [name, milliseconds] of Object.entries(deadlines)) {
    if (!(milliseconds > 0)) throw new RangeError(`Cannot use ${name} ${milliseconds}: expected milliseconds above 0`);
  }
  return deadlines;
}
