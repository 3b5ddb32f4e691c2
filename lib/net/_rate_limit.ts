/** How many senders are remembered. Whoever comes first beyond that is forgotten first. */
const MAX_SENDERS = 10_000;

/** What a sender may still send, and when that was true. */
interface Bucket {
  left: number;
  at: number;
}

/**
 * So many things a second from each sender, and as many at once: a token bucket for each. Memory is bounded whatever
 * addresses are made up.
 */
export class RateLimit {
  readonly #perSecond: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Whether one more is within the limit. */
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
