import { assertEquals } from "@std/assert";
import { ServerProcess } from "../harness.ts";

Deno.test("a signal that is repeated at once, as by Ctrl-C under a task, does not change the exit code", async () => {
  for (const gap of [0, 1, 2, 3, 4, 5]) {
    await using server = await ServerProcess.start("echo");
    server.process.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, gap));
    server.process.kill("SIGINT");
    assertEquals((await server.process.status).code, 0, `${gap} ms later`);
  }
});
