// The npm form of @std has no types of its own; these are the parts of it that are used.
// An import missing here would be `any` without a word: tests/imports_test.ts compares.

declare module "@std/assert/equal" {
  export function equal(a: unknown, b: unknown): boolean;
}

declare module "@std/bytes/concat" {
  export function concat(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer>;
}
