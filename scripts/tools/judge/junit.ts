import { escapeText } from "../../../lib/log/mod.ts";
import type { Finding } from "../../../lib/judge/mod.ts";

/** Formats findings as JUnit's XML. What a program only should do is an output, not a failure, unless `strict` is set. */
export function junitOf(
  program: string,
  findings: readonly Finding[],
  { strict, seconds }: { strict: boolean; seconds: number },
): string {
  const isFailure = ({ verdict, level }: Finding) => verdict === "wrong" && (strict || level === "must");
  const attributes = (values: Record<string, string | number>) =>
    Object.entries(values).map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`).join("");
  const cases = findings.map((finding) => {
    const { case: name, verdict, said, milliseconds } = finding;
    const head = attributes({ classname: program, name, time: milliseconds / 1000 });
    if (verdict === "right") return `  <testcase${head}/>`;
    const inner = isFailure(finding)
      ? `<failure${attributes({ message: said })}/>`
      : verdict === "not judged"
      ? `<skipped${attributes({ message: said })}/>`
      : `<system-out>${escapeXml(said)}</system-out>`;
    return `  <testcase${head}>${inner}</testcase>`;
  });
  const suite = attributes({
    name: program,
    tests: findings.length,
    failures: findings.filter(isFailure).length,
    skipped: findings.filter(({ verdict }) => verdict === "not judged").length,
    time: seconds.toFixed(3),
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite${suite}>\n${cases.join("\n")}\n</testsuite>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escapeXml(text: string): string {
  return escapeText(text).replace(/[&<>"]/g, (character) => ENTITIES[character]!);
}
