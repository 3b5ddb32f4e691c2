import { after } from "./timer.ts";

/** Cost of any operation in milliseconds, besides the work that it reports. The runtime completes 128 at once at most. */
const OPERATION = 0.01;
/** Work after which the event loop is asked to turn, in milliseconds: about 64 operations. An estimate from above. */
const QUANTUM = 128 * OPERATION;
/** Work after which all connections wait for the turn, in milliseconds. 128 connections with small requests do not reach it. */
const LIMIT = 4.5 * QUANTUM;
/** The same with more connections than the runtime serves at one turn: 128, and the loop that accepts them. */
const LIMIT_OF_MANY = 2 * QUANTUM;
const MANY = 130;
/** Time that a connection may use each time it goes on, in milliseconds: a read and a write. */
const GRANT = 1.5 * OPERATION;
/** Number of waiting connections released at once. Each that goes on releases another one while there is time. */
const RELEASED = 8;
/** Most connections released at a turn. Together with those that become ready the runtime can then serve all. */
const MOST_RELEASED = 32;
/** Time after which connections wait until the runtime has polled its sockets, in milliseconds. */
const POLL_AFTER = 3;

interface Waiting {
  share: LoopShare;
  goOn: () => void;
}

/** Work since the last turn. */
let spent = 0;
let limit = LIMIT;
/** Whether the loop has been asked to turn. */
let asked: ReturnType<typeof setImmediate> | undefined;
/** When a timer was set, which fires after the runtime has polled its sockets, or `Infinity`. */
let armedAt = Infinity;
let disarm = () => {};
/** Whether all connections wait for that timer. */
let stopped = false;
/** Number of open shares. When the last one closes, fairness no longer matters. */
let shares = 0;

/** Number of waiting shares. */
let waiting = 0;
/** Shares that have used less than all others. */
let ahead: Waiting[] = [];
/** Shares of this round, from `next` on, sorted by the time that they have used. */
let round: Waiting[] = [];
let next = 0;
/** Shares of the next round. */
let arrived: Waiting[] = [];
/** The time used by the share that was released last. */
let least = 0;
/** Number of shares released since the last turn. */
let released = 0;
/** Counts periods of contention. Time used while no share waited is not held against anyone. */
let contention = 0;

/**
 * One connection's share of the event loop: a fair scheduler. An operation on a ready socket completes without a turn of
 * the event loop, so a client that keeps its socket ready could starve all others for seconds. And if more than 128 are
 * ready at a turn, the runtime serves the same 128 at the next. Every loop that reads, writes or handles batches asks its
 * share before it goes on:
 *
 *     for (let turn; (turn = share.request()) !== undefined;) await turn;
 *
 * While the connections have little to do between two turns, none waits. Otherwise those that wait go on in rounds, a few
 * at each turn, in the order of the time that they have used, least first, as in fair queuing. Among a thousand busy
 * connections, a quiet one goes on at once.
 */
export class LoopShare {
  /** Time used in milliseconds, at least that of the share that was released last. */
  used = 0;
  /** Value of `used` up to which the share need not wait. */
  #granted = 0;
  #contention = -1;

  constructor() {
    if (++shares === MANY) limit = LIMIT_OF_MANY;
  }

  /** Closes the share. Its connection has ended. */
  close(): void {
    if (--shares < MANY) limit = LIMIT;
    if (shares > 0) return;
    clearImmediate(asked);
    asked = undefined;
    disarm();
    polled();
    while (waiting > 0) release();
  }

  /**
   * Asks to go on.
   *
   * @returns `undefined` to go on, or a promise to await before asking again.
   */
  request(_now?: number): Promise<void> | undefined {
    if (waiting > 0 || spent >= limit || stopped) {
      if (this.#mustWait()) return new Promise((goOn) => this.#enqueue(goOn));
      if (waiting > 0 && released < MOST_RELEASED && spent < QUANTUM) release();
    }
    spent += OPERATION;
    if (spent >= QUANTUM && asked === undefined) ask();
    return undefined;
  }

  /**
   * Reports work done since the share went on.
   *
   * @param most Upper bound of the time that the work takes, in milliseconds.
   */
  work(most: number): void {
    this.used += most;
    spent += most;
  }

  /** Lets the share go on when it asks next. */
  grant(): void {
    this.#granted = this.used + GRANT;
  }

  #mustWait(): boolean {
    if (shares === 0) return false;
    if (this.#contention !== contention || this.used < least) {
      this.#contention = contention;
      this.used = least;
      this.grant();
    }
    return this.used >= this.#granted || spent >= limit || stopped;
  }

  #enqueue(goOn: () => void): void {
    waiting++;
    // A share that was released, and found no time left, keeps its place.
    const first = this.used < this.#granted || (next < round.length && this.used < round[next]!.share.used);
    (first ? ahead : arrived).push({ share: this, goOn });
    if (asked === undefined && !stopped) ask();
  }
}

/** Asks the loop to turn. The turn may precede the next poll of the sockets, the timer does not. */
function ask(): void {
  asked = setImmediate(turned);
  if (armedAt === Infinity) arm();
}

function arm(): void {
  armedAt = performance.now();
  disarm = after(0, polled);
}

function turned(): void {
  asked = undefined;
  spent = 0;
  stopped = performance.now() - armedAt >= POLL_AFTER;
  if (!stopped) releaseSome();
}

function polled(): void {
  armedAt = Infinity;
  stopped = false;
  spent = 0;
  if (shares > 0) releaseSome();
}

function releaseSome(): void {
  if (waiting === 0) {
    contention++;
    least = 0;
    return;
  }
  // If none of those released has anything to do, the timer releases the next.
  if (armedAt === Infinity) arm();
  released = 0;
  while (released < RELEASED && waiting > 0) release();
}

function release(): void {
  waiting--;
  released++;
  let entry = ahead.shift();
  if (entry === undefined) {
    if (next === round.length) {
      round = arrived.sort((one, other) => one.share.used - other.share.used);
      arrived = [];
      next = 0;
    }
    entry = round[next++]!;
    least = Math.max(least, entry.share.used);
  }
  entry.share.grant();
  entry.goOn();
}
