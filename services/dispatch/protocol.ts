import type { Connection } from "../../lib/net/mod.ts";

/** No tutorial has this service. */
export const PORT = 3007;

/** One event loop, several threads with an event loop each, or several processes with an event loop each. */
export type Mode = "loop" | "workers" | "processes";

/** All modes. */
export const MODES: readonly Mode[] = ["loop", "workers", "processes"];

/** Serves one connection, the same way in every mode: sends every byte back. */
export async function echo(connection: Connection): Promise<void> {
  for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
}
