import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "./errors.ts";

/** One option of a command. Parsing, checking and help are derived from it. */
export interface Option<Value> {
  /** Placeholder of its value in the help, `PORT`. An option without one is a flag. */
  readonly placeholder?: string | undefined;
  /** A letter that stands for it: `o` for `-o FILE`. */
  readonly short?: string | undefined;
  /** What it does, in a few words without a full stop. */
  readonly help: string;
  /** Value if the option is not given. */
  readonly default: Value;
  /** Whether it may be given more than once. Its value is then an array. */
  readonly repeats?: boolean | undefined;
  /** Parses one value, or throws an `Error` whose message says what was expected. */
  readonly parse?: ((text: string) => unknown) | undefined;
  /** The default as the help shows it, if not the value itself. */
  readonly shown?: string | undefined;
}

/** A command's options under their names in camel case: `maxMessage` is `--max-message`. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values of a command's options. */
export type Values<Table extends Options> = {
  -readonly [Name in keyof Table]: Table[Name] extends Option<infer Value> ? Value : never;
};

/** Operands of a command: arguments that are not options. */
export interface Operands {
  /** Their form in the usage line: `[MESSAGE]`. */
  readonly usage: string;
  /** Their description. */
  readonly help: string;
  /** Maximum number. */
  readonly most: number;
}

/** Name, options and operands of a command. */
export interface Command<Table extends Options = Options> {
  /** Name of the program, which begins its error messages. */
  readonly name: string;
  /**
   * Command line that starts it, as its help shows it: `deno run -A program.ts`.
   *
   * @default {string} the name
   */
  readonly usage?: string | undefined;
  /** What it does, one sentence. */
  readonly summary: string;
  /** Its operands. None by default. */
  readonly operands?: Operands | undefined;
  /** Its options. */
  readonly options: Table;
  /** An example for the help: what it is for, and the command line. */
  readonly example?: readonly [words: string, command: string] | undefined;
}

/** Text that is not empty. */
export function text(placeholder: string, help: string, value: string): Option<string> {
  return {
    placeholder,
    help,
    default: value,
    parse: (given) => expect(given !== "", given, "something", given),
  };
}

/** A host name or an address, in brackets or not. */
export function host(help: string, value: string = "127.0.0.1"): Option<string> {
  return {
    placeholder: "HOST",
    help,
    default: value,
    parse(given) {
      const name = given.replace(/^\[(.*)\]$/, "$1");
      const valid = name !== "" && !/[\s/[\]]/.test(name) && (!name.includes(":") || URL.canParse(`http://[${name}]`));
      return expect(valid, name, "a host name or address", given);
    },
  };
}

/** A port. The least may be 0, which stands for a free port. */
export function port(help: string, value: number, least: 0 | 1): Option<number> {
  return integer("PORT", help, value, { least, most: 65_535 });
}

/** An integer in a range. */
export function integer(
  placeholder: string,
  help: string,
  value: number,
  { least = 0, most = Number.MAX_SAFE_INTEGER, shown }: {
    least?: number | undefined;
    most?: number | undefined;
    shown?: string | undefined;
  } = {},
): Option<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
  return {
    placeholder,
    help,
    default: value,
    shown,
    parse(given) {
      const number = /^\d+$/.test(given) ? Number(given) : NaN;
      return expect(number >= least && number <= most, number, `an integer ${range}`, given);
    },
  };
}

/** A time in seconds, fractions allowed. The value is in milliseconds. `zero` is the value that 0 stands for. */
export function seconds(
  help: string,
  milliseconds: number,
  { zero, shown }: { zero?: number | undefined; shown?: string | undefined } = {},
): Option<number> {
  return {
    placeholder: "SECONDS",
    help,
    default: milliseconds,
    shown: shown ?? (milliseconds === zero && zero !== 0 ? "0" : String(milliseconds / 1000)),
    parse(given) {
      const number = /^(\d+\.?\d*|\.\d+)$/.test(given) ? Number(given) * 1000 : NaN;
      if (zero !== undefined) return expect(number >= 0, number === 0 ? zero : number, "seconds, 0 or more", given);
      return expect(number > 0, number, "seconds above 0", given);
    },
  };
}

/** One of several words. */
export function choice<Word extends string>(help: string, words: readonly Word[], value: Word): Option<Word> {
  return {
    placeholder: words.join("|"),
    help,
    default: value,
    parse: (given) => expect((words as readonly string[]).includes(given), given, words.join(" or "), given),
  };
}

/** A comma-separated list of words. */
export function list<Word extends string>(
  placeholder: string,
  help: string,
  words: readonly Word[],
  value: readonly Word[],
): Option<readonly Word[]> {
  return {
    placeholder,
    help,
    default: value,
    shown: value.length === words.length ? "all" : value.join(","),
    parse(given) {
      const chosen = given.split(",") as Word[];
      return expect(chosen.every((word) => words.includes(word)), chosen, `some of ${words.join(",")}`, given);
    },
  };
}

/** An option without a value. */
export function flag(help: string): Option<boolean> {
  return { help, default: false };
}

/** The same option without a default. Its value is `undefined` unless it is given. */
export function optional<Value>(option: Option<Value>): Option<Value | undefined> {
  return { ...option, default: undefined, shown: "" };
}

/** The same option with `undefined` in place of its default, for a function that has the default itself. The help shows it. */
export function passedOn<Value>(option: Option<Value>): Option<Value | undefined> {
  return { ...option, default: undefined, shown: option.shown ?? String(option.default) };
}

/** A percentage, fractions allowed. */
export function percent(help: string, value: number): Option<number> {
  return {
    placeholder: "PERCENT",
    help,
    default: value,
    parse(given) {
      const number = /^(\d+\.?\d*|\.\d+)$/.test(given) ? Number(given) : NaN;
      return expect(number <= 100, number, "a number from 0 to 100", given);
    },
  };
}

/** A range of integers, `N-M`, or one integer `N`. Without a default. */
export function range(
  placeholder: string,
  help: string,
  least: number,
): Option<readonly [least: number, most: number] | undefined> {
  return rangeOf(placeholder, help, /^(\d+)(?:-(\d+))?$/, 1, `N or N-M, integers of ${least} or more`, least);
}

/** A range of times in seconds, `N-M`, or one time `N`, fractions allowed. The values are in milliseconds. */
export function secondsRange(help: string): Option<readonly [least: number, most: number] | undefined> {
  const form = /^(\d+\.?\d*|\.\d+)(?:-(\d+\.?\d*|\.\d+))?$/;
  return rangeOf("SECONDS", help, form, 1000, "seconds, as 0.5 or 0.01-0.05", 0);
}

function rangeOf(
  placeholder: string,
  help: string,
  form: RegExp,
  unit: number,
  expected: string,
  least: number,
): Option<readonly [least: number, most: number] | undefined> {
  return {
    placeholder,
    help,
    default: undefined,
    shown: "",
    parse(given) {
      const [, first, last = first] = form.exec(given) ?? [];
      const range = [Number(first) * unit, Number(last) * unit] as const;
      return expect(range[0] >= least && range[0] <= range[1] && range[1] < Infinity, range, expected, given);
    },
  };
}

/** Returns the value of an option, or throws what was expected instead. */
export function expect<Value>(good: boolean, value: Value, expected: string, given: string): Value {
  if (!good) throw new UsageError(`expected ${expected}, got "${given}"`);
  return value;
}

/** A parsed command line. */
export interface CommandLine<Table extends Options> {
  /** Values of the options, with defaults filled in. */
  values: Values<Table>;
  /** The operands. */
  operands: string[];
  /** Whether `--help` was given. Nothing else has been checked then. */
  help: boolean;
}

/**
 * Reads a command line.
 *
 * @param command The options and operands of the command.
 * @param args The arguments.
 * @returns The values, with defaults filled in.
 * @throws {UsageError} If an option is unknown, has no value or an invalid one.
 *
 * @example
 * ```ts
 * import { parseCommandLine, port } from "@wirebench/wirebench/cli";
 * import { assertEquals } from "@std/assert";
 *
 * const command = { name: "x", summary: "Does x.", options: { port: port("where", 7, 1) } };
 * assertEquals(parseCommandLine(command, ["--port", "80"]).values, { port: 80 });
 * ```
 */
export function parseCommandLine<Table extends Options>(command: Command<Table>, args: string[]): CommandLine<Table> {
  const names = new Map(Object.keys(command.options).map((key) => [nameOf(key), key]));
  const flags = [...names].filter(([, key]) => command.options[key]!.placeholder === undefined).map(([name]) => name);
  const unknown: string[] = [];
  const shorts = new Map([["-h", "--help"]]);
  for (const [name, key] of names) {
    const { short } = command.options[key]!;
    if (short !== undefined) shorts.set(`-${short}`, `--${name}`);
  }
  const parsed = parseArgs(explicit(args, flags, shorts), {
    string: ["_", ...[...names.keys()].filter((name) => !flags.includes(name))],
    boolean: ["help", ...flags],
    collect: [...names.keys()].filter((name) => !flags.includes(name)),
    // Typed here, since programs that import this do not see lib/std.d.ts.
    unknown(argument: string, key?: string) {
      if (key === undefined) return true;
      unknown.push(argument);
      return false;
    },
  });
  const values: Record<string, unknown> = {};
  if (parsed["help"] !== true) {
    for (const [name, key] of names) {
      const given = parsed[name];
      values[key] = Array.isArray(given) ? valueOf(name, command.options[key]!, given) : given;
    }
    if (unknown.length > 0) throw new UsageError(`Unknown option ${unknown[0]}`);
    checkOperands(command.operands, parsed._);
  }
  return { values: values as Values<Table>, operands: parsed._, help: parsed["help"] === true };
}

/**
 * Joins options with their values before they are parsed: the word after a flag is not its value, `-5` after another option
 * is, and `-hat` is not `-h`. A letter becomes the option that it stands for.
 */
function explicit(args: string[], flags: string[], shorts: ReadonlyMap<string, string>): string[] {
  const tied: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    if (argument === "--") return [...tied, ...args.slice(at)];
    const option = shorts.get(argument) ?? argument;
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(option) ?? [];
    if (name === undefined) {
      tied.push(argument);
    } else if (name === "help" || flags.includes(name)) {
      if (value !== undefined && value !== "true" && value !== "false") {
        throw new UsageError(`--${name} takes no value`);
      }
      tied.push(`--${name}=${value ?? "true"}`);
    } else if (value === undefined && /^-[\d.]/.test(args[at + 1] ?? "")) {
      tied.push(`${option}=${args[++at]}`);
    } else {
      tied.push(option);
    }
  }
  return tied;
}

function valueOf(name: string, option: Option<unknown>, given: string[]): unknown {
  const values = given.map((value) => {
    if (value === "") throw new UsageError(`--${name} needs a value: ${option.placeholder}`);
    try {
      return option.parse!(value);
    } catch (error) {
      throw new UsageError(`--${name}: ${error instanceof Error ? error.message : error}`);
    }
  });
  if (option.repeats) return values;
  return values.length === 0 ? option.default : values.at(-1);
}

function checkOperands(operands: Operands | undefined, given: string[]): void {
  const most = operands?.most ?? 0;
  if (given.length <= most) return;
  const extra = given[most];
  throw new UsageError(
    most === 0 ? `Unexpected argument "${extra}"` : `Unexpected argument "${extra}": expected ${operands!.usage}`,
  );
}

function nameOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The command line that starts a command. */
export function usageOf({ name, usage = name }: Command): string {
  return usage;
}

/**
 * Formats the help of a command.
 *
 * @param command The options and operands of the command.
 * @param heading Emphasises a heading.
 * @returns The help, several lines.
 */
export function helpText(command: Command, heading: (text: string) => string = String): string {
  const rows = Object.entries(command.options).map(([key, option]) => {
    const { placeholder, short, shown = option.repeats ? "" : String(option.default) } = option;
    const left = `${short === undefined ? "" : `-${short}, `}--${nameOf(key)}${
      placeholder === undefined ? "" : ` ${placeholder}`
    }`;
    const value = placeholder === undefined || shown === "" ? "" : ` (default ${shown})`;
    return [left, `${option.help}${option.repeats ? ", may be given again" : ""}${value}`] as const;
  });
  rows.push(["-h, --help", "Show this help"]);
  const { operands } = command;
  const width = Math.max(...rows.map(([left]) => left.length), operands?.usage.length ?? 0);
  const line = ([left, right]: readonly [string, string]) => `  ${left.padEnd(width)}  ${right}`;
  return [
    command.summary,
    "",
    `${heading("Usage:")} ${usageOf(command)} [options]${operands === undefined ? "" : ` ${operands.usage}`}`,
    ...(operands === undefined ? [] : ["", line([operands.usage, operands.help])]),
    "",
    heading("Options:"),
    ...rows.map(line),
    ...(command.example === undefined ? [] : ["", heading(`${command.example[0]}:`), `  ${command.example[1]}`]),
  ].join("\n");
}
