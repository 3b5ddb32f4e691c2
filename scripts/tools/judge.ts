/**
 * Judges a running server: speaks its protocol, treats it as networks and strangers do, and reports what broke. See
 * `deno task judge --help`.
 *
 * @module
 */

import { CommandError, host, integer, optional, port, seconds } from "../../lib/cli/mod.ts";
import { judge, serverCases, TIMEOUT } from "../../lib/judge/mod.ts";
import { runTask, type TaskRun } from "../../lib/launch/mod.ts";
import { formatAddress } from "../../lib/net/mod.ts";
import { footprintOf } from "../shared/footprint.ts";
import { judgeOptions, onlyOf, protocolFrom, runJudge, timeoutOption } from "./judge/command.ts";

const options = {
  port: optional(port("The server's port; that of the program by default", 0, 1)),
  host: host("The server's host"),
  ...judgeOptions,
  timeout: timeoutOption(TIMEOUT),
  silence: optional(
    seconds("Longest time that a silent connection may stay open, to judge that the server closes it", 0),
  ),
  pid: optional(integer("N", "Process id of the server, to judge its memory and descriptors", 0, { least: 1 })),
};

async function main({ values, operands: [program], requests: { stop } }: TaskRun<typeof options>): Promise<void> {
  const protocol = protocolFrom(program, values);
  const { host: hostname, port = protocol.port, timeout, silence, pid } = values;
  await runJudge(values, {
    protocol,
    cases: serverCases(protocol),
    what: `${protocol.name} at ${formatAddress({ hostname, port })}`,
    judge: (hooks) =>
      judge(protocol, {
        hostname,
        port,
        timeout,
        silence,
        only: onlyOf(values),
        measure: pid === undefined ? undefined : () => footprintOf(pid),
        signal: stop,
        ...hooks,
      }),
  });
  if (stop.aborted) throw new CommandError("Interrupted");
}

if (import.meta.main) {
  await runTask(
    {
      name: "judge",
      usage: "deno task judge",
      advice: { grant: (flags) => `deno run -P=judge ${flags} scripts/tools/judge.ts` },
      summary:
        "Judges a running server: speaks its protocol, treats it as networks and strangers do, and reports what broke.",
      operands: { usage: "PROGRAM", help: "The program whose protocol the server speaks, such as echo", most: 1 },
      options,
      example: ["A server of lines, written by yourself, at port 9000", "deno task judge delimited --port 9000"],
    },
    "warning",
    main,
  );
}
