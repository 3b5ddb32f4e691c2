import { after } from "./timer.ts";

/**
 * Time that connections may run before the event loop is asked to turn, and again before they wait for it, in
 * milliseconds. Other connections wait about three times as long.
 */
const QUANTUM = 1;
/** Time that a connection may use each time it goes on, in milliseconds. A small request fits in. */
const GRANT = 0.25;
/** Time after which even connections with time left wait for the turn, in milliseconds. */
const LONGEST = 3;
/** Number of waiting connections released at each turn. Each asks again, so only as many go on as there is time for. */
const RELEASED = 16;

/** Number of shares that are a crowd: the runtime completes at most 128 operations at a turn. One share accepts. */
const CROWD = 130;
/** Number of a crowd's connections released at each turn. The runtime then has time for those released earlier too. */
const RELEASED_OF_CROWD = 32;
/** Number of turns in which the runtime polls its sockets at least once, even if something is always ready. */
const TURNS_PER_POLL = 61;

/** Work after which a request reads the clock, in milliseconds. Reading it costs 80 ns. */
const UNCLOCKED = 0.2;

/** Work reported since a request read the clock. */
let unclocked = 0;
/** Times of the last known turn and of the request for the next one, on the clock of `performance.now()`. */
let turnedAt = -Infinity;
let askedAt = Infinity;
/** Time of the last release, or of the request if it was later. */
let releasedAt = Infinity;
let cancel = () => {};
/** Runs at the end of the turn. */
let immediate: ReturnType<typeof setImmediate> | undefined;
/** Number of turns that have ended so since the last known poll. */
let turns = 0;
/** Whether a share asked since the timer was set. */
let isBusy = false;
/** Number of open shares. When the last one closes, so does the timer. */
let shares = 0;
/** Number of them that receive datagrams. */
let receivers = 0;

interface Waiting {
  share: LoopShare;
  goOn: () => void;
}

/** Shares that wait, from `next` on, sorted by the time that they have used. */
const waiting: Waiting[] = [];
let next = 0;
/** Shares that began to wait since the last turn. */
let arrived: Waiting[] = [];
/** The least time used by any waiting share at the last turn. */
let least = 0;
/** Counts periods of contention. Time used while no share waited is not held against anyone. */
let contention = 0;

/**
 * One connection's share of the event loop: a fair scheduler. An operation on a ready socket completes without a turn of
 * the event loop, so a client that keeps its socket ready could starve all others for seconds. Every loop that reads,
 * writes or handles batches asks its share before it goes on:
 *
 *     for (let turn; (turn = share.request()) !== undefined;) await turn;
 *
 * A timer asks the loop to turn before any connection has to wait. Under most loads the loop turns by itself meanwhile,
 * and no connection waits. When one does, the timer is already due, so the loop does not idle.
 *
 * Waiting connections go on in the order of the time that they have used, least first, as in fair queuing. Among a
 * thousand busy connections, a quiet one is served at the next turn.
 *
 * The runtime completes 128 operations at a turn, those that became ready last first, so of more connections it would
 * always serve the same. In a crowd each read therefore waits, and the end of each turn releases a few.
 *
 * If an operation is always ready, timers fire without a poll of the sockets. With a crowd or a receiver of datagrams,
 * all shares therefore wait every few milliseconds until so many empty turns have passed that the runtime has polled.
 * They take a tenth of a millisecond.
 */
export class LoopShare {
  /** Time used in milliseconds, at least that of the waiting share that had used least. */
  used = 0;
  /** When the share last went on. */
  #since = 0;
  /** Upper bound of the time that its work has taken since then. */
  #work = 0;
  /** Value of `used` up to which the share need not wait. */
  #granted = 0;
  #contention = -1;
  readonly #receives: boolean;

  /**
   * Opens a share.
   *
   * @param receives Whether it is that of a datagram socket, which may have something ready at all times.
   */
  constructor(receives = false) {
    this.#receives = receives;
    shares++;
    if (receives) receivers++;
  }

  /** Closes the share. Its connection has ended. */
  close(): void {
    if (this.#receives) receivers--;
    if (--shares > 0) return;
    clearImmediate(immediate);
    immediate = undefined;
    if (askedAt !== Infinity) turned();
  }

  /**
   * Asks to go on.
   *
   * @param now The current time, as `performance.now()` returns it. By default the clock is read after some
   * work, and while the loop has been asked to turn, unless in a crowd.
   * @returns `undefined` to go on, or a promise to await before asking again.
   */
  request(now?: number): Promise<void> | undefined {
    isBusy = true;
    if (now === undefined) {
      if (unclocked < UNCLOCKED && (askedAt === Infinity || shares >= CROWD)) return undefined;
      now = performance.now();
    }
    this.#charge(now);
    const isLong = now - releasedAt >= QUANTUM && this.used >= this.#granted;
    if (isLong || now - askedAt >= LONGEST) return this.#wait(now);
    unclocked = 0; // Otherwise the next request reads the clock too.
    if (this.used >= this.#granted) this.#granted = this.used + GRANT;
    if (askedAt === Infinity && now - turnedAt >= QUANTUM && shares > 0) ask(now);
    if (next < waiting.length && shares < CROWD) waiting[next++]!.goOn();
    return undefined;
  }

  /**
   * Asks to read. In a crowd the share waits until others have been served.
   *
   * @param now As for {@linkcode LoopShare.request}.
   * @returns `undefined` to read, or a promise to await before calling {@linkcode LoopShare.request}.
   */
  requestRead(now?: number): Promise<void> | undefined {
    if (shares < CROWD) return this.request(now);
    now ??= performance.now();
    this.#charge(now);
    return this.#wait(now);
  }

  #charge(now: number): void {
    this.used += Math.min(this.#work, now - this.#since);
    this.#work = 0;
    this.#since = now;
  }

  #wait(now: number): Promise<void> {
    if (this.#contention !== contention || this.used < least) this.used = this.#granted = least;
    this.#contention = contention;
    if (askedAt === Infinity) ask(now);
    if (mustPoll()) immediate ??= setImmediate(endTurn);
    return new Promise((goOn) => arrived.push({ share: this, goOn }));
  }

  /**
   * Reports work done since the share went on. The share is charged for the time until its next request, but at most for
   * the work reported: other connections and the garbage collector run in between.
   *
   * @param most Upper bound of the time that the work takes, in milliseconds.
   */
  work(most: number): void {
    this.#work += most;
    unclocked += most;
  }
}

function ask(now: number): void {
  askedAt = releasedAt = now;
  isBusy = false;
  cancel = after(0, timeUp);
}

function isWaiting(): boolean {
  return next < waiting.length || arrived.length > 0;
}

/** Whether a turn only counts once the runtime has polled its sockets. */
function mustPoll(): boolean {
  return shares >= CROWD || receivers > 0;
}

function timeUp(): void {
  if (!mustPoll() || (!isBusy && !isWaiting())) return turned();
  isBusy = false;
  cancel = after(0, timeUp);
  if (isWaiting()) immediate ??= setImmediate(endTurn);
}

function endTurn(): void {
  immediate = undefined;
  if (++turns >= TURNS_PER_POLL) return turned();
  const now = performance.now();
  // Without another wait, nothing keeps the loop from polling after this release.
  if (shares >= CROWD && now - askedAt < LONGEST) release(now);
  else if (isWaiting()) immediate = setImmediate(endTurn);
}

function turned(): void {
  cancel();
  turns = 0;
  turnedAt = performance.now();
  askedAt = releasedAt = Infinity;
  if (!isWaiting()) {
    contention++;
    return;
  }
  if (shares > 0) ask(turnedAt);
  release(turnedAt);
}

function release(now: number): void {
  if (!isWaiting()) return;
  releasedAt = now;
  sort();
  least = waiting[0]!.share.used;
  // After the last connection has closed, fairness no longer matters.
  const released = shares === 0 ? Infinity : shares < CROWD ? RELEASED : RELEASED_OF_CROWD;
  while (next < waiting.length && next < released) waiting[next++]!.goOn();
}

/** Inserts the shares that arrived among those that wait. Most go near the end. */
function sort(): void {
  waiting.splice(0, next);
  next = 0;
  for (const entry of arrived) {
    let low = 0;
    for (let high = waiting.length; low < high;) {
      const middle = (low + high) >> 1;
      if (waiting[middle]!.share.used <= entry.share.used) low = middle + 1;
      else high = middle;
    }
    waiting.splice(low, 0, entry);
  }
  arrived = [];
}
