import { PROTOCOL_NAMES } from "../../lib/judge/protocols/mod.ts";
import { hasProgram } from "../harness.ts";

/** Why programs in Python are not judged here, for the name of a test; empty if they are. */
export const NO_PYTHON = hasProgram("python3", "--version") ? "" : " (ignored: no python3 here)";

/** A program in Python, and what the judge must find. Its first comment says both. */
export interface PythonProgram {
  protocol: string;
  file: string;
  /** What it is, and what is wrong with it. */
  about: string;
  /** The case that must call it wrong; absent for a right program. */
  wrong?: string;
  /** Words of the mistake that the judge must name. */
  because: string;
  /** The cases that may find that a right program lacks a deadline or a limit. */
  lacks: string[];
}

/** The programs of one side. */
export function pythonPrograms(side: "server" | "client"): PythonProgram[] {
  return PROTOCOL_NAMES.flatMap((protocol) => {
    const folder = new URL(`programs/${protocol.replaceAll("-", "_")}/`, import.meta.url);
    const files = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.startsWith(side)).sort();
    return files.map((name) => {
      const file = new URL(name, folder).pathname;
      const [, about, verdict, cases = "", because = ""] =
        /^"""(.*)\n\n(right|wrong)(?:, but)?(?:: (.*?)(?: because "(.*)")?)?\n"""/.exec(
          Deno.readTextFileSync(file),
        )!;
      const lacks = cases.split(", ").filter((name) => name !== "");
      return {
        protocol,
        file,
        about: about!,
        because,
        ...(verdict === "wrong" ? { wrong: cases, lacks: [] } : { lacks }),
      };
    });
  });
}
