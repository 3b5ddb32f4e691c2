import { assertEquals, assertMatch } from "@std/assert";
import { freePort } from "../../scripts/shared/ports.ts";
import { runClient, SERVICES } from "../harness.ts";

const needed: Record<string, string[]> = { chat: ["--name", "x"], delimited: ["x"] };

Deno.test("clients say in one line that nobody listens", async () => {
  const port = freePort();
  for (const service of SERVICES.filter((service) => service !== "uppercase" && service !== "udp-chat")) {
    const { code, stderr } = await runClient(service, [...needed[service] ?? [], "--port", String(port)]);
    const words =
      `Nobody listens at 127\\.0\\.0\\.1:${port}: start the server with deno task ${service}:server, [^\n]*`;
    assertMatch(stderr, new RegExp(`^${service}:client: ${words}\n$`));
    assertEquals(code, 1);
  }
});

Deno.test("clients say in one line that a host does not resolve", async () => {
  const options = { permissions: ["--allow-net"] };
  const { code, stderr } = await runClient("echo", ["--host", "nobody.invalid"], "", options);
  assertMatch(stderr, /^echo:client: Cannot resolve the host of nobody\.invalid:\d+: check --host\n$/);
  assertEquals(code, 1);
  const datagrams = await runClient("uppercase", ["--host", "nobody.invalid", "x"], "", options);
  assertEquals(datagrams, { code: 1, stdout: "", stderr: 'uppercase:client: Cannot resolve host "nobody.invalid"\n' });
});
