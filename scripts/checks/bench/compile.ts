import { tryProgram } from "../../shared/system.ts";

/** The folder of the peers' sources. */
export const PEERS = new URL("./peers/", import.meta.url);

/** Compiles one of the peers' sources in C. Returns why that failed; `undefined` on success. */
export async function compileC(source: string, target: string): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "it uses epoll, which only Linux has";
  const compiled = await tryProgram("gcc", ["-O2", "-o", target, source], PEERS);
  if (compiled === undefined) return "no gcc";
  return compiled.success ? undefined : `${source} does not compile: ${errorLine(compiled.stderr)}`;
}

/** The line of a compiler's or runtime's output that names the error. */
export function errorLine(stderr: string): string {
  return /^.*(?:error|:\d+:\d+:).*$/im.exec(stderr)?.[0] ?? stderr.trim().split("\n").at(-1)!;
}
