import { TextLineStream } from "@std/streams/text-line-stream";

/** A child process. Disposing of it kills it. */
export class ChildProcess implements AsyncDisposable {
  /** The process itself. */
  readonly process: Deno.ChildProcess;
  #lines: ReadableStreamDefaultReader<string> | undefined;

  /** Takes over a process that has just been spawned. */
  constructor(process: Deno.ChildProcess) {
    this.process = process;
  }

  /** Its process id. */
  get pid(): number {
    return this.process.pid;
  }

  /** Reads the next line of its standard output, which must be piped; `undefined` at the end. */
  async line(): Promise<string | undefined> {
    this.#lines ??= this.process.stdout
      .pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    return (await this.#lines.read()).value;
  }

  /** Sends it a signal, unless it has ended. */
  signal(signal: Deno.Signal): void {
    try {
      this.process.kill(signal);
    } catch {
      // It has ended.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.#lines?.cancel();
    await this.process.status;
  }
}
