import { type Log, writeAll } from "../log/mod.ts";
import type { Recorder } from "./recorder.ts";

/** Options of {@linkcode recordToFile}. */
export interface RecordingFileOptions {
  /**
   * The size in bytes at which the file ends.
   *
   * @default {1_073_741_824} 1 GiB
   */
  maxSize?: number | undefined;
  /** Where to say that the file is full, or cannot be written. */
  log?: Log | undefined;
}

const DEFAULT_MAX_SIZE = 1024 ** 3;
/** The number of bytes that are written at once. */
const BATCH_SIZE = 256 * 1024;
/** The pause after a batch, as a multiple of the time that the batch took: traffic comes first. */
const PAUSES = 15;
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
  const file = await open(path);
  const ending = new AbortController();
  const cursor = recorder.cursor();
  let size = 0;

  /** Writes lines, unless that makes the file too large. */
  async function write(bytes: Uint8Array): Promise<boolean> {
    if (size + bytes.length > maxSize) return false;
    await writeAll(file, bytes);
    size += bytes.length;
    return true;
  }

  async function writeEvents(): Promise<void> {
    while (recorder.header === undefined && !ending.signal.aborted) await cursor.wait(ending.signal);
    if (recorder.header === undefined) return;
    await write(new TextEncoder().encode(`${JSON.stringify(recorder.header)}\n`));
    for (;;) {
      await cursor.wait(ending.signal);
      const began = performance.now();
      const lines = cursor.readBytes(BATCH_SIZE);
      if (lines.length === 0) return;
      const pause = Math.max(MIN_PAUSE, (performance.now() - began) * PAUSES);
      if (!await write(lines)) {
        return log?.warn("The recording {path} is full at {size} bytes", { path, size });
      }
      if (!ending.signal.aborted) await pauseFor(pause, ending.signal);
    }
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

/** Opens the file, and makes its folder if that is missing. */
async function open(path: string): Promise<Deno.FsFile> {
  const options = { write: true, create: true, truncate: true };
  try {
    return await Deno.open(path, options);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/") + 1), { recursive: true });
    return await Deno.open(path, options);
  }
}

/** Waits for a time, or until the signal aborts. */
function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}
