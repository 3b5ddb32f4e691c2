/**
 * Shows messages and the pieces in which they arrive, live, in a page: starts a service, the proxy in front of it, and the
 * page. See `deno task see --help`.
 *
 * @module
 */

import { port, type StopRequests, UsageError, type Values } from "../../lib/cli/mod.ts";
import { type Attempt, endpoint, runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { Log } from "../../lib/log/mod.ts";
import { sleep } from "../../lib/net/timer.ts";
import { formatEndpoint } from "../../lib/net/endpoint.ts";
import { Recorder } from "../../lib/record/recorder.ts";
import { outputFile, recordTo } from "../../services/proxy/record.ts";
import { serveProxy } from "../../services/proxy/server.ts";
import { type Exchange, EXCHANGES, stageAt } from "./demo/exchanges.ts";
import { servePage } from "./see/http.ts";
import { faultsOf, given, isScene, parseScene, SCENE_OPTIONS, type SceneValues } from "./see/scene.ts";
import { startService } from "./see/service.ts";
import { View, type ViewOptions } from "./see/view.ts";

const options = {
  listen: endpoint("Where the proxy listens: tcp://HOST:PORT, udp://HOST:PORT or unix:/PATH (default: a free port)"),
  to: endpoint("Where it forwards to, in the same form: a program of your own instead of a service"),
  pagePort: port("Port of the page, 0 for a free one", 0, 0),
  record: outputFile("Record what passes in a file, such as recordings/a.jsonl"),
  ...SCENE_OPTIONS,
};

/** The service without an operand. */
const DEFAULT_SERVICE = "chat";

/** The faults of a service, unless some are given. */
const DEFAULT_FAULTS = {
  TCP: { cut: [1, 7], delay: [2, 20] },
  UDP: { delay: [2, 20], repeat: 30, reorder: 30 },
} as const;

/** Options without which a client does not fit its server, or does not start. */
const CLIENT_OPTIONS: Record<string, string> = { chat: " --name ann", fixed: " --length 24" };

/** How long the clients of an exchange wait, in milliseconds: a person may pause the proxy. The server waits forever. */
const PATIENCE = 3_600_000;

/** Time after the end of the service in which the same signal reaches this program, in milliseconds. */
const SIGNAL_DELAY = 100;

/** What to show. */
interface Plan {
  /** The exchange of the service; `undefined` between programs of the user. */
  exchange: Exchange | undefined;
  values: Partial<SceneValues>;
}

function planOf(all: Values<typeof options>, operand: string | undefined): Plan {
  const { listen, to } = all;
  const scene = operand !== undefined && isScene(operand)
    ? parseScene(operand)
    : { service: operand, values: undefined };
  const chosen = { ...given(scene.values ?? {}), ...given(all) };
  if (to !== undefined) {
    if (scene.service !== undefined) throw new UsageError(`Expected a service or --to, got ${scene.service} and --to`);
    if (listen === undefined) throw new UsageError("--listen is needed with --to: tcp://127.0.0.1:0 takes a free port");
    return { exchange: undefined, values: chosen };
  }
  const service = scene.service ?? DEFAULT_SERVICE;
  const exchange = EXCHANGES.find((each) => each.service === service);
  if (exchange === undefined) {
    throw new UsageError(
      `Unknown service "${service}": expected one of ${EXCHANGES.map(({ service }) => service).join(", ")}`,
    );
  }
  const { framing = exchange.framing, seed, ...faults } = chosen;
  // A scene without faults has none.
  const isDefault = scene.values === undefined && Object.keys(faults).length === 0;
  const shown = isDefault ? DEFAULT_FAULTS[exchange.transport] : faults;
  return { exchange, values: { ...shown, ...given({ framing, seed }) } };
}

/** The command of a client of the proxy, and the exchange with it. */
function clientsOf(
  { service, run }: Exchange,
  port: number,
  args: string[],
  signal: AbortSignal,
): Pick<ViewOptions, "command" | "exchange"> {
  const clientArgs = ["--timeout", String(PATIENCE / 1000)];
  return {
    command: `deno task ${service}:client --port ${port}${CLIENT_OPTIONS[service] ?? ""}`,
    exchange: () => run(stageAt(service, { port, args, clientArgs, timeout: PATIENCE, signal })),
  };
}

/** Rethrows an error about the addresses or the faults as wrong usage. */
function asUsage(error: unknown): never {
  throw error instanceof RangeError || error instanceof TypeError ? new UsageError(error.message) : error;
}

async function main(
  all: Values<typeof options>,
  operand: string | undefined,
  { stop }: StopRequests,
  attempt: Attempt,
): Promise<void> {
  const { exchange, values } = planOf(all, operand);
  const { framing, seed } = values;
  const service = exchange?.service;
  const args = exchange?.servers?.[0] ?? [];
  await using server = exchange === undefined ? undefined : await startService(
    exchange.service,
    exchange.transport === "TCP" ? [...args, "--message-timeout", "0"] : args,
  );
  const transport = exchange?.transport === "UDP" ? "udp" : "tcp";
  const listen = all.listen ?? { transport, hostname: "127.0.0.1", port: 0 };
  const to = all.to ?? { transport, hostname: "127.0.0.1", port: server!.port };
  const recorder = new Recorder({ service, framing });
  const faults = faultsOf(values);
  Object.assign(attempt, { listens: true, address: formatEndpoint(listen), option: "--listen" });
  await using proxy = await serveProxy({ listen, to, ...faults, seed, tap: recorder }).catch(asUsage);
  const { addr } = proxy;
  const ended = new AbortController();
  const clients = exchange !== undefined && "port" in addr ? clientsOf(exchange, addr.port, args, ended.signal) : {};
  const view = new View({ proxy, recorder, faults, framing, service, ...clients });
  Object.assign(attempt, { address: `127.0.0.1:${all.pagePort}`, option: "--page-port" });
  await using _file = all.record === undefined ? undefined : await recordTo(all.record, recorder, new Log("See"));
  await using page = servePage(all.pagePort, view);
  console.log(`See it at ${page.url}`);
  console.log(view.state.command ?? `Connect to ${formatEndpoint(addr)}`);
  try {
    const stopped = sleep(Infinity, stop);
    await Promise.race([stopped, server?.failed ?? stopped]);
  } catch (error) {
    // Ctrl-C ends the server too.
    await sleep(SIGNAL_DELAY, stop);
    if (!stop.aborted) throw error;
  } finally {
    ended.abort();
    await proxy.shutdown();
    await view.finished();
  }
}

if (import.meta.main) {
  await runTask(
    {
      ...task("see"),
      advice: {
        grant: (flags) => `deno run -P=see ${flags} scripts/tools/see.ts`,
        kept: { net: ["127.0.0.1"], write: ["recordings"] },
      },
      summary: "Shows messages and the pieces in which they arrive, live, in a page.",
      operands: {
        usage: "[SERVICE|SCENE]",
        help: "A service (default: chat, with --cut 1-7 --delay 0.002-0.02), or the address of a page",
        most: 1,
      },
      options,
      example: [
        "Any two programs",
        "deno task see --listen tcp://127.0.0.1:9000 --to tcp://127.0.0.1:1234 --framing header",
      ],
    },
    "warning",
    ({ values, operands: [operand], requests, attempt }) => main(values, operand, requests, attempt),
  );
}
