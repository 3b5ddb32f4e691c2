import { assertEquals, assertMatch } from "@std/assert";
import { runClient, runServer, SERVICES } from "../harness.ts";

const PROGRAMS = SERVICES.flatMap((service) => [
  [service, "server", runServer] as const,
  [service, "client", (name: string, args: string[]) => runClient(name, args)] as const,
]);

for (const [service, side, start] of PROGRAMS) {
  Deno.test(`${service}:${side} prints its help, and says in one line what is wrong with a command line`, async () => {
    const help = await start(service, ["--help"]);
    assertEquals([help.code, help.stderr], [0, ""]);
    assertMatch(help.stdout, new RegExp(`Usage: deno task ${service}:${side} \\[options\\]`));
    for (const wrong of [["--nope"], ["--port", "70000"]]) {
      const { code, stdout, stderr } = await start(service, wrong);
      assertEquals([code, stdout], [2, ""]);
      assertMatch(stderr, new RegExp(`^${service}:${side}: [^\n]*; see deno task ${service}:${side} --help\n$`));
    }
  });
}
