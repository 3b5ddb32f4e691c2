/** Buckets per doubling. Neighbours differ by 2.2 percent, the precision of a quantile. */
const PER_DOUBLING = 32;
/** The upper bound of the first bucket, in milliseconds. */
const SHORTEST = 0.001;
/** Thirty doublings of a microsecond, up to 18 minutes. */
const BUCKETS = 30 * PER_DOUBLING;

/** The distribution of times, in constant memory. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #longest = 0;

  /** Adds a time in milliseconds. */
  add(milliseconds: number): void {
    const bucket = Math.ceil(Math.log2(milliseconds / SHORTEST) * PER_DOUBLING);
    this.#counts[Math.min(Math.max(bucket, 0), BUCKETS - 1)]!++;
    this.#count++;
    if (milliseconds > this.#longest) this.#longest = milliseconds;
  }

  /** The longest time in milliseconds; 0 if there is none. */
  get longest(): number {
    return this.#longest;
  }

  /**
   * The time that a share of all times does not exceed.
   *
   * @param share From 0 to 1: 0.99 for p99.
   * @returns Milliseconds, at most 2.2 percent above the true time; 0 if there is none.
   */
  quantile(share: number): number {
    const rank = Math.ceil(share * this.#count);
    let seen = 0;
    // The last bucket has no upper bound.
    for (let bucket = 0; bucket < BUCKETS - 1; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= rank && seen > 0) return Math.min(SHORTEST * 2 ** (bucket / PER_DOUBLING), this.#longest);
    }
    return this.#longest;
  }
}
