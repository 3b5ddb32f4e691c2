import { after } from "./timer.ts";

/**
 * How long connections may run before the event loop is asked to turn, and again before they wait for it, in
 * milliseconds. Others wait about three times as long: for the work under way, the turn, and one that goes first.
 */
const QUANTUM = 1;
/** How much time a connection that goes on may use before it is asked to wait again, in milliseconds. */
const GRANT = 0.25;
/** How long the loop may be kept from turning by connections that have not used their grants, in milliseconds. */
const LONGEST = 3;
/** How many of those that wait are let go at once. Each asks again, so that no more go on than there is time for. */
const RELEASED = 16;

/** Since when the loop is known to have turned, and since when it has been asked to, as `performance.now()` tells. */
let turnedAt = -Infinity;
let askedAt = Infinity;
let cancel = () => {};
/** How many shares there are: after the last one, no timer is left. */
let shares = 0;

interface Waiting {
  share: LoopShare;
  goOn: () => void;
}

/** Those that wait, from `next` on: the one that has used least first. */
let waiting: Waiting[] = [];
let next = 0;
/** Those that have come since the last turn. */
let arrived: Waiting[] = [];
/** What the one that had used least had used when the loop turned. */
let least = 0;
/** Counts the times of contention: what was used while nobody waited took nothing from anybody. */
let contention = 0;

/**
 * One connection's share of the event loop, which keeps it from starving the others. An operation on a socket that is
 * ready completes without a turn of the loop, so a client that always has something ready would be served alone, for
 * seconds. Every loop that reads, writes or handles batches asks its share before it goes on:
 *
 *     for (let turn; (turn = share.request(performance.now())) !== undefined;) await turn;
 *
 * The loop is asked to turn, by a timer, well before anybody waits for it. Under most loads it turns by itself meanwhile,
 * and nobody waits. By the time somebody does, the timer is due, so the loop does not idle.
 *
 * Those that wait go on in the order of the time that they have used, the least first, as in a fair queue: among a
 * thousand busy connections, one that says little is served at the next turn.
 */
export class LoopShare {
  /** Time used in milliseconds, counted from what had used least when this one began to wait. */
  used = 0;
  /** When it went on last. */
  #since = 0;
  /** How much time its work since then may have taken. */
  #work = 0;
  /** Up to which time used it need not wait. */
  #granted = 0;
  #contention = -1;

  constructor() {
    shares++;
  }

  /** Gives the share back, when its connection has ended. */
  close(): void {
    if (--shares > 0 || askedAt === Infinity) return;
    cancel();
    turned();
  }

  /**
   * Asks to go on.
   *
   * @param now The present, as `performance.now()` tells.
   * @returns What to wait for before asking again, or `undefined` to go on.
   */
  request(now: number): Promise<void> | undefined {
    this.used += Math.min(this.#work, now - this.#since);
    this.#work = 0;
    if (now - askedAt >= QUANTUM && (this.used >= this.#granted || now - askedAt >= LONGEST)) {
      if (this.#contention !== contention || this.used < least) this.used = this.#granted = least;
      this.#contention = contention;
      return new Promise((goOn) => arrived.push({ share: this, goOn }));
    }
    this.#since = now;
    if (this.used >= this.#granted) this.#granted = this.used + GRANT;
    if (askedAt === Infinity && now - turnedAt >= QUANTUM && shares > 0) ask(now);
    if (next < waiting.length) waiting[next++]!.goOn();
    return undefined;
  }

  /**
   * Says what it has done since it went on. It is charged for the time that has passed until it asks again, but for no
   * more than this: others run in between, and so does the garbage collector.
   *
   * @param most How long that takes at the most, in milliseconds.
   */
  work(most: number): void {
    this.#work += most;
  }
}

function ask(now: number): void {
  askedAt = now;
  cancel = after(0, turned);
}

function turned(): void {
  turnedAt = performance.now();
  askedAt = Infinity;
  if (next === waiting.length && arrived.length === 0) {
    contention++;
    return;
  }
  if (shares > 0) ask(turnedAt);
  waiting = waiting.slice(next).concat(arrived).sort((one, other) => one.share.used - other.share.used);
  least = waiting[0]!.share.used;
  arrived = [];
  next = 0;
  // After the last connection has ended, there is nobody to be fair to.
  const released = shares > 0 ? RELEASED : Infinity;
  while (next < waiting.length && next < released) waiting[next++]!.goOn();
}
