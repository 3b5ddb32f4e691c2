import { assertMatch } from "@std/assert";
import { certificatesIn, ServerProcess, temporaryFolder } from "./harness.ts";
import { type Exchange, stageAt } from "../scripts/tools/demo/exchanges.ts";
import { QUICK_EXCHANGES } from "./exchanges.ts";

const overTcp = QUICK_EXCHANGES.filter(({ transport }) => transport === "TCP");

/** The grants of a permission set and more flags, each of which replaces the list of its kind in the set. */
function grants(service: string, side: "server" | "client", ...more: string[]): string[] {
  if (service !== "dispatch" || side === "client") return [`-P=${service}-${side}`, ...more];
  const source = more.map((flag) => flag.startsWith("--allow-read=") ? `${flag},lib,services/dispatch` : flag);
  return [`-P=${service}-${side}`, "--allow-run", ...source];
}

/** Runs the exchange of a service between processes that have options for a transport. */
async function perform(
  { service, run, servers = [[]] }: Exchange,
  transport: { serverArgs: string[]; clientArgs: string[]; more?: string[] },
): Promise<void> {
  const { serverArgs, clientArgs, more = [] } = transport;
  for (const args of servers) {
    await using server = await ServerProcess.start(service, {
      args: [...args, ...serverArgs],
      permissions: grants(service, "server", ...more),
    });
    const permissions = grants(service, "client", ...more);
    // At a Unix socket there is no port, and the client ignores the one it is given.
    await run(stageAt(service, { port: server.port || 1, args, clientArgs, permissions }));
  }
}

for (const exchange of overTcp) {
  Deno.test(`${exchange.service} says the same over TLS`, async () => {
    using folder = temporaryFolder();
    await perform(exchange, { ...await certificatesIn(folder.path), more: [`--allow-read=${folder.path}`] });
  });
}

for (const exchange of overTcp.filter(({ service }) => service !== "dispatch")) {
  Deno.test({
    name: `${exchange.service} says the same over a Unix socket` +
      (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
    ignore: Deno.build.os === "windows",
    async fn() {
      using folder = temporaryFolder();
      const path = `${folder.path}/s`;
      const args = ["--unix", path];
      const more = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
      await perform(exchange, { serverArgs: args, clientArgs: args, more });
    },
  });
}

const why = Deno.build.os === "linux" ? "" : " (ignored: only Linux shares a port among threads)";
const ignore = why !== "";
/** Services without `--workers`: their connections share something, or they are threads or datagrams already. */
const ALONE = ["chat", "dispatch", "uppercase", "udp-chat"];

for (const { service, run, servers = [[]] } of QUICK_EXCHANGES.filter(({ service }) => !ALONE.includes(service))) {
  Deno.test({
    name: `${service}:server --workers 2 says the same as one thread${why}`,
    ignore,
    async fn() {
      for (const args of servers) {
        await using server = await ServerProcess.start(service, { args: [...args, "--workers", "2"] });
        await run(stageAt(service, { port: server.port, args }));
        assertMatch((await server.logged(/^Listening/)).message, /\(workers: 2\)$/);
      }
    },
  });
}
