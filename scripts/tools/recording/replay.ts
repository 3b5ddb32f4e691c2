import { CommandError, UsageError } from "../../../lib/cli/mod.ts";

import type { Attempt } from "../../../lib/launch/mod.ts";
import { escapeBytes, plural } from "../../../lib/log/mod.ts";
import { formatEndpoint } from "../../../lib/net/endpoint.ts";
import {
  replay,
  type ReplayDifference,
  type ReplayedConnection,
  type ReplayOptions,
} from "../../../lib/record/replay.ts";
import { StatusLine } from "../../shared/status_line.ts";
import { type Loaded, warn } from "./files.ts";

/** How often to show the progress, in milliseconds. */
const REPORT_EVERY = 500;

/** Replays a recording, and prints a line for each connection. Throws a `CommandError` if an answer differs. */
export async function replayRecording(
  recording: Loaded,
  options: ReplayOptions,
  attempt: Attempt,
): Promise<void> {
  const { header, session, events } = recording;
  const { to, signal } = options;
  const udp = header.listen.startsWith("udp:");
  const address = formatEndpoint(to);
  if (udp !== (to.transport === "udp")) {
    throw new UsageError(
      `--to: expected ${udp ? "udp://HOST:PORT" : "tcp://HOST:PORT or unix:/PATH"}, got "${address}"`,
    );
  }
  const missing = events.findIndex(({ k }) => k === "skip");
  if (missing === 0) throw new CommandError(`${recording.name} has no beginning: events are missing before the first`);
  if (missing > 0) warn(`events are missing after the first ${missing}, which are replayed`);
  attempt.address = address;
  const line = new StatusLine();
  let last = performance.now();
  const onProgress = (done: number, all: number) => {
    if (!Deno.stderr.isTerminal() || performance.now() - last < REPORT_EVERY) return;
    last = performance.now();
    line.show(`Replaying: ${Math.round(100 * done / all)} %`);
  };
  let connections: ReplayedConnection[];
  try {
    connections = await replay(events, { ...options, onProgress });
  } catch (error) {
    if (signal?.aborted) throw new CommandError("Interrupted");
    if (error instanceof DOMException && error.name === "TimeoutError") {
      throw new CommandError(`${address} did not answer in time: check --to`);
    }
    if (!(error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound)) throw error;
    throw new CommandError(`Nobody listens at ${address}: start the server, or check --to`);
  } finally {
    await line.clear();
  }
  for (const { connection, sent, received, difference } of connections) {
    const counts = `connection ${connection}: ${plural(sent, "byte")} sent, ${received} received`;
    console.log(difference === undefined ? `${counts}, as recorded` : `${counts}; ${describe(difference, connection)}`);
  }
  const different = connections.filter(({ difference }) => difference !== undefined).length;
  if (different > 0) {
    const verb = different === 1 ? "differs" : "differ";
    throw new CommandError(`${different} of ${plural(connections.length, "connection")} ${verb} from the recording`);
  }

  function describe({ at, datagram, expected, received, instead }: ReplayDifference, connection: number): string {
    const got = received.length === 0 ? instead! : `"${escapeBytes(received)}"`;
    const wanted = expected.length === 0 ? "the end" : `"${escapeBytes(expected)}"`;
    const where = datagram === undefined ? partAt(connection, at) : ` in datagram ${datagram}`;
    return `differs at byte ${at}${where}: expected ${wanted}, got ${got}`;
  }

  function partAt(connection: number, at: number): string {
    const flow = session.connections.get(connection)?.down;
    const part = flow?.parts[flow.partAt(at)];
    return part === undefined ? "" : `, byte ${at - part.start} of the ${part.name} of message ${part.message}`;
  }
}
