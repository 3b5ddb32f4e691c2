// The course: every command in its chapters is run, and prints what the chapter shows; every program shown is the file.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../scripts/shared/ports.ts";
import { hasProgram, steadily, within } from "./harness.ts";

const root = new URL("..", import.meta.url);
const folder = new URL("docs/course/", root);
const chapters = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => /^\d.*\.md$/.test(name)).sort();

/** What the commands need beyond Deno. They show errors and addresses as Linux does. */
const missing = Deno.build.os !== "linux"
  ? "not Linux"
  : !hasProgram("python3", "-c", "import sys; sys.exit(sys.version_info < (3, 10))")
  ? "no python3 of 3.10 or later here"
  : !hasProgram("nc", "-h")
  ? "no nc here"
  : undefined;

/** How long a command may take, in milliseconds: a judge runs for up to 20 seconds, longer on a busy machine. */
const COMMAND_TIMEOUT = 60_000;

/** A command of a chapter, and the lines that it prints: `…` stands for any text, a line of it for any lines. */
interface Command {
  line: string;
  shown: string[];
}

/** Reads the commands from the blocks of a chapter that are consoles. */
function commandsIn(chapter: string): Command[] {
  const commands: Command[] = [];
  for (const [, block] of chapter.matchAll(/^```console\n(.*?)^```$/gms)) {
    for (const line of block!.trimEnd().split("\n")) {
      if (line.startsWith("$ ")) commands.push({ line: line.slice(2), shown: [] });
      else commands.at(-1)!.shown.push(line);
    }
  }
  return commands;
}

function patternOf(shown: string[]): RegExp {
  const lines = shown.map((line) =>
    line === "…" ? "(.*\\n)*?" : `${line.split("…").map((text) => RegExp.escape(text)).join(".*")}\\n`
  );
  return new RegExp(`^${lines.join("")}$`);
}

/** Gives a chapter free ports in place of those it names, so that it disturbs nobody. */
function withFreePorts(chapter: string): string {
  const [, named = ""] = /^<!-- ports: ([\d ]+) -->$/m.exec(chapter) ?? [];
  const free = new Map(named.split(" ").map((port) => [port, String(freePort())]));
  return chapter.replaceAll(/\b\d+\b/g, (number) => free.get(number) ?? number);
}

function bash(line: string): Deno.ChildProcess {
  const script = line.replaceAll(/\bdeno (?=task|run)/g, `${Deno.execPath()} `);
  return new Deno.Command("bash", {
    args: ["-c", `exec 2>&1; ${script}`],
    cwd: root,
    env: { NO_COLOR: "1", PYTHONUNBUFFERED: "1" },
    stdin: "null",
    stdout: "piped",
  }).spawn();
}

/** Removes what `deno task` prints of itself. */
function printed(output: string): string {
  return output.replaceAll(/^Task .*\n/gm, "");
}

/** A command that runs beside the others. */
class Background implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #begun = Promise.withResolvers<void>();
  /** Fulfilled when it has ended, and all it printed has been read. */
  readonly ended: Promise<void>;
  readonly command: Command;
  output = "";

  constructor(command: Command) {
    this.command = command;
    this.#child = bash(`exec ${command.line.replace(/ &$/, "")}`);
    this.ended = this.#read();
  }

  /** Waits until it has printed its first line, which says that it is ready. */
  async begun(): Promise<void> {
    await within(this.#begun.promise, `the first line of ${this.command.line}`, COMMAND_TIMEOUT);
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      this.output += text;
      if (printed(this.output).includes("\n")) this.#begun.resolve();
    }
    await this.#child.status;
    this.#begun.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.ended;
  }
}

/** Runs the commands of a chapter in order, and compares what they print. */
async function follow(chapter: string): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const background: Background[] = [];
  for (const command of commandsIn(withFreePorts(chapter))) {
    const { line, shown } = command;
    if (line === "wait") {
      await within(
        Promise.all(background.map(({ ended }) => ended)),
        "the end of the commands before",
        COMMAND_TIMEOUT,
      );
    } else if (line.endsWith(" &")) {
      const started = stack.use(new Background(command));
      await started.begun();
      background.push(started);
    } else {
      const child = bash(line);
      const output = new Response(child.stdout).text();
      await within(child.status, `the end of ${line}`, COMMAND_TIMEOUT);
      assertMatch(printed(await output), patternOf(shown), `${line} prints something else than the chapter shows`);
    }
  }
  for (const { command: { line, shown }, output } of background) {
    // Others write to its terminal too, so only the order of its own lines is compared.
    assertMatch(printed(output), new RegExp(patternOf(shown).source.slice(0, -1)), `${line} prints something else`);
  }
}

for (const name of chapters) {
  const chapter = Deno.readTextFileSync(new URL(name, folder));

  Deno.test({
    name: `the course's ${name}: every command prints what is shown` +
      (missing === undefined ? "" : ` (ignored: ${missing})`),
    ignore: missing !== undefined,
    fn: () => steadily(() => follow(chapter)),
  });

  Deno.test(`the course's ${name}: every program shown is its file`, () => {
    const programs = [...chapter.matchAll(/^\[(programs\/\S+)\]\(\1\):\n\n```\w+\n(.*?)^```$/gms)];
    assert(programs.length > 0);
    for (const [, path, shown] of programs) assertEquals(shown, Deno.readTextFileSync(new URL(path!, folder)), path);
  });
}

Deno.test("every program of the course is in one of its eight chapters", () => {
  const all = chapters.map((name) => Deno.readTextFileSync(new URL(name, folder))).join("\n");
  for (const { name } of Deno.readDirSync(new URL("programs", folder))) {
    assert(all.includes(`programs/${name}`), `${name} is in no chapter`);
  }
  assertEquals(chapters.length, 8);
});
