import { copyOf, slabFor } from "./_slab.ts";

/** Maximum number of payloads converted at once. */
export const MOST_PAYLOADS = 512;

/** Positions of payloads in an array: where each starts and ends. Reused, so a conversion must not run another one. */
export const payloads: Uint32Array = new Uint32Array(2 * MOST_PAYLOADS);

/** Converts the payloads that a framing finds to messages. */
export interface Conversion<Message> {
  /**
   * Appends the messages of the first `count` payloads.
   *
   * @param bytes The array that {@linkcode payloads} refers to, with all bytes of the frames. Overwritten later.
   * @param messages The list to append to.
   * @param owned Whether the messages may keep `bytes` instead of copying them. False unless given.
   */
  (bytes: Uint8Array<ArrayBuffer>, count: number, messages: Message[], owned?: boolean): void;
}

/**
 * Copies payloads. Consecutive ones of a similar length are copied together, with the bytes between them, into a slab, so
 * that each costs little more than a view.
 */
export const copies: Conversion<Uint8Array> = (bytes, count, messages, owned = false) => {
  for (let at = 0; at < 2 * count;) {
    const first = payloads[at]!;
    let end = payloads[at + 1]!;
    const slab = slabFor(end - first);
    if (slab === undefined) {
      messages.push(owned ? bytes.subarray(first, end) : copyOf(bytes, first, end));
      at += 2;
      continue;
    }
    slab.reserve(end - first);
    const most = first + slab.bytes.length - slab.used;
    let next = at + 2;
    for (; next < 2 * count && payloads[next + 1]! <= most; next += 2) {
      if (slabFor(payloads[next + 1]! - payloads[next]!) !== slab) break;
      end = payloads[next + 1]!;
    }
    const moved = slab.used - first;
    slab.take(end - first).set(bytes.subarray(first, end));
    const { buffer } = slab.bytes;
    for (; at < next; at += 2) {
      messages.push(new Uint8Array(buffer, moved + payloads[at]!, payloads[at + 1]! - payloads[at]!));
    }
  }
};
