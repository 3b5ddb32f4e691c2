import { copyOf, slab, SMALL } from "./_slab.ts";

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

/** Maximum number of bytes that payloads share which are not small: the most that one of them keeps alive. */
const BLOCK = 32 * 1024;

/**
 * Copies payloads. An array with memory of its own costs ten times as much as a view, so consecutive payloads are copied
 * together, with the bytes between them: small ones into a slab, others into a block.
 */
export const copies: Conversion<Uint8Array> = (bytes, count, messages, owned = false) => {
  for (let at = 0; at < 2 * count;) {
    const first = payloads[at]!;
    const small = payloads[at + 1]! - first < SMALL;
    if (small) slab.reserve(payloads[at + 1]! - first);
    const most = first + (small ? slab.bytes.length - slab.used : BLOCK);
    let next = at + 2;
    while (
      next < 2 * count && payloads[next + 1]! <= most && (small || payloads[next + 1]! - payloads[next]! >= SMALL)
    ) {
      next += 2;
    }
    const end = payloads[next - 1]!;
    const shared = small
      ? slab.copy(bytes, first, end)
      : owned
      ? bytes.subarray(first, end)
      : copyOf(bytes, first, end);
    const { buffer } = shared;
    const moved = shared.byteOffset - first;
    for (; at < next; at += 2) {
      messages.push(new Uint8Array(buffer, moved + payloads[at]!, payloads[at + 1]! - payloads[at]!));
    }
  }
};
