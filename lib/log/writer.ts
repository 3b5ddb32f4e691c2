/** How long to wait before trying again to write to a pipe that is full and does not block, in milliseconds. */
const FULL_PIPE_PAUSE = 5;

/** Where a log is written: `Deno.stderr`, or anything else with its `write`. */
export interface LogWriter {
  /** Writes some of the bytes and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Writes all of the bytes, in as many writes as it takes.
 *
 * @param writer Where to: standard output, standard error. A pipe that somebody made non-blocking is waited for.
 * @param bytes What to write.
 */
export async function writeAll(writer: LogWriter, bytes: Uint8Array): Promise<void> {
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(await writer.write(bytes));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      await new Promise((resolve) => setTimeout(resolve, FULL_PIPE_PAUSE));
    }
  }
}
