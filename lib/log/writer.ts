/** Pause before the next write to a non-blocking pipe that is full, in milliseconds. */
const FULL_PIPE_PAUSE = 5;

/** A writer such as `Deno.stderr`. */
export interface LogWriter {
  /** Writes some of the bytes and returns their number. */
  write(bytes: Uint8Array): Promise<number>;
}

/**
 * Writes all of the bytes, in as many writes as it takes.
 *
 * @param writer The writer, such as standard output. Waits for a non-blocking pipe that is full.
 * @param bytes The bytes.
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
