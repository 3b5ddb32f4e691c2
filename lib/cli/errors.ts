/** A failure whose message is written for the user of a command. */
export class CommandError extends Error {
  /** The class's name. */
  override name = "CommandError";
  /** The exit code of the command. */
  readonly exitCode: number;

  /**
   * Creates an error.
   *
   * @param message What went wrong, and what to do about it.
   * @param options The exit code, 1 by default, and the cause.
   */
  constructor(message: string, options: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options);
    this.exitCode = options.exitCode ?? 1;
  }
}

/** Wrong usage of a command: an option or an operand that it cannot take. */
export class UsageError extends Error {
  /** The class's name. */
  override name = "UsageError";
}

/**
 * Calls a function that checks the command line, and converts its errors to wrong usage.
 *
 * @param check The function.
 * @returns Its result.
 * @throws {UsageError} With the message of the error that it threw.
 *
 * @example An option that another function checks
 * ```ts
 * import { orUsage, UsageError } from "@wirebench/wirebench/cli";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => orUsage(() => new URL("nowhere")), UsageError);
 * ```
 */
export function orUsage<Value>(check: () => Value): Value {
  try {
    return check();
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : Deno.inspect(error));
  }
}

/** Errors whose message is written for the user of a command. */
const PLAIN = [UsageError, CommandError, RangeError, TypeError];

/**
 * Formats an error as one line.
 *
 * @param error The error.
 * @returns One line, without a stack trace.
 */
export function explainError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (PLAIN.some((plain) => error instanceof plain)) return error.message;
  return `${error.name}: ${error.message.replaceAll("\n", " ")}`;
}

/**
 * Converts an error of the file system to one for the user of a command. Other errors, such as that of a missing grant,
 * stay unchanged.
 *
 * @param attempt What failed: `Cannot write a.txt`.
 * @param error The error.
 * @returns A `CommandError` such as `Cannot write a.txt: Read-only file system`, or the same error.
 *
 * @example A folder in the place of a file
 * ```ts
 * import { fileError } from "@wirebench/wirebench/cli";
 * import { assertEquals } from "@std/assert";
 *
 * const error = fileError("Cannot read lib", new Error("Is a directory (os error 21): readfile 'lib'"));
 * assertEquals(String(error), "CommandError: Cannot read lib: Is a directory");
 * ```
 */
export function fileError(attempt: string, error: unknown): unknown {
  const system = error instanceof Error && /^(.*) \(os error \d+\)/.exec(error.message);
  return system ? new CommandError(`${attempt}: ${system[1]}`, { cause: error }) : error;
}
