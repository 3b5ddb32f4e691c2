import { assert, assertEquals, assertMatch } from "@std/assert";
import { MODES } from "../../services/dispatch/protocol.ts";
import { hasProgram, runClient, runServer, ServerProcess, untilNobodyListens } from "../harness.ts";

const onLinux = Deno.build.os === "linux";

for (const mode of MODES) {
  const ignored = mode !== "loop" && !onLinux;
  Deno.test({
    name: `dispatch:server --mode ${mode} sends back what it gets, to many clients at once` +
      (ignored ? " (ignored: only Linux shares a port)" : ""),
    ignore: ignored,
    async fn() {
      await using server = await ServerProcess.start("dispatch", { args: ["--mode", mode, "--workers", "2"] });
      const peers = await Promise.all(Array.from({ length: 40 }, () => server.connect()));
      for (const [number, peer] of peers.entries()) await peer.send(`I am ${number}`);
      for (const [number, peer] of peers.entries()) {
        assertEquals(await peer.receive(`I am ${number}`.length), `I am ${number}`);
      }
      for (const peer of peers) {
        await peer.end();
        assertEquals(await peer.receiveAll(), "");
        peer.close();
      }
      assertEquals(await server.stop(), 0);
      const { memory, message } = await server.logged(/^Stopped/);
      assertMatch(message, /^Stopped; \d+ MB of memory$/); // No connection was open any more.
      assert(Number(memory) > 10_000_000, `${memory} bytes of memory`);
      await server.logged(/^Connections closed since the start: 40 finished$/);
    },
  });

  Deno.test({
    name: `dispatch:server --mode ${mode} drains when it is told to stop` +
      (ignored ? " (ignored: only Linux shares a port)" : ""),
    ignore: ignored,
    async fn() {
      await using server = await ServerProcess.start("dispatch", { args: ["--mode", mode, "--workers", "2"] });
      using peer = await server.connect();
      await peer.send("before");
      await peer.receive(6);
      server.signal("SIGTERM");
      await untilNobodyListens(server.port);
      await peer.send(" and after");
      assertEquals(await peer.receive(10), " and after");
      await peer.end();
      assertEquals(await peer.receiveAll(), "");
      const { finished, aborted } = await server.logged(/^Stopped/);
      assert(Number(finished) >= 1);
      assertEquals(aborted, 0);
    },
  });
}

const hasPs = onLinux && hasProgram("ps", "-o", "pid=", "--ppid", "1", "-p", String(Deno.pid));

Deno.test({
  name: "dispatch:server --mode processes continues without a process that is killed" +
    (hasPs ? "" : " (ignored: no Linux, or no ps with --ppid here)"),
  ignore: !hasPs,
  async fn() {
    await using server = await ServerProcess.start("dispatch", { args: ["--mode", "processes", "--workers", "2"] });
    const { stdout } = await new Deno.Command("ps", { args: ["-o", "pid=", "--ppid", String(server.process.pid)] })
      .output();
    const [child] = new TextDecoder().decode(stdout).trim().split(/\s+/).map(Number);
    Deno.kill(child!, "SIGKILL");
    await server.logged(/^A process ended with exit code/);
    for (let count = 0; count < 20; count++) {
      using peer = await server.connect();
      await peer.send("still there?");
      assertEquals(await peer.receive(12), "still there?");
    }
  },
});

for (const mode of MODES.filter((mode) => onLinux || mode === "loop")) {
  Deno.test(`dispatch:server --mode ${mode} says in one line why it cannot listen, and stops at a signal while it starts`, async () => {
    await using server = await ServerProcess.start("dispatch", { args: ["--mode", mode, "--workers", "2"] });
    const inUse = await runServer("dispatch", ["--mode", mode, "--port", String(server.port)]);
    assertMatch(inUse.stderr, /^dispatch:server: 127\.0\.0\.1:\d+ is in use: [^\n]*\n$/);
    const outside = await runServer("dispatch", ["--mode", mode, "--port", "0", "--host", "0.0.0.0"]);
    assertMatch(
      outside.stderr,
      /^dispatch:server: The sandbox of dispatch:server does not allow 0\.0\.0\.0:0; [^\n]*\n$/,
    );
    assertEquals([inUse.code, outside.code], [1, 1]);
    await using early = new ServerProcess(
      new Deno.Command(Deno.execPath(), {
        args: ["task", "-q", "dispatch:server", "--mode", mode, "--port", "0", "--log", "json"],
        cwd: new URL("../..", import.meta.url),
        stdin: "piped",
        stdout: "piped",
        stderr: "piped",
      }).spawn(),
    );
    await early.logged(/^Listening/);
    assertEquals(await early.stop(), 0);
  });
}

Deno.test({
  name: "dispatch:server --mode processes leaves no process behind when it is killed" +
    (onLinux ? "" : " (ignored: only Linux shares a port)"),
  ignore: !onLinux,
  async fn() {
    const server = await ServerProcess.start("dispatch", { args: ["--mode", "processes", "--workers", "2"] });
    server.signal("SIGKILL");
    await server.process.status;
    await untilNobodyListens(server.port);
    await server.stop();
  },
});

Deno.test("dispatch:client counts round trips, and detects a server that sends back something else", async () => {
  await using server = await ServerProcess.start("dispatch");
  const args = ["--port", String(server.port), "--connections", "5", "--duration", "2"];
  const { code, stdout, stderr } = await runClient("dispatch", args);
  assertEquals([code, stderr], [0, ""]);
  const counts =
    /^5 connections held, (\d+) round trips a second; of a connection: fewest (\d+), median (\d+), most (\d+)\n$/;
  const [, total, fewest, median, most] = counts.exec(stdout)!.map(Number);
  assert(total! > 0 && fewest! <= median! && median! <= most!, stdout);
  await using other = await ServerProcess.start("sixteen");
  const wrong = await runClient("dispatch", ["--port", String(other.port), "--connections", "1"]);
  assertMatch(wrong.stderr, /^dispatch:client: The server did not send the message back\n$/);
  assertEquals(wrong.code, 1);
});

Deno.test("dispatch:server says in one line that it may not start processes", async () => {
  const { code, stderr } = await runServer("dispatch", ["--mode", "processes"], {
    permissions: ["-P=dispatch-server"],
  });
  assertMatch(stderr, /^dispatch:server: [^\n]*--allow-run[^\n]*\n$/);
  assertEquals(code, 1);
});
