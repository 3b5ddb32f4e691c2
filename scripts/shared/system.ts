// Facts about the system come from other programs: reading /proc takes every permission there is.

const decoder = new TextDecoder();

/** Runs a program to its end; `undefined` if it does not exist. */
export async function tryProgram(
  name: string,
  args: string[],
  cwd?: URL,
): Promise<{ success: boolean; stdout: string; stderr: string } | undefined> {
  try {
    const options = { args, stdin: "null" as const, ...(cwd === undefined ? {} : { cwd }) };
    const { success, stdout, stderr } = await new Deno.Command(name, options).output();
    return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The standard output of a program, trimmed; empty if the program fails or does not exist. */
export async function outputOf(name: string, ...args: string[]): Promise<string> {
  const result = await tryProgram(name, args);
  return result?.success ? result.stdout.trim() : "";
}

/** The resident memory of a process, in bytes; `undefined` on Windows, and if the process has ended. */
export async function memoryOf(pid: number): Promise<number | undefined> {
  const kibibytes = Number(await outputOf("ps", "-o", "rss=", "-p", String(pid)));
  return kibibytes > 0 ? kibibytes * 1024 : undefined;
}
