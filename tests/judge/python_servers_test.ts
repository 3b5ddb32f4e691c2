// The judge of servers judges servers in Python: right ones, and some that make one mistake each.

import { assertEquals } from "@std/assert";
import { type Finding, judge, type JudgeOptions, PROTOCOL_NAMES } from "@wirebench/wirebench/judge";
import { ChildProcess } from "../../scripts/shared/child_process.ts";
import { footprintOf } from "../../scripts/shared/footprint.ts";
import { steadily } from "../harness.ts";
import { NO_PYTHON, type PythonProgram, pythonPrograms } from "./_programs.ts";

/** How long a program may hold a silent client, in milliseconds. */
const SILENCE = 15_000;
const PROGRAMS = pythonPrograms("server");

for (const protocol of PROTOCOL_NAMES) {
  Deno.test({
    name: `judge() calls right servers of ${protocol} right, and wrong ones wrong for their reason${NO_PYTHON}`,
    ignore: NO_PYTHON !== "",
    async fn() {
      const programs = PROGRAMS.filter((program) => program.protocol === protocol);
      const checks = await Promise.allSettled(programs.map((program) => steadily(() => check(program))));
      for (const check of checks) if (check.status === "rejected") throw check.reason;
    },
  });
}

/** Judges a right program completely, and a wrong one by the case for its mistake. */
async function check({ protocol, file, about, wrong, lacks }: PythonProgram): Promise<void> {
  const findings = await judged(
    protocol,
    file,
    wrong === undefined ? {} : { only: ["plain", wrong], timeout: 3000 },
  );
  const said = findings.map((finding) => `${finding.case}: ${finding.said}`).join("\n");
  if (wrong === undefined) {
    const wrongs = findings.filter(({ verdict }) => verdict === "wrong").map((finding) => finding.case);
    assertEquals(wrongs, lacks, `${about}\n${said}`);
  } else {
    const { verdict, level } = findings.find((finding) => finding.case === wrong)!;
    assertEquals([verdict, level], ["wrong", "must"], `${about}\n${said}`);
  }
}

async function judged(protocol: string, file: string, options: JudgeOptions): Promise<Finding[]> {
  const command = new Deno.Command("python3", { args: ["-u", file, "0"], stdout: "piped", stderr: "null" });
  await using server = new ChildProcess(command.spawn());
  const port = Number((await server.line())!.split(":").at(-1));
  // A full pipe would stop it.
  (async () => {
    while (await server.line() !== undefined) { /* dropped */ }
  })();
  return await judge(protocol, { port, measure: () => footprintOf(server.pid), silence: SILENCE, ...options });
}
