import { outputOf, tryProgram } from "../../shared/system.ts";

/** Makes a folder for compiled programs. Disposing of it removes it with its contents. */
export async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await outputOf("mktemp", "-d");
  if (path === "") throw new Error("Cannot make a temporary folder: mktemp -d failed");
  return {
    path,
    async [Symbol.asyncDispose]() {
      await tryProgram("rm", ["-r", path]);
    },
  };
}

/** Prefixes of commands that pin them to a core. */
export interface Pinning {
  server: string[];
  generator: string[];
}

/** How to pin server and generator to different cores; `undefined` without `taskset` or a second core. */
export async function findPinning(): Promise<Pinning | undefined> {
  const on = (core: number) => ["taskset", "-c", String(core)];
  for (const core of [0, 1]) {
    const [name, ...args] = on(core);
    if (!(await tryProgram(name!, [...args, "true"]))?.success) return undefined;
  }
  return { server: on(0), generator: on(1) };
}

/** The processor time of processes, in seconds; `NaN` where the system does not report it. */
export async function cpuTimeOf(pids: readonly number[]): Promise<number> {
  return (await Promise.all(pids.map(timeOf))).reduce((sum, time) => sum + time, 0);
}

async function timeOf(pid: number): Promise<number> {
  if (Deno.build.os === "linux") {
    // proc(5): utime and stime are fields 14 and 15, in ticks of 10 ms; field 2 is in parentheses.
    const fields = (await outputOf("cat", `/proc/${pid}/stat`)).split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
  const [, hours = 0, minutes, seconds] = /^(?:(\d+):)?(\d+):([\d.]+)$/.exec(
    await outputOf("ps", "-o", "time=", "-p", String(pid)),
  ) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** The processor time that all programs have used on cores 0 and 1, in seconds; `NaN` except on Linux. */
export async function busyTime(): Promise<number> {
  if (Deno.build.os !== "linux") return NaN;
  // proc(5): user, nice and system, in ticks of 10 ms.
  const cores = (await outputOf("cat", "/proc/stat")).matchAll(/^cpu[01] (\d+) (\d+) (\d+)/gm);
  return [...cores].reduce((sum, [, ...ticks]) => sum + ticks.reduce((all, one) => all + Number(one), 0), 0) / 100;
}

/** Describes this machine: its processor, number of cores and operating system. */
export async function machine(): Promise<string> {
  const model = Deno.build.os === "linux"
    ? /^model name\s*: (.*)$/m.exec(await outputOf("cat", "/proc/cpuinfo"))?.[1]
    : await outputOf("sysctl", "-n", "machdep.cpu.brand_string");
  const system = await outputOf("uname", "-sr");
  return [model ?? Deno.build.arch, `${navigator.hardwareConcurrency} cores`, system].filter(Boolean).join(", ");
}
