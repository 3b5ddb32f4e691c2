import { type Log, writeAll } from "../log/mod.ts";
import type { Recorder } from "./recorder.ts";

const encoder = new TextEncoder();

/** Options of {@linkcode recordToFile}. */
export interface RecordingFileOptions {
  /**
   * The maximum size in bytes. A full file gets one more line: the number of events that it lacks.
   *
   * @default {1_073_741_824} 1 GiB
   */
  maxSize?: number | undefined;
  /** The log for warnings: the file is full, or cannot be written. */
  log?: Log | undefined;
}

const DEFAULT_MAX_SIZE = 1024 ** 3;
/** The number of bytes that are written at once. */
const BATCH_SIZE = 256 * 1024;
/** The pause after a batch, as a multiple of the time that the batch took: traffic comes first. */
const PAUSES = 30;
/** The shortest pause in milliseconds: a busy proxy makes few, large writes. */
const MIN_PAUSE = 10;

/**
 * Writes a recording to a file as it happens, whole lines only. If the traffic leaves too little time, or the disk is too
 * slow, it skips events and writes how many.
 *
 * @param recorder The recording.
 * @param path The file, which is replaced. Its folder is made if it is missing.
 * @param options The largest size, and a log.
 * @returns Dispose of it after the proxy, to write the rest and close the file.
 * @throws {Deno.errors.NotCapable} If the sandbox does not allow writing the file.
 */
export async function recordToFile(
  recorder: Recorder,
  path: string,
  options: RecordingFileOptions = {},
): Promise<AsyncDisposable> {
  const { maxSize = DEFAULT_MAX_SIZE, log } = options;
  const file = await createFile(path);
  const ending = new AbortController();
  const cursor = recorder.cursor();
  let size = 0;

  /** Writes lines, or returns false if they would make the file too large. */
  async function write(lines: Uint8Array): Promise<boolean> {
    if (size + lines.length > maxSize) return false;
    await writeAll(file, lines);
    size += lines.length;
    return true;
  }

  async function writeEvents(): Promise<void> {
    const { signal } = ending;
    while (recorder.header === undefined && !signal.aborted) await cursor.wait(signal);
    if (recorder.header === undefined) return;
    let lines: Uint8Array = encoder.encode(`${JSON.stringify(recorder.header)}\n`);
    let { position } = cursor;
    let spent = 0;
    while (await write(lines)) {
      await pause(Math.max(MIN_PAUSE, spent * PAUSES), signal);
      await cursor.wait(signal);
      const began = performance.now();
      ({ position } = cursor);
      lines = cursor.readBytes(BATCH_SIZE);
      if (lines.length === 0) return;
      spent = performance.now() - began;
    }
    log?.warn("The recording {path} is full at {size} bytes", { path, size });
    await pause(Infinity, signal);
    await writeAll(file, encoder.encode(`{"k":"skip","n":${recorder.events - position}}\n`));
  }

  const writing = writeEvents()
    .catch((error) => log?.warn("Cannot write the recording {path}: {error}", { path, error: error.message }))
    .finally(() => file.close());
  return {
    async [Symbol.asyncDispose]() {
      ending.abort();
      await writing;
    },
  };
}

/** Opens a file to write, which it replaces. Makes its folder if that is missing. */
export async function createFile(path: string): Promise<Deno.FsFile> {
  const options = { write: true, create: true, truncate: true };
  try {
    return await Deno.open(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/") + 1), { recursive: true });
    return await Deno.open(path, options);
  }
}

/** Waits for a time, which may be `Infinity`, or until the signal aborts. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = milliseconds === Infinity ? undefined : setTimeout(end, milliseconds);
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    }
    signal.addEventListener("abort", end);
  });
}
