// The command line that the judges of servers and of clients share.

import { bold, dim, green, red, yellow } from "@std/fmt/colors";
import {
  CommandError,
  fileError,
  flag,
  type Option,
  optional,
  orUsage,
  seconds,
  text,
  UsageError,
  type Values,
  writeStdout,
} from "../../../lib/cli/mod.ts";
import { encodeText } from "../../../lib/framing/mod.ts";
import {
  type CaseWords,
  type Finding,
  NobodyThere,
  type Protocol,
  PROTOCOL_NAMES,
  protocolOf,
  protocolOptions,
  recordedBy,
  type Tap,
} from "../../../lib/judge/mod.ts";
import { escapeText, Log, plural, writeAll } from "../../../lib/log/mod.ts";
import { createFile } from "../../../lib/record/file.ts";
import { Recorder } from "../../../lib/record/mod.ts";
import { outputFile, recordTo } from "../../../services/proxy/record.ts";
import { StatusLine } from "../../shared/status_line.ts";
import { junitOf } from "./junit.ts";

/** The exit code if nobody listens where the program should. */
const NOBODY_THERE = 3;

/** An option of the protocol: KEY=VALUE. */
const pair: Option<[key: string, value: string][]> = {
  placeholder: "KEY=VALUE",
  help: `An option that judge and program share: ${
    PROTOCOL_NAMES.flatMap((name) =>
      Object.entries(protocolOptions(name)).map(([key, { default: value }]) => `${key}=${value} (${name})`)
    ).join(", ")
  }`,
  default: [],
  repeats: true,
  parse(given) {
    const at = given.indexOf("=");
    if (at > 0) return [given.slice(0, at), given.slice(at + 1)];
    throw new UsageError(`expected KEY=VALUE, got "${given}"`);
  },
};

const names: Option<string[]> = {
  placeholder: "CASE,...",
  help: "Run these cases only",
  default: [],
  repeats: true,
  parse: (given) => given,
};

/** The options of both judges. */
export const judgeOptions = {
  list: flag("List the cases"),
  explain: optional(
    text("CASE", "Describe a case: what it sends, what a right program does, which mistake it finds", ""),
  ),
  only: names,
  option: pair,
  strict: flag("Also fail for what a program should do"),
  json: flag("Print the findings as JSON"),
  junit: outputFile("Write the findings in the format of JUnit, such as to recordings/judge.xml"),
  record: outputFile("Record what the judge sent and received, such as in recordings/judge.jsonl"),
};

/** The values of these options. */
export type JudgeValues = Values<typeof judgeOptions>;

/** The names of the cases to run; `undefined` for all. */
export function onlyOf({ only }: JudgeValues): string[] | undefined {
  return only.length === 0 ? undefined : only.flatMap((names) => names.split(","));
}

/** The option for the longest wait. */
export function timeoutOption(milliseconds: number): Option<number> {
  return seconds("The longest wait for anything that the program owes", milliseconds);
}

/** The protocol that the command line names. */
export function protocolFrom(program: string | undefined, { option }: JudgeValues): Protocol {
  if (program === undefined) throw new UsageError(`Expected a program: one of ${PROTOCOL_NAMES.join(", ")}`);
  return orUsage(() => protocolOf(program, Object.fromEntries(option)));
}

/** What a judge calls while it runs. */
export interface Hooks {
  onCase: (name: string, number: number, count: number) => void;
  onFinding: (finding: Finding) => void;
  tap?: Tap | undefined;
}

/** What is judged. */
export interface Judged {
  /** The protocol. */
  readonly protocol: Protocol;
  /** All cases. */
  readonly cases: readonly CaseWords[];
  /** The program, for people: `echo at 127.0.0.1:65432`. */
  readonly what: string;
  /** Judges it. */
  readonly judge: (hooks: Hooks) => Promise<Finding[]>;
}

/** Lists or explains cases, or judges and reports. */
export async function runJudge(values: JudgeValues, { protocol, cases, what, judge }: Judged): Promise<void> {
  const { list, explain, strict, json, junit } = values;
  const colors = Deno.stdout.isTerminal() && !Deno.noColor;
  for (const name of [...onlyOf(values) ?? [], ...(explain === undefined ? [] : [explain])]) {
    if (cases.some((one) => one.name === name)) continue;
    throw new UsageError(
      `Expected a case of ${protocol.name}: ${cases.map(({ name }) => name).join(", ")}; got "${name}"`,
    );
  }
  const print = (text: string) => writeStdout(encodeText(`${text}\n`));
  if (list) return await print(listOf(cases));
  if (explain !== undefined) return await print(explanationOf(cases.find(({ name }) => name === explain)!, colors));

  const began = performance.now();
  const progress = new StatusLine();
  const shows = Deno.stderr.isTerminal() && !json;
  let printed = Promise.resolve();
  const then = (act: () => Promise<unknown>) => void (printed = printed.then(async () => void await act()));
  const recorder = values.record === undefined ? undefined : new Recorder({ service: protocol.name });
  recorder?.started({
    listen: "judge",
    to: what,
    framing: protocol.transport === "tcp" ? protocol.framed : undefined,
    seed: 0,
    faults: {},
  });
  await using _file = recorder && await recordTo(values.record!, recorder, new Log("Judge"));
  let findings: Finding[];
  try {
    findings = await judge({
      onCase: (name, number, count) => shows && then(() => progress.show(`${number} of ${count}: ${name}`)),
      onFinding(finding) {
        if (json || finding.verdict === "not judged") return;
        then(async () => {
          await progress.clear();
          await print(lineOf(finding, colors));
        });
      },
      tap: recorder && recordedBy(recorder),
    });
  } catch (error) {
    if (error instanceof NobodyThere) {
      throw new CommandError(capitalised(error.message), { exitCode: NOBODY_THERE, cause: error });
    }
    throw error;
  } finally {
    await printed;
    await progress.clear();
    recorder?.stopped();
  }
  const wrong = findings.filter(({ verdict, level }) => verdict === "wrong" && (strict || level === "must"));
  const seconds = (performance.now() - began) / 1000;
  if (junit !== undefined) await writeFile(junit, junitOf(protocol.name, findings, { strict, seconds }));
  if (json) await print(JSON.stringify({ program: protocol.name, right: wrong.length === 0, findings }));
  else await print(summaryOf(findings, what, seconds, colors));
  if (wrong.length > 0) throw new CommandError(`${protocol.name} is wrong: ${wrong.map((one) => one.case).join(", ")}`);
}

async function writeFile(path: string, content: string): Promise<void> {
  try {
    using file = await createFile(path);
    await writeAll(file, encodeText(content));
  } catch (error) {
    throw fileError(`Cannot write ${path}`, error);
  }
}

function listOf(cases: readonly CaseWords[]): string {
  const width = Math.max(...cases.map(({ name }) => name.length));
  return cases.map(({ name, level, sends }) => `${name.padEnd(width)}  ${level.padEnd(6)}  ${sends}`).join("\n");
}

function explanationOf({ name, level, sends, right, mistake }: CaseWords, colors: boolean): string {
  const head = `${name} (${level})`;
  return [
    colors ? bold(head) : head,
    `The judge sends: ${sends}`,
    `A right program: ${right}`,
    `The mistake:     ${mistake}.`,
  ].join("\n");
}

function lineOf({ case: name, verdict, level, said }: Finding, colors: boolean): string {
  const [word, color] = verdict === "right"
    ? ["right", green]
    : level === "must"
    ? ["FAILED", red]
    : ["should", yellow];
  const head = word.padEnd(6);
  return `${colors ? color(head) : head} ${name}${said === "" ? "" : `: ${escapeText(said)}`}`;
}

function summaryOf(findings: Finding[], what: string, seconds: number, colors: boolean): string {
  const unjudged = Map.groupBy(findings.filter(({ verdict }) => verdict === "not judged"), ({ said }) => said);
  const lines = [...unjudged].map(([said, cases]) => {
    const line = `not judged ${cases.map((one) => one.case).join(", ")}: ${escapeText(said)}`;
    return colors ? dim(line) : line;
  });
  const count = (words: string, of: (finding: Finding) => boolean) => {
    const number = findings.filter(of).length;
    return number === 0 ? [] : [`${number} ${words}`];
  };
  const counts = [
    ...count("right", ({ verdict }) => verdict === "right"),
    ...count("failed", ({ verdict, level }) => verdict === "wrong" && level === "must"),
    ...count("to improve", ({ verdict, level }) => verdict === "wrong" && level === "should"),
    ...count("not judged", ({ verdict }) => verdict === "not judged"),
  ];
  const total = `${what}: ${plural(findings.length, "case")}, ${counts.join(", ")}, in ${seconds.toFixed(1)} s`;
  return [...lines, colors ? bold(total) : total].join("\n");
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
