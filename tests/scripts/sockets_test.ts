import { assertEquals, assertMatch } from "@std/assert";
import { parseNetstat, parseSs, SERVICES } from "../../scripts/tools/sockets/state.ts";
import { hasProgram, RawPeer, ServerProcess, temporaryFolder } from "../harness.ts";

async function sockets(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "-P=sockets", "scripts/tools/sockets.ts", ...args],
    cwd: new URL("../..", import.meta.url),
  }).output();
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

Deno.test("sockets kinds makes a socket of each kind, and prints its address", async () => {
  const { code, stdout, stderr } = await sockets("kinds");
  assertEquals([code, stderr], [0, ""]);
  const kinds = [
    "IPv4 +TCP stream",
    "IPv6 +TCP stream",
    "IPv4 +UDP datagram",
    "IPv6 +UDP datagram",
    "Unix +stream",
    "Unix +datagram",
  ];
  for (const kind of kinds) assertMatch(stdout, new RegExp(`^${kind} +(\\S*:[1-9]\\d*|/\\S+|not available: .+)$`, "m"));
  if (Deno.build.os === "linux") {
    assertMatch(stdout, /^Unix +stream +\/tmp\/\S+$/m);
    assertMatch(stdout, /^Unix +datagram +\/tmp\/\S+$/m);
  }
  assertMatch(stdout, /^IPv4 +TCP stream +127\.0\.0\.1:\d+$/m);
});

const hasSs = Deno.build.os === "linux" && hasProgram("ss", "-H", "-t", "-u", "-x", "-a", "-n");

Deno.test({
  name: "sockets state lists listening and connected sockets, and explains the states" +
    (hasSs ? "" : " (ignored: no ss of iproute2 that lists sockets here)"),
  ignore: !hasSs,
  async fn() {
    await using server = await ServerProcess.start("echo");
    using peer = await RawPeer.connect(server.port);
    await peer.send("x");
    await peer.receive(1);
    const { code, stdout, stderr } = await sockets("state", "--all");
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, new RegExp(`^tcp +LISTEN +0 +511 +127\\.0\\.0\\.1:${server.port} `, "m"));
    assertMatch(
      stdout,
      new RegExp(
        `^tcp +ESTABLISHED +0 +0 +127\\.0\\.0\\.1:${server.port} +${peer.address.replaceAll(".", "\\.")}`,
        "m",
      ),
    );
    assertMatch(stdout, /^ESTABLISHED +connected/m);
  },
});

Deno.test({
  name: "sockets state shows how many bytes and how many connections wait" +
    (hasSs ? "" : " (ignored: no ss of iproute2 that lists sockets here)"),
  ignore: !hasSs,
  async fn() {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 7 });
    const { port } = listener.addr;
    using client = await Deno.connect({ hostname: "127.0.0.1", port });
    await client.write(new Uint8Array(5));
    const { stdout } = await sockets("state", "--all");
    assertMatch(stdout, new RegExp(`^tcp +LISTEN +1 +7 +127\\.0\\.0\\.1:${port} `, "m"));
    assertMatch(stdout, new RegExp(`^tcp +ESTABLISHED +5 +0 +127\\.0\\.0\\.1:${port} `, "m"));
  },
});

Deno.test({
  name: "sockets state lists Unix sockets" + (hasSs ? "" : " (ignored: no ss of iproute2 that lists sockets here)"),
  ignore: !hasSs,
  async fn() {
    using folder = temporaryFolder();
    const path = `${folder.path}/socket`;
    const permissions = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
    await using _server = await ServerProcess.start("echo", { args: ["--unix", path], permissions });
    const { stdout } = await sockets("state", "--all");
    assertMatch(stdout, new RegExp(`^unix +LISTEN +0 +[1-9]\\d* +${path} `, "m"));
  },
});

Deno.test({
  name: "--backlog sets how many connections wait to be accepted" +
    (hasSs ? "" : " (ignored: no ss of iproute2 that lists sockets here)"),
  ignore: !hasSs,
  async fn() {
    await using server = await ServerProcess.start("echo", { args: ["--backlog", "7"] });
    const { stdout } = await sockets("state", "--all");
    assertMatch(stdout, new RegExp(`^tcp +LISTEN +0 +7 +127\\.0\\.0\\.1:${server.port} `, "m"));
  },
});

Deno.test("sockets reports wrong arguments", async () => {
  const which = await sockets("types");
  assertEquals([which.code, which.stdout], [2, ""]);
  assertMatch(which.stderr, /^sockets: Expected kinds or state, got "types"; see/);
});

Deno.test({
  name: "sockets state names the missing program where there is no ss" +
    (Deno.build.os === "linux" ? "" : " (ignored: not Linux)"),
  ignore: Deno.build.os !== "linux",
  async fn() {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "-P=sockets", "scripts/tools/sockets.ts", "state"],
      cwd: new URL("../..", import.meta.url),
      env: { PATH: "/nowhere" },
    }).output();
    assertEquals(
      new TextDecoder().decode(stderr),
      "sockets: Cannot find ss: install the package iproute2\n",
    );
    assertEquals(code, 1);
  },
});

Deno.test("the output of ss and of netstat is parsed to the same form", () => {
  const idle = { received: 0, unsent: 0 };
  const ss = `
u_str LISTEN 0      511   /tmp/wirebench-echo.sock 1001          * 0
u_str ESTAB  12     0     /tmp/wirebench-echo.sock 1002          * 1003
u_str ESTAB  0      0                            * 1003          * 1002
u_dgr UNCONN 0      0                  @a name 1004              * 1
udp   UNCONN 0      0            127.0.0.1:3000         0.0.0.0:*
tcp   LISTEN 3      511              [::1]:65432           [::]:*
tcp   ESTAB  0      70   127.0.0.1%lo:1234        127.0.0.1:51234
tcp   TIME-WAIT 0   0    [::ffff:127.0.0.1]:1234  [::ffff:127.0.0.1]:51235
`;
  const path = "/tmp/wirebench-echo.sock";
  assertEquals(parseSs(ss), [
    { protocol: "udp", state: "", ...idle, local: "127.0.0.1:3000", peer: "" },
    { protocol: "tcp", state: "LISTEN", received: 3, unsent: 511, local: "[::1]:65432", peer: "" },
    {
      protocol: "tcp",
      state: "ESTABLISHED",
      received: 0,
      unsent: 70,
      local: "127.0.0.1:1234",
      peer: "127.0.0.1:51234",
    },
    { protocol: "tcp", state: "TIME_WAIT", ...idle, local: "127.0.0.1:1234", peer: "127.0.0.1:51235" },
    { protocol: "unix", state: "LISTEN", received: 0, unsent: 511, local: path, peer: "" },
    { protocol: "unix", state: "ESTABLISHED", received: 12, unsent: 0, local: path, peer: "" },
    { protocol: "unix", state: "ESTABLISHED", ...idle, local: "", peer: path },
    { protocol: "unix", state: "", ...idle, local: "@a name", peer: "" },
  ]);
  const netstat = `Active Internet connections (including servers)
Proto Recv-Q Send-Q  Local Address          Foreign Address        (state)
tcp4       0      0  127.0.0.1.65432        *.*                    LISTEN
tcp6       4      0  ::1.1234               ::1.51234              CLOSE_WAIT
udp4       0      0  127.0.0.1.3000         *.*
Active LOCAL (UNIX) domain sockets
Address          Type   Recv-Q Send-Q            Inode             Conn             Refs          Nextref Addr
a1b2c3d4e5f60718 stream      0      0 9c1f2e3d4c5b6a70                0                0                0 ${path}
a1b2c3d4e5f60719 dgram       0      0                0 9c1f2e3d4c5b6a71 9c1f2e3d4c5b6a71                0
`;
  assertEquals(parseNetstat(netstat), [
    { protocol: "tcp", state: "LISTEN", ...idle, local: "127.0.0.1:65432", peer: "" },
    { protocol: "tcp", state: "CLOSE_WAIT", received: 4, unsent: 0, local: "[::1]:1234", peer: "[::1]:51234" },
    { protocol: "udp", state: "", ...idle, local: "127.0.0.1:3000", peer: "" },
    { protocol: "unix", state: "", ...idle, local: path, peer: "" },
    { protocol: "unix", state: "", ...idle, local: "", peer: "" },
  ]);
});

Deno.test("every service has its own default port, except the proxy, which has none", () => {
  const folders = [...Deno.readDirSync(new URL("../../services", import.meta.url))].map(({ name }) =>
    name.replaceAll("_", "-")
  ).filter((name) => name !== "proxy");
  assertEquals([...SERVICES.values()].sort(), folders.sort());
});
