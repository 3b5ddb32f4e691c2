// The exchange of every program through the proxy: cuts, delays and low rates change nothing, and a broken connection is
// reported in one line.

import { assertEquals, assertMatch } from "@std/assert";
import { type FaultOptions, serveProxy } from "@wirebench/wirebench/proxy";
import { type Exchange, type Stage, stageAt } from "../scripts/tools/demo/exchanges.ts";
import { QUICK_EXCHANGES } from "./exchanges.ts";
import { ClientProcess, type ClientResult, runClient, ServerProcess } from "./harness.ts";

/** Faults that must not change the outcome. */
const HARMLESS: Record<string, FaultOptions> = {
  "cut into single bytes": { cut: 1 },
  "cut into 1 to 7 bytes and delayed": { cut: [1, 7], delay: [5, 25] },
  "joined, at 2000 bytes a second": { join: 30, rate: 2000 },
};

/** The part and the message that a reset hits in the stream of a program; the first payload, unless stated. */
const HITS: Record<string, FaultOptions> = {
  fixed: { resetIn: "payload", message: 2 },
  delimited: { resetIn: "payload", message: 3 },
  tagged: { resetIn: "header", message: 2 },
  clock: { resetIn: "header", message: 2 },
  objects: { resetIn: "header" },
  chat: { resetIn: "header", message: 2 },
};

/** A stream without messages is treated as messages of this length, which is at most that of the answer. */
const CHUNKS = "fixed:12";

// The faults of a network are the same for all modes of dispatch.
const exchanges = QUICK_EXCHANGES.map((exchange) =>
  exchange.service === "dispatch" ? { ...exchange, servers: [["--mode", "loop"]] } : exchange
);

/** Runs only the first client of an exchange, and returns its result. */
async function firstClient(
  exchange: Exchange,
  port: number,
  serverArgs: string[],
  timeout: string,
): Promise<ClientResult> {
  const at = ["--port", String(port), "--timeout", timeout];
  if (exchange.service === "chat") {
    await using client = new ClientProcess("chat", { args: [...at, "--name", "ann"] });
    await client.type("Hello\nanybody?\n");
    return await client.result();
  }
  const ended = Promise.withResolvers<ClientResult>();
  const stage: Stage = {
    ...stageAt(exchange.service, { port, args: serverArgs }),
    async client(args) {
      ended.resolve(await runClient(exchange.service, [...at, ...args]));
      throw new Error("One client is enough");
    },
  };
  await exchange.run(stage).catch(ended.reject);
  return await ended.promise;
}

async function through(
  { transport }: Exchange,
  port: number,
  faults: FaultOptions,
  run: (port: number) => Promise<unknown>,
): Promise<void> {
  const scheme = transport.toLowerCase() as "tcp" | "udp";
  await using proxy = await serveProxy({
    listen: `${scheme}://127.0.0.1:0`,
    to: `${scheme}://127.0.0.1:${port}`,
    seed: 7,
    ...faults,
  });
  await run(proxy.addr.port);
}

/** Runs all of them, concurrently unless they would receive each other's messages. */
async function each(exchange: Exchange, runs: (() => Promise<void>)[]): Promise<void> {
  if (exchange.service !== "chat") await Promise.all(runs.map((run) => run()));
  else for (const run of runs) await run();
}

for (const exchange of exchanges) {
  const { service, transport, servers = [[]] } = exchange;
  for (const args of servers) {
    const name = [service, ...args].join(" ");

    Deno.test(`${name} works however the network cuts and delays bytes, and reports resets and losses in one line`, async () => {
      await using server = await ServerProcess.start(service, { args });
      const plays = (port: number) => exchange.run(stageAt(service, { port, args }));

      const harmless = transport === "TCP" ? HARMLESS : { "all repeated": { repeat: 100 } };
      await each(
        exchange,
        Object.entries(harmless).map(([what, faults]) => async () => {
          try {
            await through(exchange, server.port, faults, plays);
          } catch (error) {
            throw new Error(`${what}: ${error instanceof Error ? error.message : error}`, { cause: error });
          }
        }),
      );

      // A chat member does not receive its own messages, so the fault is on the way to the server.
      const direction = service === "chat" ? "up" : "down";
      const breaking: [what: string, faults: FaultOptions, words: RegExp, timeout?: string][] = transport === "UDP"
        ? [["all lost", { lose: 100 }, /No answer from [^ ]+ within 0\.5 s/, "0.5"]]
        : [
          ["reset at a byte", { resetAt: 5 }, /The peer broke the connection off/],
          [
            "reset in a part",
            { framing: exchange.framing ?? CHUNKS, resetIn: "payload", ...HITS[service] },
            /The peer broke the connection off/,
          ],
          ["no more read", { stopAfter: 5 }, /(Nothing came for|A message begun did not end within) 0\.5 s/, "0.5"],
        ];
      // A chat member may receive nothing for any time, so silence is not an error.
      if (service === "chat") breaking.pop();
      await each(
        exchange,
        breaking.map(([what, faults, words, timeout = "10"]) => () =>
          through(exchange, server.port, { ...faults, direction }, async (port) => {
            const { code, stderr } = await firstClient(exchange, port, args, timeout);
            assertEquals(code, 1, `${what}: ${stderr}`);
            assertMatch(stderr, new RegExp(`^${service}:client: ${words.source}\n$`), what);
          })
        ),
      );

      await plays(server.port);
      assertEquals(server.log.filter(({ level }) => level === "error"), []);
    });
  }
}
