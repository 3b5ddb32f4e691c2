import type { Framing } from "../../lib/framing/framing.ts";
import { tagged, type TaggedMessage } from "../../lib/framing/tagged.ts";

/** The tutorial names no port. */
export const PORT = 3005;

/** The length of each type's body in bytes. */
export const LENGTHS = { A: 4, B: 16, C: 300 } as const;

/** A type byte, as text. */
export type Type = keyof typeof LENGTHS;

/** A type byte and a body whose length the type decides. */
export const framing: Framing<TaggedMessage<Type>> = tagged(LENGTHS);
