// Resolves the packages of the tests to Deno's copies of them, whose addresses the environment gives.
import process from "node:process";

const urls: Record<string, string> = JSON.parse(process.env["PACKAGES"]!);

type Context = { parentURL?: string };
type Next = (specifier: string, context: Context) => unknown;

export function resolve(specifier: string, context: Context, next: Next): unknown {
  const url = urls[specifier];
  if (url !== undefined) return { url, shortCircuit: true };
  // A package may import itself by its name, so its own files resolve its exports.
  const own = urls[`${specifier.split("/")[0]}/`];
  return next(specifier, own === undefined ? context : { ...context, parentURL: own });
}
