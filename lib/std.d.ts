// The npm form of @std has no types of its own; these are the parts of it that are used.
// An import missing here would be `any` without a word: tests/project_test.ts compares.

declare module "@std/assert/equal" {
  export function equal(a: unknown, b: unknown): boolean;
}

declare module "@std/bytes/concat" {
  export function concat(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer>;
}

declare module "@std/cli/parse-args" {
  export interface ParseOptions {
    string?: readonly string[];
    boolean?: readonly string[];
    collect?: readonly string[];
    alias?: Readonly<Record<string, string>>;
    unknown?: (argument: string, key?: string, value?: unknown) => unknown;
  }
  export function parseArgs(args: readonly string[], options: ParseOptions): { _: string[]; [name: string]: unknown };
}

declare module "@std/fmt/colors" {
  export function blue(text: string): string;
  export function bold(text: string): string;
  export function cyan(text: string): string;
  export function dim(text: string): string;
  export function green(text: string): string;
  export function red(text: string): string;
  export function yellow(text: string): string;
}

declare module "@std/assert" {
  export function assert(condition: unknown, message?: string): asserts condition;
  export function assertEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertNotMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertThrows<E extends Error = Error>(
    run: () => unknown,
    type?: abstract new (...args: never[]) => E,
    includes?: string,
    message?: string,
  ): E;
  export function assertRejects<E extends Error = Error>(
    run: () => PromiseLike<unknown>,
    type?: abstract new (...args: never[]) => E,
    includes?: string,
    message?: string,
  ): Promise<E>;
}

declare module "@std/streams/text-line-stream" {
  export class TextLineStream extends TransformStream<string, string> {}
}
