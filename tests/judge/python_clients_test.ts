// The judge of clients judges clients in Python: right ones, and some that make one mistake each.

import { assertEquals, assertStringIncludes } from "@std/assert";
import { type Finding, judgeClient, PROTOCOL_NAMES } from "@wirebench/wirebench/judge";
import { steadily } from "../harness.ts";
import { NO_PYTHON, type PythonProgram, pythonPrograms } from "./_programs.ts";

/** How long a client may take, in milliseconds: those here give up after 3 s. */
const TIMEOUT = 10_000;
/** Number of clients that are judged at once. */
const AT_ONCE = 3;

const PROGRAMS = pythonPrograms("client");

for (const protocol of PROTOCOL_NAMES) {
  Deno.test({
    name: `judgeClient() calls right clients of ${protocol} right, and wrong ones wrong for their reason${NO_PYTHON}`,
    ignore: NO_PYTHON !== "",
    async fn() {
      const programs = PROGRAMS.filter((program) => program.protocol === protocol).values();
      // All of them end before the test does, so that a failure leaves no client behind.
      const checks = await Promise.allSettled(Array.from({ length: AT_ONCE }, async () => {
        for (const program of programs) await steadily(() => check(program));
      }));
      for (const check of checks) if (check.status === "rejected") throw check.reason;
    },
  });
}

Deno.test({
  name:
    `judgeClient() calls a client wrong that has not given up, even if the judge stands still meanwhile${NO_PYTHON}`,
  ignore: NO_PYTHON !== "",
  async fn() {
    const busy = setInterval(() => {
      const until = performance.now() + 600;
      while (performance.now() < until) { /* stands still */ }
    }, 1000);
    try {
      for (const name of ["echo/client_one_recv.py", "delimited/client_drops.py"]) {
        await check(PROGRAMS.find(({ file }) => file.endsWith(name))!);
      }
    } finally {
      clearInterval(busy);
    }
  },
});

/** Judges a right program completely, and a wrong one by the case for its mistake. */
async function check({ protocol, file, about, wrong, because, lacks }: PythonProgram): Promise<void> {
  const command = ["python3", file, "{host}", "{port}"];
  const only = wrong === undefined ? undefined : [wrong];
  const findings = await judgeClient(protocol, { command, only, timeout: TIMEOUT });
  const others = findings.filter(({ verdict }) => verdict !== "right").map(summary);
  const expected = wrong === undefined ? lacks.map((name) => `${name}: should wrong`) : [`${wrong}: must wrong`];
  const said = findings.map((finding) => `${finding.case}: ${finding.said}`).join("\n");
  assertEquals(others, expected, `${about}\n${said}`);
  assertStringIncludes(said, because, about);
}

function summary(finding: Finding): string {
  return `${finding.case}: ${finding.level} ${finding.verdict}`;
}
