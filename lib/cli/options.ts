import { parseArgs } from "@std/cli/parse-args";
import { UsageError } from "./errors.ts";

/** One option of a command, described once: parsing, checking and help come from it. */
export interface Option<Value> {
  /** What stands for its value in the help, `PORT`; without one the option is a flag. */
  readonly placeholder?: string;
  /** What it does, a few words without a full stop. */
  readonly help: string;
  /** The value without the option. */
  readonly default: Value;
  /** Whether it may be given more than once; the value is then an array. */
  readonly repeats?: boolean;
  /** Reads one value, or throws an `Error` whose message says what was expected. */
  readonly parse?: (text: string) => unknown;
  /** The default as the help shows it, where the value itself would not do. */
  readonly shown?: string;
}

/** A command's options under their names in camel case: `maxMessage` is `--max-message`. */
export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values of a command's options. */
export type Values<Table extends Options> = {
  -readonly [Name in keyof Table]: Table[Name] extends Option<infer Value> ? Value : never;
};

/** What a command line takes besides options. */
export interface Operands {
  /** How the usage line shows them: `[MESSAGE]`. */
  readonly usage: string;
  /** What they are. */
  readonly help: string;
  /** How many there may be. */
  readonly most: number;
}

/** What a command is called and takes. */
export interface Command<Table extends Options = Options> {
  /** The task's name, `echo:server`. */
  readonly name: string;
  /** What it does, one sentence. */
  readonly summary: string;
  /** What it takes besides options; nothing unless given. */
  readonly operands?: Operands;
  /** The options it takes. */
  readonly options: Table;
  /** A command line worth showing, and what it is for: `deno task proxy ...`. */
  readonly example?: readonly [words: string, command: string];
}

/** Anything not empty. */
export function text(placeholder: string, help: string, value: string): Option<string> {
  return {
    placeholder,
    help,
    default: value,
    parse: (given) => expect(given !== "", given, "something", given),
  };
}

/** A host name or an address; one in brackets is taken out of them. */
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

/** A port, from 1 or from 0, which takes a free one. */
export function port(help: string, value: number, least: 0 | 1): Option<number> {
  return integer("PORT", help, value, { least, most: 65_535 });
}

/** An integer in a range. */
export function integer(
  placeholder: string,
  help: string,
  value: number,
  { least = 0, most = Number.MAX_SAFE_INTEGER, shown }: { least?: number; most?: number; shown?: string } = {},
): Option<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `of ${least} or more` : `from ${least} to ${most}`;
  return {
    placeholder,
    help,
    default: value,
    ...(shown === undefined ? {} : { shown }),
    parse(given) {
      const number = /^\d+$/.test(given) ? Number(given) : NaN;
      return expect(number >= least && number <= most, number, `an integer ${range}`, given);
    },
  };
}

/** A time in seconds, fractions allowed; the value is in milliseconds. Where `zero` is given, 0 means that. */
export function seconds(help: string, milliseconds: number, { zero }: { zero?: number } = {}): Option<number> {
  return {
    placeholder: "SECONDS",
    help,
    default: milliseconds,
    shown: milliseconds === zero && zero !== 0 ? "0" : String(milliseconds / 1000),
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

/** Some of several words, with commas in between. */
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

/** The same option without a default: `undefined` unless it is given. */
export function optional<Value>(option: Option<Value>): Option<Value | undefined> {
  return { ...option, default: undefined, shown: "" };
}

/** A share of a hundred, fractions allowed. */
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

/** Integers from `N` to `M`, written `N-M`, or just `N`; not given unless it is. */
export function range(
  placeholder: string,
  help: string,
  least: number,
): Option<readonly [least: number, most: number] | undefined> {
  return rangeOf(placeholder, help, /^(\d+)(?:-(\d+))?$/, 1, `N or N-M, integers of ${least} or more`, least);
}

/** Times from `N` to `M` seconds, written `N-M`, or just `N`, fractions allowed; the values are in milliseconds. */
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

/** Checks a value that an option was given. */
export function expect<Value>(good: boolean, value: Value, expected: string, given: string): Value {
  if (!good) throw new UsageError(`expected ${expected}, got "${given}"`);
  return value;
}

/** A command line, read. */
export interface CommandLine<Table extends Options> {
  /** The options' values, the defaults filled in. */
  values: Values<Table>;
  /** What was given besides options. */
  operands: string[];
  /** Whether help was asked for; nothing else has been checked then. */
  help: boolean;
}

/**
 * Reads a command line.
 *
 * @param command What the command takes.
 * @param args The arguments.
 * @returns The values, the defaults filled in.
 * @throws {UsageError} If an argument is unknown, lacks its value or is not what was expected.
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
  const parsed = parseArgs(explicit(args, flags), {
    string: ["_", ...[...names.keys()].filter((name) => !flags.includes(name))],
    boolean: ["help", ...flags],
    collect: [...names.keys()].filter((name) => !flags.includes(name)),
    // Typed here too: a program that imports this does not see lib/std.d.ts.
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
 * Ties options to their values before they are parsed: the word after a flag is not its value, `-5` after another
 * option is, and `-hat` is not `-h`.
 */
function explicit(args: string[], flags: string[]): string[] {
  const tied: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    if (argument === "--") return [...tied, ...args.slice(at)];
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/s.exec(argument === "-h" ? "--help" : argument) ?? [];
    if (name === undefined) {
      tied.push(argument);
    } else if (name === "help" || flags.includes(name)) {
      if (value !== undefined && value !== "true" && value !== "false") {
        throw new UsageError(`--${name} takes no value`);
      }
      tied.push(`--${name}=${value ?? "true"}`);
    } else if (value === undefined && /^-[\d.]/.test(args[at + 1] ?? "")) {
      tied.push(`${argument}=${args[++at]}`);
    } else {
      tied.push(argument);
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

/**
 * Writes the help of a command.
 *
 * @param command What the command takes.
 * @param heading Makes a heading stand out.
 * @returns Several lines of text.
 */
export function helpText(command: Command, heading: (text: string) => string = String): string {
  const rows = Object.entries(command.options).map(([key, option]) => {
    const { placeholder, shown = option.repeats ? "" : String(option.default) } = option;
    const left = `--${nameOf(key)}${placeholder === undefined ? "" : ` ${placeholder}`}`;
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
    `${heading("Usage:")} deno task ${command.name} [options]${operands === undefined ? "" : ` ${operands.usage}`}`,
    ...(operands === undefined ? [] : ["", line([operands.usage, operands.help])]),
    "",
    heading("Options:"),
    ...rows.map(line),
    ...(command.example === undefined ? [] : ["", heading(`${command.example[0]}:`), `  ${command.example[1]}`]),
  ].join("\n");
}
