/**
 * Judges a client program: starts it for each case, plays a correct but hostile server, and reports what broke. See
 * `deno task judge:client --help`.
 *
 * @module
 */

import { CommandError, host, UsageError, writeStdout } from "../../lib/cli/mod.ts";
import { encodeText } from "../../lib/framing/mod.ts";
import { CLIENT_TIMEOUT, clientCases, judgeClient } from "../../lib/judge/mod.ts";
import { runTask, type TaskRun } from "../../lib/launch/mod.ts";
import { quoteText } from "../../lib/log/mod.ts";
import { judgeOptions, onlyOf, protocolFrom, runJudge, timeoutOption } from "./judge/command.ts";

const options = {
  host: host("The address at which the judge listens"),
  ...judgeOptions,
  timeout: timeoutOption(CLIENT_TIMEOUT),
};

async function main(
  { values, operands: [program, ...command], requests: { stop } }: TaskRun<typeof options>,
): Promise<void> {
  const protocol = protocolFrom(program, values);
  const { host: hostname, timeout, list, explain } = values;
  const explains = list || explain !== undefined;
  if (command.length === 0 && !explains) throw new UsageError("Expected the client's command after --");
  await runJudge(values, {
    protocol,
    cases: clientCases(protocol),
    what: `${protocol.name} by ${command.join(" ")}`,
    judge: (hooks) =>
      judgeClient(protocol, {
        command,
        hostname,
        timeout,
        only: onlyOf(values),
        signal: stop,
        ...hooks,
      }),
  });
  if (stop.aborted) throw new CommandError("Interrupted");
  if (!explains) return;
  const { input, typed = [] } = protocol.client!;
  const lines = [...input, ...typed].map(quoteText).join(", ");
  await writeStdout(encodeText(`The client's standard input: ${lines === "" ? "empty" : lines}\n`));
}

if (import.meta.main) {
  await runTask(
    {
      name: "judge:client",
      usage: "deno task judge:client",
      advice: { grant: (flags) => `deno run -P=judge-client ${flags} scripts/tools/judge_client.ts` },
      summary: "Judges a client program: plays a correct but hostile server, and reports what broke.",
      operands: {
        usage: "PROGRAM -- COMMAND...",
        help: "The program whose protocol the client speaks, such as echo, and the command that starts the client. " +
          "{host} and {port} in it become the address of the judge, {name} a name for the chat; without {port} the judge " +
          "listens at the program's usual port. --list shows what the client reads from its standard input",
        most: Infinity,
      },
      options,
      example: [
        "An echo client, written by yourself in Python",
        "deno task judge:client echo -- python3 client.py {host} {port}",
      ],
    },
    "warning",
    main,
  );
}
