import { CommandError, fileError, Stdin, writeStdout } from "../../../lib/cli/mod.ts";
import { encodeText } from "../../../lib/framing/mod.ts";
import { escapeText } from "../../../lib/log/mod.ts";
import { readRecording, type Recording, type RecordingHeader } from "../../../lib/record/mod.ts";
import { createFile } from "../../../lib/record/file.ts";
import { Session } from "../../../lib/record/session.ts";
import { StatusLine } from "../../shared/status_line.ts";

/** A recording that was read, as far as it is whole. */
export interface Loaded {
  /** Its name, for people. */
  readonly name: string;
  readonly header: RecordingHeader;
  readonly events: Recording["events"];
  /** Its messages and pieces. */
  readonly session: Session;
}

/** The number of bytes of a batch of output. */
const BATCH_SIZE = 1024 * 1024;
/** The number of bytes of a recording that are read. Its events may take seven times as much memory. */
const MAX_SIZE = 256 * 1024 * 1024;
/** How often to show the progress, in milliseconds. */
const REPORT_EVERY = 500;

/**
 * Reads a recording. If it is cut off or malformed, says where on standard error, and returns what is whole.
 *
 * @param file The path, or `-` for standard input.
 * @param framing The framing by name, in place of the recording's own.
 * @param signal Stops reading when it aborts.
 */
export async function loadRecording(file: string, framing: string | undefined, signal: AbortSignal): Promise<Loaded> {
  const name = file === "-" ? "standard input" : file;
  const progress = new Progress(`Reading ${name}`, signal);
  const { header, events, problem } = await read(
    file,
    (chunks) => readRecording(progress.counting(upTo(MAX_SIZE, chunks))),
  );
  if (header === undefined) throw new CommandError(`${name} is not a recording: ${problem}`);
  if (progress.bytes >= MAX_SIZE) warn(`${name}: only the first ${MAX_SIZE / 2 ** 20} MiB are used`);
  else if (problem !== undefined) warn(`${name}: ${problem}`);
  const session = sessionOf(header, framing, name);
  for (const event of events) session.add(event);
  await progress.end();
  return { name, header, events, session };
}

function sessionOf(header: RecordingHeader, framing: string | undefined, name: string): Session {
  try {
    return new Session(header, framing);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError) || framing !== undefined) throw error;
    warn(`${name} names a framing that does not exist, so it has no messages: ${error.message}; see --framing`);
    return new Session(header, "");
  }
}

/** Writes a line to standard error. */
export function warn(text: string): void {
  console.error(`recording: ${escapeText(text)}`);
}

/** The text of a recording, of what is whole, with the framing that was chosen. */
export function textOf({ header, events, session }: Loaded): string {
  const first = { ...header, framing: session.framing };
  return [first, ...events].map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** The first bytes of a stream. */
export async function* upTo(most: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    yield chunk.subarray(0, most);
    most -= chunk.length;
    if (most <= 0) return;
  }
}

/** Reads a file or standard input. An error of the file system is the user's. */
async function read<Result>(
  path: string,
  use: (chunks: AsyncIterable<Uint8Array>) => Promise<Result>,
): Promise<Result> {
  if (path === "-") {
    using stdin = new Stdin();
    return await use(stdin.chunks());
  }
  try {
    return await use((await Deno.open(path)).readable);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new CommandError(`There is no recording ${path}`);
    throw fileError(`Cannot read ${path}`, error);
  }
}

/**
 * Writes chunks to a file or to standard output.
 *
 * @param chunks Texts, or bytes, which no terminal gets.
 * @param path The file, which is replaced.
 * @param signal Stops writing when it aborts.
 */
export async function writeOutput(
  chunks: Iterable<string | Uint8Array>,
  path: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const file = path === undefined || path === "-" ? undefined : await create(path);
  const writer = file?.writable.getWriter();
  const write = (bytes: Uint8Array<ArrayBuffer>) => writer === undefined ? writeStdout(bytes) : writer.write(bytes);
  const progress = new Progress(`Writing ${path ?? "to standard output"}`, signal);
  const batch = new Uint8Array(BATCH_SIZE);
  let size = 0;
  for (const chunk of chunks) {
    if (typeof chunk !== "string" && writer === undefined && Deno.stdout.isTerminal()) {
      throw new CommandError("Standard output is a terminal: choose a file with -o FILE");
    }
    const bytes = typeof chunk === "string" ? encodeText(chunk) : chunk;
    if (size + bytes.length > BATCH_SIZE) {
      await write(batch.subarray(0, size));
      size = 0;
    }
    if (bytes.length > BATCH_SIZE) {
      await write(new Uint8Array(bytes));
    } else {
      batch.set(bytes, size);
      size += bytes.length;
    }
    await progress.add(bytes.length);
  }
  await write(batch.subarray(0, size));
  await writer?.close();
  await progress.end();
}

async function create(path: string): Promise<Deno.FsFile> {
  try {
    return await createFile(path);
  } catch (error) {
    throw fileError(`Cannot write ${path}`, error);
  }
}

/** Shows the number of bytes on standard error, if that is a terminal. */
class Progress {
  readonly #words: string;
  readonly #signal: AbortSignal;
  readonly #line = Deno.stderr.isTerminal() ? new StatusLine() : undefined;
  #last = performance.now();
  /** Number of bytes so far. */
  bytes = 0;

  constructor(words: string, signal: AbortSignal) {
    this.#words = words;
    this.#signal = signal;
  }

  /** Counts bytes. Throws a `CommandError` once the signal is aborted. */
  async add(bytes: number): Promise<void> {
    if (this.#signal.aborted) throw new CommandError("Interrupted");
    this.bytes += bytes;
    if (this.#line === undefined || performance.now() - this.#last < REPORT_EVERY) return;
    this.#last = performance.now();
    await this.#line.show(`${this.#words}: ${(this.bytes / 1e6).toFixed(1)} MB`);
  }

  async *counting(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      yield chunk;
      await this.add(chunk.length);
    }
  }

  async end(): Promise<void> {
    await this.#line?.clear();
  }
}
