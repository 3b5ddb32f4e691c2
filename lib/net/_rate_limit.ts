/** Maximum number of senders remembered. The oldest is forgotten first. */
const MAX_SENDERS = 10_000;

/** The tokens of one sender, and the time of the last refill. */
interface Bucket {
  left: number;
  at: number;
}

/**
 * Limits each sender to a rate, with a token bucket each. Memory is bounded, also when a stranger makes up addresses.
 */
export class RateLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Takes a token. Returns whether there was one. */
  take(sender: string, now: number = performance.now()): boolean {
    const bucket = this.#buckets.get(sender);
    if (bucket === undefined) {
      this.#buckets.set(sender, { left: this.#perSecond - 1, at: now });
      if (this.#buckets.size > MAX_SENDERS) this.#buckets.delete(this.#buckets.keys().next().value!);
      return true;
    }
    bucket.left = Math.min(this.#perSecond, bucket.left + (now - bucket.at) / 1000 * this.#perSecond);
    bucket.at = now;
    if (bucket.left < 1) return false;
    bucket.left--;
    return true;
  }
}
