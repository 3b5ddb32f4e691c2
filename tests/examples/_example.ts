// Runs an example as its first comment says: with the same flags, and therefore in the same sandbox.

import { ChildProcess } from "../../scripts/shared/child_process.ts";
import { until, within } from "../harness.ts";

const root = new URL("../..", import.meta.url);

/** The flags of the command in an example's first comment, with the port of the test. */
function flagsOf(name: string, port: number): string[] {
  const source = Deno.readTextFileSync(new URL(`examples/${name}.ts`, root));
  const flags = new RegExp(`^//     deno run (.*) examples/${name}\\.ts`, "m").exec(source)![1]!;
  return flags.replace(/(127\.0\.0\.1):\d+/, `$1:${port}`).split(" ");
}

/** An example in its own process. Disposing of it kills it. */
export class ExampleProcess extends ChildProcess {
  stdout = "";
  stderr = "";
  readonly #read: Promise<unknown>;

  constructor(name: string, port: number, args: string[]) {
    super(
      new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "--no-prompt", ...flagsOf(name, port), `examples/${name}.ts`, "--port", `${port}`, ...args],
        cwd: root,
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
    const collect = (stream: ReadableStream<Uint8Array<ArrayBuffer>>, add: (text: string) => void) =>
      stream.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write: add }));
    this.#read = Promise.all([
      collect(this.process.stdout, (text) => this.stdout += text),
      collect(this.process.stderr, (text) => this.stderr += text),
    ]);
  }

  /** Starts an example that is a server, on a free port. */
  static async serve(name: string, ...args: string[]): Promise<ExampleProcess & { port: number }> {
    const server = new ExampleProcess(name, 0, args);
    await server.shows(/Listening at .*:(\d+)/, "stderr");
    return Object.assign(server, { port: Number(/Listening at .*:(\d+)/.exec(server.stderr)![1]) });
  }

  /** Waits until its output matches. */
  async shows(pattern: RegExp, stream: "stdout" | "stderr" = "stdout"): Promise<void> {
    await until(() => pattern.test(this[stream]), () => `${pattern} in "${this.stdout}", "${this.stderr}"`);
  }

  /** Waits for its end; asks for it if a signal is given. */
  async result(signal?: Deno.Signal): Promise<{ code: number; stdout: string; stderr: string }> {
    if (signal !== undefined) this.signal(signal);
    const { code } = await within(this.process.status, () => `the end: "${this.stdout}", "${this.stderr}"`);
    await this.#read;
    return { code, stdout: this.stdout, stderr: this.stderr };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.result();
  }
}

/** Runs an example to its end. */
export async function runExample(name: string, port: number, ...args: string[]) {
  await using example = new ExampleProcess(name, port, args);
  return await example.result();
}

/** Starts a server program of the system. Disposing of it kills it. */
export function startProgram(program: string, ...args: string[]): ChildProcess {
  return new ChildProcess(
    new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).spawn(),
  );
}

/** Runs a Python program. */
export async function python(script: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const { stdout, stderr } = await within(
    new Deno.Command("python3", { args: ["-c", script, ...args] }).output(),
    "the end of Python",
  );
  return { stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}
