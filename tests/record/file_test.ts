import { assert, assertEquals, assertMatch } from "@std/assert";
import { serveEcho } from "@wirebench/wirebench/echo";
import { parseRecording, Recorder, recordToFile } from "@wirebench/wirebench/record";
import { RawPeer, ServerProcess, temporaryFolder, textOf, until, within } from "../harness.ts";
import { logged } from "../log/_logged.ts";

const root = new URL("../..", import.meta.url);

function started(options: ConstructorParameters<typeof Recorder>[0] = {}): Recorder {
  const recorder = new Recorder(options);
  recorder.started({ listen: "tcp://127.0.0.1:1", to: "tcp://127.0.0.1:2", seed: 7, framing: undefined, faults: {} });
  return recorder;
}

Deno.test("a recording is written as it happens, in whole lines", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/new/folder/a.jsonl`;
  const recorder = new Recorder();
  {
    await using _file = await recordToFile(recorder, path);
    recorder.started({ listen: "", to: "", seed: 7, framing: undefined, faults: {} });
    const written = () => Deno.readTextFileSync(path);
    await until(() => written().endsWith("\n"), "the header");
    for (let number = 1; number <= 20; number++) {
      recorder.forwarded(1, "up", number, 1);
      await until(() => written().split("\n").length === number + 2, "the event");
      assert(written().endsWith("\n"));
    }
    recorder.closed(1, "finished");
  }
  // The rest is written at the end.
  assertEquals(Deno.readTextFileSync(path), [...recorder.snapshot()].join(""));
  // An earlier recording is replaced.
  await (await recordToFile(started(), path))[Symbol.asyncDispose]();
  assertEquals(parseRecording(Deno.readTextFileSync(path)).events, []);
});

Deno.test("a recording that falls behind skips events and says how many; one that is full ends, with a warning", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/a.jsonl`;
  const recorder = started({ maxEvents: 64 });
  {
    await using _file = await recordToFile(recorder, path);
    for (let number = 0; number < 10_000; number++) recorder.forwarded(1, "up", number, 1);
  }
  const { events, problem } = parseRecording(Deno.readTextFileSync(path));
  assertEquals([problem, events[0]], [undefined, { k: "skip", n: 10_000 - 64 }]);
  assertEquals(events.length, 65);

  const records = await logged(async (log) => {
    await using _file = await recordToFile(started(), path, { maxSize: 10, log });
  });
  assertMatch(records, /The recording .*a\.jsonl is full at 0 bytes/);
  const more = started();
  const full = await logged(async (log) => {
    await using _file = await recordToFile(more, path, { maxSize: 600, log });
    for (let number = 0; number < 100; number++) {
      more.forwarded(1, "up", number, 1);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  });
  const { size } = Deno.statSync(path);
  assert(size > 100 && size <= 630, `${size}`);
  assertMatch(full, /is full at \d+ bytes/);
  const { events: written, problem: none } = parseRecording(Deno.readTextFileSync(path));
  const last = written.pop()!;
  assert(none === undefined && last.k === "skip" && last.n + written.length === 100, JSON.stringify(last));
});

/** Runs the proxy in its sandbox. A copy of the configuration makes `recordings` a subfolder of `folder`. */
function proxy(folder: string, args: string[], permissions = ["-P=proxy"]): Deno.ChildProcess {
  const config = `${folder}/deno.json`;
  Deno.writeTextFileSync(config, Deno.readTextFileSync(new URL("deno.json", root)));
  Deno.writeTextFileSync(`${folder}/deno.lock`, Deno.readTextFileSync(new URL("deno.lock", root)));
  const file = new URL("services/proxy/server.ts", root).href;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--config", config, ...permissions, file, "--log", "json", ...args],
    cwd: folder,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

Deno.test("deno task proxy --record writes what passed, and a crash loses nothing that was written", async () => {
  await using server = serveEcho({ port: 0 });
  using folder = temporaryFolder();
  const to = `tcp://127.0.0.1:${server.addr.port}`;
  const path = `${folder.path}/recordings/a.jsonl`;
  for (const crash of [false, true]) {
    const args = ["--listen", "tcp://127.0.0.1:0", "--to", to, "--seed", "7", "--cut", "2", "--record"];
    await using running = new ServerProcess(proxy(folder.path, [...args, "recordings/a.jsonl"]));
    const { address } = await running.logged(/^Listening/);
    using peer = await RawPeer.connect(Number(String(address).split(":").at(-1)));
    await peer.send("Hey");
    assertEquals(await peer.receive(3), "Hey");
    await until(() => Deno.readTextFileSync(path).includes('"k":"out","c":1,"w":"down","at":2'), "the last write");
    if (crash) await running.kill();
    else assertEquals(await running.stop(), 0);
    const { header, events, problem } = parseRecording(Deno.readTextFileSync(path));
    assertEquals([problem, header?.listen, header?.to], [
      undefined,
      `tcp://${address}`.replace(/^tcp:\/\/tcp/, "tcp"),
      to,
    ]);
    assertEquals([header?.seed, header?.faults], [7, { cut: 2, direction: "both" }]);
    const told = events.map((event) => "w" in event ? `${event.k} ${event.w} ${event.at}` : event.k);
    const expected = ["open", "in up 0", "out up 0", "out up 2", "out down 0", "out down 2"];
    for (const event of expected) assert(told.includes(event), `${event} in ${told}`);
    assertEquals(told.includes("close"), !crash);
  }
});

Deno.test("deno task proxy --record outside of recordings/ says what to add to its sandbox, before it listens", async () => {
  using folder = temporaryFolder();
  const at = ["--listen", "tcp://127.0.0.1:0", "--to", "tcp://127.0.0.1:1", "--record"];
  const ends = async (path: string, permissions?: string[], exitCode = 1) => {
    const process = proxy(folder.path, [...at, path], permissions);
    await process.stdin.close();
    const { code, stderr } = await within(process.output(), "the proxy's end");
    assertEquals(code, exitCode);
    return textOf(stderr);
  };
  const elsewhere = await ends("elsewhere.jsonl");
  assertMatch(
    elsewhere,
    /^proxy: The sandbox of proxy does not allow elsewhere\.jsonl; [^\n]* --allow-write=elsewhere\.jsonl,recordings [^\n]*\n$/,
  );
  const allowed = ["-P=proxy", "--allow-write"];
  assertMatch(await ends("..", allowed), /^proxy: Cannot write the recording \.\.: Is a directory\n$/);
  assertMatch(
    await ends("deno.json/a", allowed),
    /^proxy: Cannot write the recording deno\.json\/a: Not a directory\n$/,
  );
  for (const name of ["recordings", "./recordings/"]) {
    assertEquals(
      await ends(name, undefined, 2),
      `proxy: --record: expected a file, such as recordings/a.jsonl, got "${name}"; see deno task proxy --help\n`,
    );
  }
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), ["deno.json", "deno.lock"]);
});
