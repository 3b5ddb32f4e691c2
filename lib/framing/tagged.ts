import { copies, payloads } from "./_conversion.ts";
import { FrameDecoder } from "./_frame_decoder.ts";
import { TypeReader } from "./_frame_readers.ts";
import { allocate } from "./_slab.ts";
import type { Framing } from "./framing.ts";
import { taggedLayout } from "./layout.ts";

/** A message whose type determines its length. */
export interface TaggedMessage<Type extends string = string> {
  /** The type: one character from U+0000 to U+00FF, encoded as the byte of the same value. */
  type: Type;
  /** The body. */
  body: Uint8Array;
}

/**
 * Messages of one type byte and a body, whose length depends on the type.
 *
 *     push  41 48 65              push  79 21                   table { A: 4 }
 *     gives nothing               gives { type: "A", body: "Hey!" }
 *
 * @param table The body's length in bytes, 0 or more, for each type: one character from U+0000 to U+00FF.
 * @returns The framing. An unknown type is malformed, since the length of its body is unknown; `encode` throws a
 * `RangeError` for an unknown type or a body of the wrong length.
 * @throws {RangeError} If the table is empty, or a type or length in it is out of range.
 *
 * @example A table of two types
 * ```ts
 * import { tagged } from "@wirebench/wirebench/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = tagged({ A: 2, B: 0 }).decoder();
 * assertEquals(decoder.push(new TextEncoder().encode("BAhi")), [
 *   { type: "B", body: Uint8Array.of() },
 *   { type: "A", body: new TextEncoder().encode("hi") },
 * ]);
 * ```
 */
export function tagged<Type extends string>(
  table: Readonly<Record<Type, number>>,
): Framing<TaggedMessage<Type>, TaggedMessage<Type>> {
  const layout = taggedLayout(table);
  const types = Object.keys(table).join(", ");
  return {
    layout,
    encode({ type, body }) {
      const length = Object.hasOwn(table, type) ? table[type] : undefined;
      if (length === undefined) throw new RangeError(`Cannot encode type "${type}": expected one of ${types}`);
      if (body.length !== length) {
        throw new RangeError(`Cannot encode type "${type}": expected ${length} bytes, got ${body.length}`);
      }
      const bytes = allocate(1 + length);
      bytes[0] = type.charCodeAt(0);
      bytes.set(body, 1);
      return bytes;
    },
    decoder: () => new FrameDecoder(new TypeReader(layout), toTagged<Type>),
  };
}

/** Copies bodies, and reads the type before each. */
function toTagged<Type extends string>(
  bytes: Uint8Array<ArrayBuffer>,
  count: number,
  messages: TaggedMessage<Type>[],
  owned?: boolean,
): void {
  const bodies: Uint8Array[] = [];
  copies(bytes, count, bodies, owned);
  for (let index = 0; index < count; index++) {
    const type = String.fromCharCode(bytes[payloads[2 * index]! - 1]!) as Type;
    messages.push({ type, body: bodies[index]! });
  }
}
