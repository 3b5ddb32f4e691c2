import { assertEquals } from "@std/assert";
import { ServerProcess } from "../harness.ts";

Deno.test("a signal that is repeated at once, as by Ctrl-C under a task, does not change the exit code", async () => {
  for (let gap = 0; gap <= 5;) {
    await using server = await ServerProcess.start("echo");
    const began = performance.now();
    server.signal("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, gap));
    server.signal("SIGINT");
    const took = performance.now() - began;
    const { code } = await server.process.status;
    if (took > 40) continue; // The machine stood still: this was no repeat at once.
    assertEquals(code, 0, `${gap} ms later`);
    gap++;
  }
});
