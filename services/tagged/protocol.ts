import { type Framing, tagged, type TaggedMessage } from "../../lib/framing/mod.ts";

/** Not given by the tutorial. */
export const PORT = 3005;

/** How long the body of each type is, in bytes. */
export const TABLE = { A: 4, B: 16, C: 300 } as const;

/** One of the types. */
export type Type = keyof typeof TABLE;

/** A type byte, and a body of the length the table gives for it. */
export const framing: Framing<TaggedMessage<Type>> = tagged(TABLE);
