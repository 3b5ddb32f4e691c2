import type { Connection } from "../../lib/net/mod.ts";

/** In none of the tutorials. */
export const PORT = 3007;

/** Who serves: one event loop, several threads with a loop each, several processes with a loop each. */
export type Mode = "loop" | "workers" | "processes";

/** All of them. */
export const MODES: readonly Mode[] = ["loop", "workers", "processes"];

/** What is done with a connection in every mode: it gets back what it sends. */
export async function echo(connection: Connection): Promise<void> {
  for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
}
