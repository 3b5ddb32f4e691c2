// What the system says of a process. /proc can be read by nobody with fewer grants than all, so its own tools are asked.

/** What a process takes up. */
export interface Footprint {
  /** Resident memory in MB; not told on Windows. */
  memory: number | undefined;
  /** Open descriptors; told on Linux alone. */
  descriptors: number | undefined;
}

/** Asks the system what a process takes up now. */
export async function footprintOf(pid: number): Promise<Footprint> {
  const [memory, descriptors] = await Promise.all([memoryOf(pid), descriptorsOf(pid)]);
  return { memory, descriptors };
}

/** The resident memory of a process in MB. */
export async function memoryOf(pid: number): Promise<number | undefined> {
  const kibibytes = Number(await output("ps", "-o", "rss=", "-p", String(pid)));
  return kibibytes > 0 ? kibibytes * 1024 / 1e6 : undefined;
}

/** For how long all threads of a process have run, and for how long they waited for a processor, in nanoseconds. */
export interface ProcessorTime {
  ran: number;
  waited: number;
}

/** Asks the system for the processor time of a process; 0 except on Linux. */
export async function processorTimeOf(pid: number): Promise<ProcessorTime> {
  const time = { ran: 0, waited: 0 };
  for (
    const [, ran, waited] of (await output("sh", "-c", `cat /proc/${pid}/task/*/schedstat`))?.matchAll(SCHEDSTAT) ?? []
  ) {
    time.ran += Number(ran);
    time.waited += Number(waited);
  }
  return time;
}

/** Time on the processor and time in the run queue (Linux, Documentation/scheduler/sched-stats.rst). */
const SCHEDSTAT = /^(\d+) (\d+) \d+$/gm;

async function descriptorsOf(pid: number): Promise<number | undefined> {
  const names = await output("ls", `/proc/${pid}/fd`);
  return names?.trimEnd().split("\n").length;
}

/** What a program prints, or `undefined` where there is none or it fails. */
async function output(program: string, ...args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, clearEnv: true, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}
