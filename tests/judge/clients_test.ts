// The judge of clients judges the project's own clients, and finds nothing.

import { assertEquals } from "@std/assert";
import { judgeClient, PROTOCOL_NAMES, protocolOf } from "@wirebench/wirebench/judge";
import { grantsOf, steadily } from "../harness.ts";

/** The clients' `--timeout` in seconds, and the judge's in milliseconds. */
const CLIENT_TIMEOUT = "3";
const TIMEOUT = 10_000;

/** Arguments by which clients that ask their user for something need nobody, besides those of the protocol's description. */
const MORE: Record<string, string[][]> = {
  uppercase: [[], ["--connected"], ["--to", "{host}:{port}"]],
  "udp-chat": [[]],
  delimited: [[]],
  lines: [[]],
  clock: [[]],
  chat: [["--name", "{name}"]],
};

for (const protocol of PROTOCOL_NAMES) {
  const runs = [...protocolOf(protocol).clients.map(({ args }) => args), ...MORE[protocol] ?? []];
  for (const args of runs) {
    const name = args.length === 0 ? "without arguments" : args.join(" ");
    Deno.test(`the judge finds nothing in ${protocol}:client ${name}, not even what it only should do`, async () => {
      const file = `services/${protocol.replaceAll("-", "_")}/client.ts`;
      const deno = [Deno.execPath(), "run", "-q", "--no-prompt", ...grantsOf(protocol, "client"), file];
      const command = [...deno, "--host", "{host}", "--port", "{port}", "--timeout", CLIENT_TIMEOUT, ...args];
      await steadily(async () => {
        const findings = await judgeClient(protocol, { command, timeout: TIMEOUT });
        assertEquals(findings.filter(({ verdict }) => verdict !== "right"), []);
      });
    });
  }
}
