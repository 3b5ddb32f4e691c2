/** Draws numbers from 0 up to, not including, 1. */
export type Random = () => number;

/**
 * A small generator of random numbers: mulberry32, by Tommy Ettinger (2017, public domain). Not for secrets.
 *
 * @param seed Any 32 bits.
 * @returns The same draws for the same seed, on every machine.
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
 * Makes a seed of several numbers, so that generators for neighbouring connections have nothing in common. The
 * mixing is the finalizer of MurmurHash3 (Austin Appleby, public domain).
 */
export function seedOf(...numbers: number[]): number {
  return numbers.reduce((seed, number) => {
    let bits = (Math.imul(seed, 31) + number) | 0;
    bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
    bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
    return bits ^ (bits >>> 16);
  }, 0);
}
