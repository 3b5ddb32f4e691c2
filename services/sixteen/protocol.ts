import { fixed, type Framing } from "../../lib/framing/mod.ts";

/** The tutorial's is 3000 or 1060, which uppercase and lines have. */
export const PORT = 3002;

/** How long both messages are, in bytes. */
export const LENGTH = 16;
/** What the client says. */
export const GREETING = "Hi there, server";
/** What the server answers. */
export const FAREWELL = "Farewell, client";

/** Messages of 16 bytes. */
export const framing: Framing<Uint8Array> = fixed(LENGTH);
