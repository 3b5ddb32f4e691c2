/** Buckets per doubling: two neighbours differ by 2.2 percent, which is as exact as a quantile is told. */
const PER_DOUBLING = 32;
/** The shortest time told apart, in milliseconds. */
const SHORTEST = 0.001;
/** Thirty doublings of a microsecond: up to 18 minutes. */
const BUCKETS = 30 * PER_DOUBLING;

/** How often which time was seen, in memory that does not grow with how many there are. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #longest = 0;

  /** Counts a time, in milliseconds. */
  add(milliseconds: number): void {
    const bucket = Math.ceil(Math.log2(milliseconds / SHORTEST) * PER_DOUBLING);
    this.#counts[Math.min(Math.max(bucket, 0), BUCKETS - 1)]!++;
    this.#count++;
    if (milliseconds > this.#longest) this.#longest = milliseconds;
  }

  /** The longest time, in milliseconds; 0 when there is none. */
  get longest(): number {
    return this.#longest;
  }

  /**
   * The time that a share of all of them does not exceed.
   *
   * @param share From 0 to 1: 0.99 for p99.
   * @returns Milliseconds, at most 2.2 percent above the true time; 0 when there is none.
   */
  quantile(share: number): number {
    const rank = Math.ceil(share * this.#count);
    let seen = 0;
    // What is in the last bucket may be any longer.
    for (let bucket = 0; bucket < BUCKETS - 1; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= rank && seen > 0) return Math.min(SHORTEST * 2 ** (bucket / PER_DOUBLING), this.#longest);
    }
    return this.#longest;
  }
}
