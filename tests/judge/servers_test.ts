// The judge of servers judges the project's own servers, and finds nothing.

import { assertEquals } from "@std/assert";
import { judge, PROTOCOL_NAMES, protocolOf } from "@wirebench/wirebench/judge";
import { footprintOf } from "../../scripts/shared/footprint.ts";
import { hasNatsServer, NatsServer } from "../../scripts/shared/nats.ts";
import { ServerProcess, steadily } from "../harness.ts";

/** How the servers run, and what the judge must know of it. */
const SETTINGS: Record<string, { args?: string[]; options?: Record<string, string>; idle?: number }> = {
  echo: { idle: 6 },
  "udp-chat": { args: ["--reply", "indeed"], options: { reply: "indeed" } },
  clock: { args: ["--interval", "0.2"], options: { interval: "0.2" } },
  chat: { idle: 6 },
};

/** Judges a server that has more arguments than its settings. */
async function assertRight(name: string, more: string[] = []): Promise<void> {
  const { args = [], options = {}, idle } = SETTINGS[name] ?? {};
  await using server = await ServerProcess.start(name, {
    args: [...args, ...more, ...(idle === undefined ? [] : ["--idle-timeout", `${idle}`])],
    // The log of megabytes of messages would be slower than the judge.
    quiet: protocolOf(name).transport === "tcp",
  });
  const findings = await judge(name, {
    port: server.port,
    options,
    silence: idle && 1000 * (idle + 10),
    measure: () => footprintOf(server.pid),
  });
  const others = findings.filter(({ verdict }) => verdict !== "right");
  const unjudged = others.filter((finding) => finding.case === "silent" && finding.verdict === "not judged");
  assertEquals(others, idle === undefined ? unjudged : []);
  assertEquals(server.log.filter(({ level }) => level === "error"), []);
  assertEquals(server.strays, []);
}

for (const name of PROTOCOL_NAMES) {
  Deno.test(`the judge finds nothing in ${name}:server, not even what it only should do`, () =>
    steadily(() => assertRight(name)));
}

const hasNats = hasNatsServer();

Deno.test({
  name: `the judge finds nothing in chat:server over NATS${hasNats ? "" : " (ignored: no nats-server here)"}`,
  ignore: !hasNats,
  fn: () =>
    steadily(async () => {
      await using nats = await NatsServer.start();
      await assertRight("chat", ["--nats", nats.url]);
    }),
});
