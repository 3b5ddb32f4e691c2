// The judge of servers judges servers in Python: right ones, and some that make one mistake each.

import { assertEquals } from "@std/assert";
import { type Finding, judge, type JudgeOptions, PROTOCOL_NAMES } from "@wirebench/wirebench/judge";
import { ChildProcess } from "../../scripts/shared/child_process.ts";
import { footprintOf } from "../../scripts/shared/footprint.ts";
import { NO_PYTHON, pythonPrograms, untilJudged } from "./_programs.ts";

/** How long a program may hold a silent client, in milliseconds. */
const SILENCE = 15_000;
const PROGRAMS = pythonPrograms("server");

for (const protocol of PROTOCOL_NAMES) {
  Deno.test({
    name: `judge() calls right servers of ${protocol} right, and wrong ones wrong for their reason${NO_PYTHON}`,
    ignore: NO_PYTHON !== "",
    async fn() {
      const programs = PROGRAMS.filter((program) => program.protocol === protocol);
      // A right program is judged completely, a wrong one by the case for its mistake.
      const checks = await Promise.allSettled(programs.map(async ({ file, about, wrong, lacks }) => {
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
      }));
      for (const check of checks) if (check.status === "rejected") throw check.reason;
    },
  });
}

async function judged(protocol: string, file: string, options: JudgeOptions): Promise<Finding[]> {
  const command = new Deno.Command("python3", { args: ["-u", file, "0"], stdout: "piped", stderr: "null" });
  await using server = new ChildProcess(command.spawn());
  const port = Number((await server.line())!.split(":").at(-1));
  // A full pipe would stop it.
  (async () => {
    while (await server.line() !== undefined) { /* dropped */ }
  })();
  const measure = () => footprintOf(server.pid);
  const given = { port, measure, silence: SILENCE, ...options };
  return await untilJudged((only = options.only) => judge(protocol, { ...given, only }));
}
