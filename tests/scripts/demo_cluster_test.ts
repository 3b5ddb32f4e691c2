import { assertEquals, assertMatch } from "@std/assert";
import { hasNatsServer } from "../../scripts/shared/nats.ts";
import { textOf } from "../harness.ts";

const hasNats = hasNatsServer();

async function demo(env: Record<string, string> = {}): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=demo", "scripts/tools/demo.ts", "chat-cluster"],
    cwd: new URL("../..", import.meta.url),
    env,
  }).output();
  return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
}

Deno.test({
  name: "demo chat-cluster shows that the members of three servers hear the same while a node of NATS is killed" +
    (hasNats ? "" : " (ignored: no nats-server here)"),
  ignore: !hasNats,
  async fn() {
    const { code, stdout, stderr } = await demo();
    assertEquals([code, stderr], [0, ""], stdout);
    assertMatch(stdout, /^ {2}NATS: node \d+, which leads, is killed$/m);
    assertMatch(stdout, /^ {2}All three listeners heard the same 27 messages, in one order:$/m);
    assertMatch(stdout, /^ {2}right$/m);
  },
});

Deno.test("demo chat-cluster says how to get nats-server where there is none", async () => {
  const { code, stderr } = await demo({ PATH: "/nowhere" });
  assertMatch(stderr, /^demo: chat-cluster needs nats-server: apt-get install nats-server/m);
  assertEquals(code, 1);
});
