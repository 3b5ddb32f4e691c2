import { assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../../scripts/shared/ports.ts";
import { command } from "../../scripts/shared/processes.ts";
import { RawPeer, ServerProcess } from "../harness.ts";

const why = Deno.build.os === "linux" ? "" : " (ignored: only Linux shares a port among threads)";
const ignore = why !== "";

for (
  const [service, how] of [["echo", ["--workers", "2"]], ["dispatch", [
    "--mode",
    "processes",
    "--workers",
    "2",
  ]]] as const
) {
  Deno.test({
    name: `of two ${service}:server ${
      how.join(" ")
    } that start at once, one listens, the other reports that the port is in use${why}`,
    ignore,
    async fn() {
      const port = freePort();
      const args = [...how, "--port", String(port), "--log", "json"];
      const servers = [1, 2].map(() => new ServerProcess(command(service, "server", { args }, []).spawn()));
      const started = await Promise.allSettled(servers.map((server) => server.logged(/^Listening/)));
      await using listening = new AsyncDisposableStack();
      for (const [at, { status }] of started.entries()) if (status === "fulfilled") listening.use(servers[at]!);
      assertEquals(started.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
      const refused = servers[started.findIndex(({ status }) => status === "rejected")]!;
      assertEquals((await refused.process.status).code, 1);
      assertMatch(refused.strays.join("\n"), new RegExp(`^${service}:server: 127.0.0.1:${port} is in use: [^\n]*$`));
      // The server that listens gets every connection.
      for (let count = 0; count < 20; count++) {
        using peer = await RawPeer.connect(port);
        await peer.send("x");
        assertEquals(await peer.receive(1), "x");
      }
    },
  });
}
