import type { Footprint } from "../../lib/judge/mod.ts";
import { memoryOf, outputOf } from "./system.ts";

/** Measures the resources of a process. */
export async function footprintOf(pid: number): Promise<Footprint> {
  const [memory, descriptors] = await Promise.all([memoryOf(pid), descriptorsOf(pid)]);
  return { memory, descriptors };
}

async function descriptorsOf(pid: number): Promise<number | undefined> {
  const names = await outputOf("ls", `/proc/${pid}/fd`);
  return names === "" ? undefined : names.split("\n").length;
}

/** How long all threads of a process have run, and how long they were ready to run but waited, in nanoseconds. */
export interface ProcessorTime {
  ran: number;
  waited: number;
}

/** Measures the processor time of a process; 0 except on Linux. */
export async function processorTimeOf(pid: number): Promise<ProcessorTime> {
  const time = { ran: 0, waited: 0 };
  for (const [, ran, waited] of (await outputOf("sh", "-c", `cat /proc/${pid}/task/*/schedstat`)).matchAll(SCHEDSTAT)) {
    time.ran += Number(ran);
    time.waited += Number(waited);
  }
  return time;
}

/** Time on the processor and time in the run queue (Linux, Documentation/scheduler/sched-stats.rst). */
const SCHEDSTAT = /^(\d+) (\d+) \d+$/gm;
