import { assertEquals } from "@std/assert";
import type { RecordedEvent } from "../../lib/record/event.ts";
import { ChildProcess } from "../../scripts/shared/child_process.ts";
import type { Control, State } from "../../scripts/tools/see/protocol.ts";
import { textOf, within } from "../harness.ts";

const cwd = new URL("../..", import.meta.url);

/** The command with its permission set, and with flags of Deno among the arguments, which begin with `--allow-`. */
function command(...args: string[]): Deno.Command {
  const isFlag = (argument: string) => argument.startsWith("--allow-");
  const flags = ["run", "-q", "--no-prompt", "-P=see", ...args.filter(isFlag), "scripts/tools/see.ts"];
  const rest = args.filter((argument) => !isFlag(argument));
  return new Deno.Command(Deno.execPath(), { args: [...flags, ...rest], cwd, stdout: "piped", stderr: "piped" });
}

/** Runs `deno task see` to its end. */
export async function runSee(...args: string[]): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await command(...args).output();
  return { code, stderr: textOf(stderr) };
}

/** A running `deno task see`. Disposing of it stops it, and throws unless it ends well. */
export class See extends ChildProcess {
  /** The address of the page. */
  url = "";
  /** The line below it. */
  client = "";
  /** The exit code that is expected. */
  code = 0;
  readonly stderr: Promise<string> = new Response(this.process.stderr).text();

  static async start(...args: string[]): Promise<See> {
    const see = new See(command(...args).spawn());
    see.url = /^See it at (.+)$/.exec(await within(see.line(), "the address") ?? "")?.[1] ?? "";
    see.client = await within(see.line(), "the command of a client") ?? "";
    if (see.client === "") throw new Error(await see.stderr);
    return see;
  }

  /** The port of the page. */
  get pagePort(): number {
    return Number(new URL(this.url).port);
  }

  /** The port of the proxy. */
  get port(): number {
    return Number(/(?:--port |:)(\d+)/.exec(this.client)?.[1]);
  }

  /** Asks for something as the page does. */
  async control(control: Control | Record<string, unknown>): Promise<{ status: number; error?: string }> {
    const response = await fetch(`${this.url}control`, {
      method: "POST",
      headers: { origin: new URL(this.url).origin, "content-type": "application/json" },
      body: JSON.stringify(control),
    });
    return { status: response.status, ...await response.json() };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGTERM");
    const { code } = await within(this.process.status, "the end");
    await super[Symbol.asyncDispose]();
    assertEquals(code, this.code, await this.stderr);
  }
}

/** The stream of events of a page, without a browser. */
export class Events implements AsyncDisposable {
  readonly events: RecordedEvent[] = [];
  /** The id of the last batch. */
  id = "";
  state: State | undefined;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #reading: Promise<void>;
  #waiting: (() => void)[] = [];

  private constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.#reader = reader;
    this.#reading = this.#read();
  }

  static async open(see: See, after = ""): Promise<Events> {
    const response = await fetch(`${see.url}events`, { headers: after === "" ? {} : { "last-event-id": after } });
    assertEquals(response.headers.get("content-type"), "text/event-stream");
    return new Events(response.body!.getReader());
  }

  /** Waits until the events or the state are as wanted. */
  async until(condition: (stream: Events) => boolean, what: string): Promise<void> {
    while (!condition(this)) {
      const more = new Promise<void>((resolve) => this.#waiting.push(resolve));
      await within(more, () => `${what}: ${JSON.stringify(this.events.slice(-20))}, ${JSON.stringify(this.state)}`);
    }
  }

  /** The bytes that were recorded or passed on in a direction. */
  total(kind: "in" | "out", way: "up" | "down"): number {
    return this.events.reduce((sum, event) => {
      if (event.k !== kind || event.w !== way) return sum;
      return sum + (event.k === "in" ? atob(event.d).length : event.n);
    }, 0);
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for (let result; !(result = await this.#reader.read()).done;) {
      text += decoder.decode(result.value, { stream: true });
      for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
        const [first, second] = text.slice(0, end).split("\n");
        const data = JSON.parse(second!.slice("data: ".length));
        if (first === "event: state") this.state = data;
        else this.events.push(...data);
        if (first!.startsWith("id: ")) this.id = first!.slice("id: ".length);
      }
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
    await this.#reading;
  }
}
