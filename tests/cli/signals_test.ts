import { assertEquals } from "@std/assert";
import { ServerProcess } from "../harness.ts";

Deno.test("a signal that comes twice, as Ctrl-C under a task does, changes nothing of how a program ends", async () => {
  for (const gap of [0, 1, 2, 3, 4, 5]) {
    await using server = await ServerProcess.start("echo");
    server.process.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, gap));
    server.process.kill("SIGINT");
    assertEquals((await server.process.status).code, 0, `${gap} ms later`);
  }
});
