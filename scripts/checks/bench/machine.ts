// What the bench asks of the system. The sandbox grants running programs, and reading nothing but the peers' sources,
// so other programs read for it what it has to know.

const decoder = new TextDecoder();

/** Runs a program to its end; `undefined` if there is none of that name. */
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

/** What a program prints; empty if it fails, or there is none. */
async function printed(name: string, ...args: string[]): Promise<string> {
  const result = await tryProgram(name, args);
  return result?.success ? result.stdout.trim() : "";
}

/** A folder for what is compiled, removed with all that is in it. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await printed("mktemp", "-d");
  if (path === "") throw new Error("Cannot make a temporary folder: expected mktemp -d to make one");
  return {
    path,
    async [Symbol.asyncDispose]() {
      await tryProgram("rm", ["-r", path]);
    },
  };
}

/** In front of a command: what keeps it on a core of its own, where the system can. */
export interface Pinning {
  server: string[];
  generator: string[];
}

/** Keeps servers and generator apart, if there are two cores and `taskset`. */
export async function findPinning(): Promise<Pinning | undefined> {
  const on = (core: number) => ["taskset", "-c", String(core)];
  for (const core of [0, 1]) {
    const [name, ...args] = on(core);
    if (!(await tryProgram(name!, [...args, "true"]))?.success) return undefined;
  }
  return { server: on(0), generator: on(1) };
}

/** The time on the processor that a process has had, in seconds; `NaN` where the system does not tell. */
export async function cpuTimeOf(pid: number): Promise<number> {
  if (Deno.build.os === "linux") {
    // proc(5): utime and stime are the 14th and 15th field, in ticks of 10 ms; the 2nd is in parentheses.
    const fields = (await printed("cat", `/proc/${pid}/stat`)).split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
  const [, hours = 0, minutes, seconds] = /^(?:(\d+):)?(\d+):([\d.]+)$/.exec(
    await printed("ps", "-o", "time=", "-p", String(pid)),
  ) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** The time that all programs together have had on the two cores that are measured on, in seconds; `NaN` elsewhere. */
export async function busyTime(): Promise<number> {
  if (Deno.build.os !== "linux") return NaN;
  // proc(5): user, nice and system, in ticks of 10 ms.
  const cores = (await printed("cat", "/proc/stat")).matchAll(/^cpu[01] (\d+) (\d+) (\d+)/gm);
  return [...cores].reduce((sum, [, ...ticks]) => sum + ticks.reduce((all, one) => all + Number(one), 0), 0) / 100;
}

/** The memory that a process holds, in bytes. */
export async function memoryOf(pid: number): Promise<number> {
  return Number(await printed("ps", "-o", "rss=", "-p", String(pid)) || NaN) * 1024;
}

/** What this machine is, in a few words. */
export async function machine(): Promise<string> {
  const model = Deno.build.os === "linux"
    ? /^model name\s*: (.*)$/m.exec(await printed("cat", "/proc/cpuinfo"))?.[1]
    : await printed("sysctl", "-n", "machdep.cpu.brand_string");
  const system = await printed("uname", "-sr");
  return [model ?? Deno.build.arch, `${navigator.hardwareConcurrency} cores`, system].filter(Boolean).join(", ");
}
