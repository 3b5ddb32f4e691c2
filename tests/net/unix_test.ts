import { grantsOf, runClient, runServer, ServerProcess, temporaryFolder, within } from "../harness.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";

Deno.test({
  name: "a Unix socket is open to its owner only, removed at the end, and replaced only if nobody answers" +
    (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = temporaryFolder();
    const path = `${folder.path}/s`;
    const more = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
    const args = ["--unix", path];
    const server = { args, permissions: [...grantsOf("echo", "server"), ...more] };
    const client = { permissions: [...grantsOf("echo", "client"), ...more] };
    {
      await using first = await ServerProcess.start("echo", server);
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
      const second = await runServer("echo", args, server);
      assertEquals(second.code, 1);
      assertMatch(second.stderr, /^echo:server: .*\/s is in use: a program listens there/);
      assertEquals((await runClient("echo", args, "", client)).stdout, "Hello, world\n");
      assertMatch((await first.logged(/closed: finished/)).message, /\/s#\d+ closed/);
    }
    await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
    const nobody = await runClient("echo", args, "", client);
    assertEquals(nobody.code, 1);
    assertMatch(nobody.stderr, /^echo:client: There is no .*\/s: start the server/);

    // The socket of a killed server is replaced.
    await using killed = await ServerProcess.start("echo", server);
    await killed.kill();
    assert(Deno.lstatSync(path).isSocket);
    assertMatch((await runClient("echo", args, "", client)).stderr, /Nobody listens at .*or check --unix\n$/);
    {
      await using _next = await ServerProcess.start("echo", server);
      assertEquals((await runClient("echo", args, "", client)).stdout, "Hello, world\n");
    }
    const nowhere = await runServer("echo", ["--unix", "/tmp/no/folder/s"], { permissions: ["-A"] });
    assertEquals([nowhere.code, nowhere.stderr], [1, "echo:server: There is no folder for /tmp/no/folder/s\n"]);
    const long = await runServer("echo", ["--unix", `/tmp/${"x".repeat(200)}`], { permissions: ["-A"] });
    assertMatch(long.stderr, /^echo:server: Cannot listen at a path of 205 bytes: expected at most \d+\n$/);
    // A file of another kind is kept.
    Deno.writeTextFileSync(path, "precious");
    const refused = await runServer("echo", args, server);
    assertEquals(refused.code, 1);
    assertMatch(refused.stderr, /is in use: a program listens there, or it is a file of another kind\n$/);
    assertEquals(Deno.readTextFileSync(path), "precious");
  },
});

Deno.test({
  name: "a server that stops removes only its own Unix socket, not a file that has taken its place" +
    (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = temporaryFolder();
    const path = `${folder.path}/s`;
    const more = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
    const server = { args: ["--unix", path], permissions: [...grantsOf("echo", "server"), ...more] };
    {
      await using first = await ServerProcess.start("echo", server);
      Deno.removeSync(path);
      Deno.writeTextFileSync(path, "precious");
      assertEquals(await first.stop(), 0);
      assertEquals(Deno.readTextFileSync(path), "precious");
      Deno.removeSync(path);
    }
    {
      await using first = await ServerProcess.start("echo", server);
      Deno.removeSync(path);
      await using _second = await ServerProcess.start("echo", server);
      assertEquals(await first.stop(), 0);
      const permissions = [...grantsOf("echo", "client"), ...more];
      assertEquals((await runClient("echo", ["--unix", path], "", { permissions })).stdout, "Hello, world\n");
    }
    await assertRejects(() => Deno.lstat(path), Deno.errors.NotFound);
  },
});

/** Starts a server at each path in turn, at the same time as another process, and prints the outcomes. */
const STARTS = `
  import { removeStaleSocket, serveTcp } from "${new URL("../../lib/net/mod.ts", import.meta.url)}";
  const [start, ...paths] = Deno.args;
  const outcomes = await Promise.all(paths.map(async (path, number) => {
    const due = Number(start) + 10 * number;
    await new Promise((resolve) => setTimeout(resolve, due - Date.now() - 5));
    while (Date.now() < due);
    try {
      await removeStaleSocket(path);
      serveTcp({ path }, () => {});
      return "Listening";
    } catch (error) {
      return error.name;
    }
  }));
  console.log(outcomes.join());
  await Deno.stdin.read(new Uint8Array(1));
  Deno.exit();
`;

Deno.test({
  name: "of two servers that start at a stale Unix socket at once, one listens, the other reports that it is in use" +
    (Deno.build.os === "windows" ? " (ignored: no Unix sockets here)" : ""),
  ignore: Deno.build.os === "windows",
  async fn() {
    using folder = temporaryFolder();
    const paths = Array.from({ length: 60 }, (_, number) => `${folder.path}/${number}`);
    const net = paths.map((path) => `unix:${path}`);
    const flags = [`--allow-read=${folder.path}`, `--allow-write=${folder.path}`, `--allow-net=${net}`];
    function run(name: string, script: string, ...args: string[]): Deno.ChildProcess {
      Deno.writeTextFileSync(`${folder.path}/${name}.js`, script);
      return new Deno.Command(Deno.execPath(), {
        args: ["run", "-q", "--no-prompt", ...flags, `${folder.path}/${name}.js`, ...args],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
    }
    // A program that exits without closing its sockets leaves their files behind.
    const left = run(
      "left",
      'for (const path of Deno.args) Deno.listen({ transport: "unix", path }); Deno.exit();',
      ...paths,
    );
    await left.stdin.close();
    await left.output();
    const start = String(Date.now() + 500);
    const processes = [1, 2].map(() => run("starts", STARTS, start, ...paths));
    const outcomes = await Promise.all(processes.map(async ({ stdout }) => {
      const { value } = await within(stdout.pipeThrough(new TextDecoderStream()).getReader().read(), "the outcomes");
      return value!.trim().split(",");
    }));
    for (const { stdin, status } of processes) {
      await stdin.close();
      await status;
    }
    const both = paths.map((_, number) => outcomes.map((of) => of[number]).sort().join());
    assertEquals(both.filter((outcome) => outcome !== "AddrInUse,Listening"), []);
  },
});
