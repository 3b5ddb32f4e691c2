/** Returns a random number from 0 up to, but not including, 1. */
export type Random = () => number;

/**
 * Creates a pseudorandom number generator: mulberry32, by Tommy Ettinger (2017, public domain). Not for secrets.
 *
 * @param seed Any 32 bits.
 * @returns The generator. The same seed gives the same numbers on every machine.
 */
export function mulberry32(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Hashes several numbers to a seed, so that the generators of neighbouring connections are independent. The mixing step is
 * the finalizer of MurmurHash3 (Austin Appleby, public domain).
 */
export function seedOf(...numbers: number[]): number {
  return numbers.reduce((seed, number) => {
    let bits = (Math.imul(seed, 31) + number) | 0;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return bits ^ (bits >>> 16);
  }, 0);
}
