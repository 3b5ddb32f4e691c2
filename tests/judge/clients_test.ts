import { assertEquals } from "@std/assert";
import type { Finding } from "../../lib/judge/case.ts";
import { judgeClient } from "../../lib/judge/judge_client.ts";
import { PROTOCOL_NAMES } from "../../lib/judge/protocols/mod.ts";
import { NO_PYTHON, pythonPrograms } from "./_programs.ts";

/** The clients here give up after 3 s, in milliseconds; less than the default makes the tests shorter. */
const TIMEOUT = 8000;
const PROGRAMS = pythonPrograms("client");

for (const protocol of PROTOCOL_NAMES) {
  Deno.test({
    name: `judgeClient() calls right clients of ${protocol} right, and wrong ones wrong for their reason${NO_PYTHON}`,
    ignore: NO_PYTHON !== "",
    async fn() {
      await Promise.all(
        PROGRAMS.filter((program) => program.protocol === protocol).map(async ({ file, about, wrong, lacks }) => {
          const command = ["python3", file, "{host}", "{port}"];
          const only = wrong === undefined ? undefined : [wrong];
          const findings = await judgeClient(protocol, { command, only, timeout: TIMEOUT });
          if (wrong === undefined) {
            assertEquals(
              summary(findings),
              lacks.map((name) => `${name}: should wrong`),
              `${about}\n${said(findings)}`,
            );
          } else {
            assertEquals(summary(findings), [`${wrong}: must wrong`], `${about}\n${said(findings)}`);
          }
        }),
      );
    },
  });
}

function summary(findings: Finding[]): string[] {
  return findings.filter(({ verdict }) => verdict !== "right")
    .map((finding) => `${finding.case}: ${finding.level} ${finding.verdict}`);
}

function said(findings: Finding[]): string {
  return findings.map((finding) => `${finding.case}: ${finding.said}`).join("\n");
}
