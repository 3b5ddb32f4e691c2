import { assert, assertEquals, assertMatch } from "@std/assert";
import { RawPeer, ServerProcess, temporaryFolder } from "../harness.ts";

const why = Deno.build.os === "linux" ? "" : " (ignored: only Linux shares a port among threads)";
const ignore = why !== "";

Deno.test({
  name: `limits, counts and the drain cover all workers${why}`,
  ignore,
  async fn() {
    await using server = await ServerProcess.start("echo", { args: ["--workers", "3", "--max-connections", "5"] });
    const peers: RawPeer[] = [];
    const answers: string[] = [];
    for (let count = 0; count < 12; count++) {
      const peer = await server.connect();
      peers.push(peer);
      await peer.send("x").catch(() => {}); // It may have been refused by now.
      answers.push(await peer.receive(1).catch(() => "refused"));
    }
    assertEquals(answers, [...Array(5).fill("x"), ...Array(7).fill("refused")]);
    await server.logged(/refused \(The limit is 5 connections\)/);
    // Any worker may use a place that becomes free.
    await peers[0]!.end();
    assertEquals(await peers[0]!.receiveAll(), "");
    await server.logged(/closed: finished/);
    // The client sees the end a moment before another thread sees the free place.
    let next = await server.connect();
    for (;; next = await server.connect()) {
      await next.send("y").catch(() => {});
      if (await next.receive(1).then((answer) => answer === "y", () => false)) break;
      next.close();
    }
    server.signal("SIGTERM");
    await server.logged(/^SIGTERM: letting 5 connections finish/);
    for (const peer of [next, ...peers.slice(1, 5)]) {
      await peer.send("last");
      await peer.end();
      assertEquals(await peer.receiveAll(), "last");
    }
    await server.logged(/^Stopped; connections open at SIGTERM: 5 finished, 0 aborted/);
    const { counts } = await server.logged(/since the start/);
    assertMatch(String(counts), /\b6 finished\b/);
    assertMatch(String(counts), /\b([7-9]|\d\d+) refused\b/);
    for (const peer of [next, ...peers]) peer.close();
  },
});

Deno.test({
  name: `workers log messages and errors as a single thread does${why}`,
  ignore,
  async fn() {
    await using server = await ServerProcess.start("lines", { args: ["--workers", "2", "--max-message", "15"] });
    using peer = await server.connect();
    await peer.send("hello\n");
    assertEquals(await peer.receive(12), "Hello Node!\n");
    const { from, text } = await server.logged(new RegExp(`^${peer.address} -> Server: hello`));
    assertEquals([from, text], [peer.address, "hello"]);
    await peer.send("much too long a line\n");
    assertEquals(await peer.receiveAll(), "");
    const record = await server.logged(/closed/);
    assertEquals([record.level, record.peer, record.reason], ["warning", peer.address, "too long"]);
  },
});

Deno.test({
  name: `workers log no more than their budget, whatever clients send, and count the rest${why}`,
  ignore,
  async fn() {
    await using server = await ServerProcess.start("lines", { args: ["--workers", "2"] });
    const lines = 5000;
    const began = performance.now();
    await Promise.all(Array.from({ length: 4 }, async () => {
      using peer = await server.connect();
      const sending = peer.send(("x".repeat(1000) + "\n").repeat(lines)).then(() => peer.end());
      assertEquals((await peer.receiveAll()).length, lines * "Hello Node!\n".length);
      await sending;
    }));
    await server.stop();
    const seconds = Math.ceil((performance.now() - began) / 1000);
    const shown = server.log.filter(({ text }) => text !== undefined).length;
    const omitted = server.log.map(({ omitted }) => Number(String(omitted ?? "0").replaceAll(",", "")));
    assertEquals(shown + omitted.reduce((sum, count) => sum + count, 0), 4 * 2 * lines);
    assert(shown <= 2 * 1000 * (seconds + 1), `${shown} messages in ${seconds} s`);
  },
});

Deno.test({
  name: `a long message that a worker logs is cut once, and keeps its time and its characters${why}`,
  ignore,
  async fn() {
    await using server = await ServerProcess.start("lines", { args: ["--workers", "2"] });
    using peer = await server.connect();
    const message = `{"time": "\\u001b[2J"} \x1b`.padEnd(3000, "x");
    const began = Date.now();
    await peer.send(message + "\n");
    await peer.receive(12);
    const { text, time } = await server.logged(new RegExp(`^${peer.address} -> Server: `));
    assertEquals(text, `${message.slice(0, 1024)} (and 1976 bytes more)`);
    assert(Date.parse(String(time)) >= began && Date.parse(String(time)) <= Date.now(), `${time}`);
  },
});

const root = new URL("../../", import.meta.url);

/** Starts a server whose folder, flags and file are not those of this repository. */
async function start(cwd: string, ...args: string[]): Promise<ServerProcess> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", ...args],
    cwd,
    env: { DENO_DIR: `${cwd}/cache` },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const server = new ServerProcess(command.spawn());
  const { address } = await server.logged(/^Listening at/);
  server.port = Number(String(address).split(":").at(-1));
  return server;
}

/** A configuration that needs no package: stubs stand for what a server uses of them. */
const CONFIG = JSON.stringify({
  unstable: ["net"],
  imports: {
    "@std/bytes/concat": "data:text/javascript,export const concat = undefined;",
    "@std/fmt/colors": "data:text/javascript,export const [blue, dim, red, yellow] = [];",
  },
});

/** A program of somebody else, which serves with two workers. */
function programOf(library: string): string {
  return `
const { serveTcp, serveWorkers, startThread } = await import("${library}lib/net/mod.ts");
const { configureLog } = await import("${library}lib/log/mod.ts");

export const serve = (options) => serveTcp(options, async (connection) => {
  await connection.write(new TextEncoder().encode("served"));
});
if (import.meta.main) {
  await using _log = configureLog({ format: "json" });
  // Before it listens: the test may end it as soon as it says so.
  const requested = Promise.withResolvers();
  Deno.addSignalListener("SIGTERM", requested.resolve);
  const start = startThread({ module: import.meta.url, serve: "serve" });
  const server = await serveWorkers({ port: 0, workers: 2, called: "workers", start }).catch((error) => {
    console.error(error.message);
    Deno.exit(1);
  });
  await requested.promise;
  await server.shutdown();
}
`;
}

Deno.test({
  name: `workers start in a folder whose name has spaces and percent signs${why}`,
  ignore,
  async fn() {
    using folder = temporaryFolder();
    const path = `${folder.path}/a folder, 100%20%`;
    Deno.mkdirSync(path);
    await new Deno.Command("cp", { args: ["-r", "lib", path], cwd: root }).output();
    Deno.writeTextFileSync(`${path}/deno.json`, CONFIG);
    Deno.writeTextFileSync(`${path}/program.ts`, programOf("./"));
    await using server = await start(path, "--allow-net=127.0.0.1", "--allow-read=.", "program.ts");
    using peer = await server.connect();
    assertEquals(await peer.receiveAll(), "served");
  },
});

Deno.test({
  name: `workers load the library from the host that the program loads it from${why}`,
  ignore,
  async fn() {
    await using registry = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async ({ url }) => {
      const source = await Deno.readFile(new URL(`.${new URL(url).pathname}`, root));
      return new Response(source, { headers: { "content-type": "application/typescript" } });
    });
    const host = `127.0.0.1:${registry.addr.port}`;
    using folder = temporaryFolder();
    Deno.writeTextFileSync(`${folder.path}/deno.json`, CONFIG);
    Deno.writeTextFileSync(`${folder.path}/program.ts`, programOf(`http://${host}/`));
    const flags = [`--allow-import=${host}`, "--allow-net=127.0.0.1"];
    {
      await using server = await start(folder.path, ...flags, "--allow-read=.", "program.ts");
      using peer = await server.connect();
      assertEquals(await peer.receiveAll(), "served");
    }
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", ...flags, "program.ts"],
      cwd: folder.path,
      env: { DENO_DIR: `${folder.path}/cache` },
    }).output();
    assertEquals(new TextDecoder().decode(stderr), `Requires read access to "${folder.path}/"\n`);
  },
});
