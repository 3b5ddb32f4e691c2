import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseRecording, type RecordedEvent, Recorder, type RecordingHeader } from "../../lib/record/mod.ts";
import { upTo } from "../../scripts/tools/recording/files.ts";
import { serveEcho } from "../../services/echo/server.ts";
import { serveProxy, type ServeProxyOptions } from "../../services/proxy/server.ts";
import { serveUppercase } from "../../services/uppercase/server.ts";
import { RawPeer, ServerProcess, temporaryFolder, textOf } from "../harness.ts";
import { complaints, fieldsOf, follow, hasTshark, why } from "../record/tshark.ts";

const root = new URL("../..", import.meta.url);

interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/** A folder in which the tool runs as in the project: a copy of the configuration makes `recordings` a subfolder. */
class Project implements Disposable {
  readonly #folder = temporaryFolder();

  constructor() {
    const { compilerOptions, exports, imports, permissions, unstable } = JSON.parse(
      Deno.readTextFileSync(new URL("deno.json", root)),
    );
    for (const [name, path] of Object.entries<string>(exports)) {
      imports[name.replace(".", "@wirebench/wirebench")] = new URL(path, root).href;
    }
    compilerOptions.types = [new URL("lib/std.d.ts", root).href];
    Deno.writeTextFileSync(this.path("deno.json"), JSON.stringify({ compilerOptions, imports, permissions, unstable }));
    Deno.mkdirSync(this.path("recordings"));
  }

  path(name: string): string {
    return `${this.#folder.path}/${name}`;
  }

  /** Writes a recording. */
  write(name: string, header: Partial<RecordingHeader>, events: readonly RecordedEvent[]): void {
    const lines = [{ ...HEADER, ...header }, ...events].map((line) => `${JSON.stringify(line)}\n`);
    Deno.writeTextFileSync(this.path(name), lines.join(""));
  }

  /** Runs the tool under its permission set. */
  async run(args: string[], { flags = [], input = "" }: { flags?: string[]; input?: string } = {}): Promise<Output> {
    const file = new URL("scripts/tools/recording.ts", root).href;
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-q",
        "--no-prompt",
        "--no-lock",
        "--config",
        this.path("deno.json"),
        "-P=recording",
        ...flags,
        file,
        ...args,
      ],
      cwd: this.path("."),
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = command.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input)).catch(() => {});
    await writer.close().catch(() => {});
    const { code, stdout, stderr } = await command.output();
    return { code, stdout: textOf(stdout), stderr: textOf(stderr) };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

const HEADER: RecordingHeader = {
  wirebench: 1,
  began: "2026-01-01T00:00:00.000Z",
  listen: "tcp://127.0.0.1:9000",
  to: "tcp://127.0.0.1:9001",
  framing: "header",
  seed: 7,
  faults: { cut: [1, 3] },
};

/** Records what passes a proxy before a server while `use` runs with the proxy's port. */
async function recordTo(
  path: string,
  options: Omit<ServeProxyOptions, "listen" | "tap">,
  use: (port: number) => Promise<unknown>,
  framing?: string,
): Promise<void> {
  const recorder = new Recorder({ framing });
  const listen = String(options.to).replace(/\d+$/, "0");
  await using proxy = await serveProxy({ ...options, listen, tap: recorder });
  await use((proxy.addr as Deno.NetAddr).port);
  await proxy.shutdown();
  Deno.writeTextFileSync(path, [...recorder.snapshot()].join(""));
}

const headed = (text: string) => `${String(text.length).padEnd(10)}${text}`;

/** Records the messages of two clients, which an echo server sends back. */
async function recordEcho(path: string): Promise<void> {
  await using server = serveEcho({ port: 0 });
  const to = `tcp://127.0.0.1:${server.addr.port}`;
  await recordTo(path, { to, cut: [1, 7], delay: [0, 3], seed: 7 }, async (port) => {
    using ann = await RawPeer.connect(port);
    using ben = await RawPeer.connect(port);
    const messages: [RawPeer, string][] = [[ann, headed("ann")], [ben, headed("Hello") + headed("you")], [
      ann,
      headed("hi"),
    ]];
    for (const [peer, message] of messages) {
      await peer.send(message);
      assertEquals(await peer.receive(message.length), message);
    }
    await Promise.all([ann.end(), ben.end()]);
    await Promise.all([ann.receiveAll(), ben.receiveAll()]);
  }, "header");
}

Deno.test("recording show tells messages from pieces, names faults, and escapes what peers sent", async () => {
  using project = new Project();
  const [c, w] = [1, "up"] as const;
  project.write("recordings/a.jsonl", {}, [
    { t: 0, k: "open", c, peer: "127.0.0.1:50001", source: "127.0.0.1:50002" },
    { t: 1_000, k: "in", c, w, at: 0, d: btoa(headed("Hello") + headed("\x1b[2J")) },
    { t: 2_000, k: "out", c, w, at: 0, n: 4 },
    { t: 3_000, k: "out", c, w, at: 4, n: 13 },
    { t: 4_000, k: "set", faults: { delay: [5, 5] } },
    { t: 4_000, k: "from", c, w, at: 17 },
    { t: 5_000, k: "pause" },
    { t: 6_000, k: "resume" },
    { t: 7_000, k: "out", c, w, at: 17, n: 12 },
    { t: 8_000, k: "end", c, w, at: 29 },
    { t: 9_000, k: "in", c, w: "down", at: 0, d: btoa("not a header") },
    { t: 10_000, k: "out", c, w: "down", at: 0, n: 12 },
    { t: 11_000, k: "fault", c, w: "down", at: 12, kind: "reset" },
    { t: 12_000, k: "close", c, reason: "reset" },
    { k: "skip", n: 3 },
  ]);
  const { code, stdout, stderr } = await project.run(["show", "recordings/a.jsonl"]);
  assertEquals([code, stderr], [0, ""]);
  const lines = stdout.split("\n").map((line) => line.trim().replace(/ +/g, " "));
  assertEquals(lines.slice(0, 7), [
    "recordings/a.jsonl",
    "tcp://127.0.0.1:9000 to tcp://127.0.0.1:9001, framing header",
    "2026-01-01T00:00:00.000Z, 0.012 s; seed 7; cut 1-3",
    "0.004 faults from now on: delay 5 ms",
    "0.005 paused",
    "0.006 resumed",
    "3 events missing here",
  ]);
  for (
    const line of [
      /^connection 1 from 127\.0\.0\.1:50001, 0\.000 to 0\.012 s, reset$/,
      /^0\.003 up 13: end of 1, start of 2 " Hello4 "$/,
      /^message 1 10 \+ 5 bytes "Hello"$/,
      /^message 2 10 \+ 4 bytes "\\x1b\[2J"$/,
      /^0\.004 up .*delay 5/,
      /^0\.008 up .*end/,
      /^0\.011 down reset/,
      /^up: 2 messages, sent in 1 write, passed on in 3 pieces: 2 a part of one, 1 of several; 29 bytes$/,
      /^down: does not fit the framing from byte 0 on: Malformed message at byte 0: expected a length/,
    ]
  ) {
    assert(lines.some((each) => line.test(each)), `${line} in\n${stdout}`);
  }
});

Deno.test("recording show lists what became of each datagram", async () => {
  using project = new Project();
  await using server = serveUppercase({ port: 0 });
  const to = `udp://127.0.0.1:${server.addr.port}`;
  await recordTo(project.path("recordings/a.jsonl"), { to, repeat: 100, seed: 7 }, async (port) => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    await socket.send(new TextEncoder().encode("Hey"), { transport: "udp", hostname: "127.0.0.1", port });
    for (let count = 0; count < 4; count++) assertEquals(textOf((await socket.receive())[0]), "HEY");
    socket.close();
  });
  const { code, stdout, stderr } = await project.run(["show", "recordings/a.jsonl"]);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /up {4}3: datagram 1 +"Hey"\n.*datagram 1 again +"Hey"\n/);
  assertMatch(stdout, /up: 1 datagram, passed on in 2 pieces: 1 repeated; /);
  assertMatch(stdout, /down: 2 datagrams, passed on in 4 pieces: 2 repeated; /);
});

Deno.test({
  name: `recording pcapng and dissector: Wireshark follows a real exchange, and finds its messages${why}`,
  ignore: !hasTshark,
  async fn() {
    using project = new Project();
    await recordEcho(project.path("recordings/a.jsonl"));
    const pcapng = await project.run(["pcapng", "recordings/a.jsonl", "-o", "recordings/a.pcapng"]);
    assertEquals(pcapng, { code: 0, stdout: "", stderr: "" });
    const script = await project.run(["dissector", "recordings/a.jsonl", "--output=recordings/a.lua"]);
    assertEquals(script, { code: 0, stdout: "", stderr: "" });
    const capture = project.path("recordings/a.pcapng");
    const lua = ["-X", `lua_script:${project.path("recordings/a.lua")}`];
    assertEquals(complaints(capture), []);
    assertEquals(complaints(capture, ...lua), []);

    const sent = [["ann", "hi"], ["Hello", "you"]];
    const { header, events } = parseRecording(Deno.readTextFileSync(project.path("recordings/a.jsonl")));
    const sources = events.filter((event) => event.k === "open").map(({ source }) => Number(source!.split(":").at(-1)));
    const target = Number(header!.to.split(":").at(-1));
    for (const [index, source] of sources.entries()) {
      const [stream] = fieldsOf(capture, ["tcp.stream"], `tcp.srcport == ${source} && tcp.flags.syn == 1`);
      const [up, down] = follow(capture, Number(stream![0]));
      const bytes = sent[index]!.map(headed).join("");
      assertEquals([textOf(up), textOf(down)], [bytes, bytes]);
      for (const end of ["src", "dst"]) {
        const filter = `tcp.${end}port == ${source} && wirebench_header`;
        const payloads = fieldsOf(capture, ["wirebench_header.payload"], filter, ...lua);
        const texts = payloads.flatMap(([row]) => row!.split(" ")).map((hex) => textOf(Uint8Array.fromHex(hex)));
        assertEquals(texts, sent[index]);
      }
    }
    const comments = fieldsOf(capture, ["frame.comment"], `tcp.dstport == ${target} && tcp.len > 0`).flat();
    assertMatch(comments[0]!, /^connection 1 up: piece 1 of \d bytes?, /);
  },
});

Deno.test({
  name: `recording pcapng: Wireshark follows 60,000 random bytes, and finds nothing wrong${why}`,
  ignore: !hasTshark,
  async fn() {
    using project = new Project();
    const random = crypto.getRandomValues(new Uint8Array(60_000));
    await using echo = serveEcho({ port: 0 });
    const path = project.path("recordings/a.jsonl");
    await recordTo(path, { to: `tcp://127.0.0.1:${echo.addr.port}`, cut: [1, 3000], seed: 7 }, async (port) => {
      for (const end of [1000, random.length]) {
        using peer = await RawPeer.connect(port);
        await Promise.all([peer.send(random.subarray(0, end)).then(() => peer.end()), peer.receiveAll()]);
      }
    });
    const { code, stderr } = await project.run(["pcapng", "recordings/a.jsonl", "-o", "recordings/a.pcapng"]);
    assertEquals([code, stderr], [0, ""]);
    const capture = project.path("recordings/a.pcapng");
    assertEquals(complaints(capture), []);
    for (const stream of [0, 1, 2, 3]) {
      const [up, down] = follow(capture, stream);
      const expected = random.subarray(0, stream < 2 ? 1000 : random.length).toHex();
      assert(up.toHex() === expected && down.toHex() === expected, `stream ${stream}`);
    }
  },
});

Deno.test({
  name: `recording pcapng: a fault of the proxy is a comment where it struck${why}`,
  ignore: !hasTshark,
  async fn() {
    using project = new Project();
    await using echo = serveEcho({ port: 0 });
    const to = `tcp://127.0.0.1:${echo.addr.port}`;
    const faults = { framing: "header", resetIn: "payload", message: 2, direction: "up" } as const;
    await recordTo(project.path("recordings/a.jsonl"), { to, ...faults, seed: 7 }, async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send(headed("one") + headed("two"));
      await peer.receiveAll();
    });
    assertEquals((await project.run(["pcapng", "recordings/a.jsonl", "-o", "recordings/a.pcapng"])).code, 0);
    const capture = project.path("recordings/a.pcapng");
    assertEquals(complaints(capture), []);
    const resets = fieldsOf(capture, ["frame.interface_name", "frame.comment"], "tcp.flags.reset == 1");
    assertEquals(resets.map(([side]) => side), ["client", "target"]);
    for (const [, comment] of resets) assertMatch(comment!, /^reset at byte 2\d up, .*payload.*2/);
  },
});

Deno.test("recording dissector writes every framing, some by name, and those of a recording", async () => {
  using project = new Project();
  const dissectors = ({ stdout }: Output) =>
    [...stdout.matchAll(/^dissector\("(\w+)".*, (\{.*?\})\)$/gm)]
      .map(([, name, ports]) => `${name} ${ports}`);
  const all = dissectors(await project.run(["dissector"]));
  assertEquals(all.length, 10);
  assert(all.includes("wirebench_header {  }") && all.includes("wirebench_length4le {  }"), all.join());
  const some = dissectors(await project.run(["dissector", "fixed:24", "tagged:A=4,B=16"]));
  assertEquals(some.map((each) => each.split(" ")[0]), ["wirebench_fixed_24", "wirebench_tagged_a_4_b_16"]);
  project.write("recordings/a.jsonl", {}, []);
  const own = dissectors(await project.run(["dissector", "recordings/a.jsonl"]));
  assertEquals(own, ["wirebench_header { 9000, 9001 }"]);
  project.write("recordings/b.jsonl", { framing: undefined }, []);
  const none = await project.run(["dissector", "recordings/b.jsonl"]);
  assertEquals([none.code, none.stdout], [2, ""]);
  assertMatch(
    none.stderr,
    /^recording: The recording recordings\/b\.jsonl names no framing: choose one with --framing; see/,
  );
});

Deno.test("recording replay finds the same answers, at the recorded times and as fast as they come", async () => {
  using project = new Project();
  await recordEcho(project.path("recordings/a.jsonl"));
  await using server = serveEcho({ port: 0 });
  const to = `tcp://127.0.0.1:${server.addr.port}`;
  for (const more of [[], ["--as-fast"]]) {
    const { code, stdout, stderr } = await project.run(["replay", "recordings/a.jsonl", "--to", to, ...more]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(
      stdout,
      "connection 1: 25 bytes sent, 25 received, as recorded\nconnection 2: 28 bytes sent, 28 received, as recorded\n",
    );
  }
});

Deno.test("recording replay says at which byte of which message a server differs, and fails", async () => {
  using project = new Project();
  const [c, w] = [1, "up"] as const;
  project.write("recordings/a.jsonl", {}, [
    { t: 0, k: "open", c, peer: "127.0.0.1:50001", source: "127.0.0.1:50002" },
    { t: 1, k: "in", c, w, at: 0, d: btoa(headed("one") + headed("two")) },
    { t: 2, k: "out", c, w, at: 0, n: 26 },
    { t: 3, k: "in", c, w: "down", at: 0, d: btoa(headed("one") + headed("tw\n")) },
  ]);
  await using server = serveEcho({ port: 0 });
  const to = `tcp://127.0.0.1:${server.addr.port}`;
  const { code, stdout, stderr } = await project.run(["replay", "recordings/a.jsonl", "--to", to]);
  assertEquals(code, 1);
  assertEquals(
    stdout,
    "connection 1: 26 bytes sent, 26 received; differs at byte 25, byte 2 of the payload of message 2: " +
      'expected "\\n", got "o"\n',
  );
  assertEquals(stderr, "recording: 1 of 1 connection differs from the recording\n");
});

Deno.test("recording replay works over UDP", async () => {
  using project = new Project();
  await using server = serveUppercase({ port: 0 });
  const to = `udp://127.0.0.1:${server.addr.port}`;
  await recordTo(project.path("recordings/a.jsonl"), { to }, async (port) => {
    const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    for (const text of ["Hey", "", "you"]) {
      await socket.send(new TextEncoder().encode(text), { transport: "udp", hostname: "127.0.0.1", port });
      assertEquals(textOf((await socket.receive())[0]), text.toUpperCase());
    }
    socket.close();
  });
  const { code, stdout, stderr } = await project.run(["replay", "recordings/a.jsonl", "--to", to]);
  assertEquals([code, stderr], [0, ""]);
  assertEquals(stdout, "connection 1: 6 bytes sent, 6 received, as recorded\n");
  const wrong = await project.run(["replay", "recordings/a.jsonl", "--to", to.replace("udp", "tcp")]);
  assertEquals(wrong.code, 2);
  assertMatch(wrong.stderr, /^recording: --to: expected udp:\/\/HOST:PORT, got "tcp:/);
});

const noUnix = Deno.build.os === "windows";
Deno.test({
  name: `recording replay works over a Unix socket, with its grants${noUnix ? " (ignored: no Unix sockets here)" : ""}`,
  ignore: noUnix,
  async fn() {
    using project = new Project();
    await using tcp = serveEcho({ port: 0 });
    await recordTo(project.path("recordings/a.jsonl"), { to: `tcp://127.0.0.1:${tcp.addr.port}` }, async (port) => {
      using peer = await RawPeer.connect(port);
      await peer.send("Hey");
      assertEquals(await peer.receive(3), "Hey");
      await peer.end();
      await peer.receiveAll();
    });
    const path = project.path("s");
    const grants = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
    await using _server = await ServerProcess.start("echo", {
      args: ["--unix", path],
      permissions: ["-P=echo-server", ...grants],
    });
    const args = ["replay", "-", "--to", `unix:${path}`];
    const input = Deno.readTextFileSync(project.path("recordings/a.jsonl"));
    const refused = await project.run(args, { input });
    const asked = grants.map((grant) => grant.replace(/^--allow-(read|write).*/, "$&,recordings")).join(" ");
    assert(refused.stderr.includes(`deno run -P=recording ${asked} scripts/tools/recording.ts`), refused.stderr);
    const { code, stdout, stderr } = await project.run(args, { flags: grants, input });
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout, "connection 1: 3 bytes sent, 3 received, as recorded\n");
  },
});

Deno.test("recording test writes tests that pass against the service, and hold the pieces as they were cut", async () => {
  using project = new Project();
  await recordEcho(project.path("recordings/a.jsonl"));
  const text = Deno.readTextFileSync(project.path("recordings/a.jsonl"));
  const { code, stdout, stderr } = await project.run(["test", "-"], { input: text.replace("{", '{"service":"echo",') });
  assertEquals([code, stderr], [0, ""]);
  const file = project.path("echo_test.ts");
  Deno.writeTextFileSync(file, stdout);
  const run = async (check: string) => {
    const args = ["test", "-q", "--no-lock", "--no-prompt", "--allow-net=127.0.0.1", check, "echo_test.ts"];
    const command = new Deno.Command(Deno.execPath(), { args, cwd: project.path("."), env: { NO_COLOR: "1" } });
    const { success, stdout, stderr } = await command.output();
    return { success, text: textOf(stdout) + textOf(stderr) };
  };
  const passed = await run("--check");
  assert(passed.success, passed.text);
  assertMatch(passed.text, /connection 1 up: 2 messages in \d+ pieces \.\.\. ok/);
  assertMatch(passed.text, /connection 2 up: 2 messages in \d+ pieces \.\.\. ok/);
  assertMatch(passed.text, /connection 1 down: 2 messages in \d+ pieces \.\.\. ok/);
  assertMatch(passed.text, /the server answers as recorded \.\.\. ok/);
  // A message that the decoder does not find.
  Deno.writeTextFileSync(file, stdout.replaceAll('"Hello"', '"Hell"'));
  const failed = await run("--no-check");
  assertEquals(failed.success, false);
  assertMatch(failed.text, /connection 2 up: 2 messages in \d+ pieces \.\.\. FAILED/);
});

Deno.test("recording page writes one file with the recording in it", async () => {
  using project = new Project();
  project.write("recordings/a.jsonl", {}, [{ t: 0, k: "open", c: 1, peer: "</script><img onerror=alert(1)>" }]);
  assertEquals(await project.run(["page", "recordings/a.jsonl", "-o", "recordings/a.html"]), {
    code: 0,
    stdout: "",
    stderr: "",
  });
  const page = Deno.readTextFileSync(project.path("recordings/a.html"));
  assertMatch(page, /^<!doctype html>/i);
  assert(!page.includes("<img onerror"), "markup of a peer");
});

Deno.test("recording uses what is whole of a recording that is cut off, and says where", async () => {
  using project = new Project();
  const lines = [HEADER, { t: 0, k: "open", c: 1, peer: "127.0.0.1:50001" }, {
    t: 1,
    k: "close",
    c: 1,
    reason: "reset",
  }];
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  const { code, stdout, stderr } = await project.run(["show", "-"], { input: text.slice(0, -5) });
  assertEquals(code, 0);
  assertMatch(stderr, /^recording: standard input: line 3 is cut off; .*\n$/);
  assertMatch(stdout, /connection 1 from 127\.0\.0\.1:50001, 0\.000 to open at the end\n/);
});

Deno.test("recording: whatever a recording holds stays data in what is made of it", async () => {
  using project = new Project();
  const evil = '\x1b[2J"`${Deno.exit(7)}`\n*/}); os.exit(7) --<script>';
  const header = {
    listen: "tcp://127.0.0.1:9000",
    service: evil,
    framing: `delimited:${evil}`,
    began: evil,
    faults: { [evil]: evil },
  };
  const [c, w] = [1, "up"] as const;
  project.write("recordings/a.jsonl", header, [
    { t: 0, k: "open", c, peer: evil, source: evil },
    { t: 1, k: "in", c, w, at: 0, d: btoa(evil + evil) },
    { t: 2, k: "out", c, w, at: 0, n: 2 * evil.length },
    { t: 3, k: "fault", c, w, at: 0, kind: "reset", where: evil },
    { t: 4, k: "set", faults: { [evil]: evil } },
    { t: 5, k: "close", c, reason: evil },
  ]);
  const made = await Promise.all(
    ["show", "test", "dissector", "pcapng", "page"].map((command) =>
      project.run([command, "recordings/a.jsonl", ...command === "pcapng" ? ["-o", "recordings/a.pcapng"] : []])
    ),
  );
  for (const { code, stdout, stderr } of made) {
    assertEquals([code, stderr], [0, ""]);
    assert(!stdout.includes("\x1b"));
  }
  const [show, test, , , page] = made.map(({ stdout }) => stdout);
  assert(!show!.split("\n").some((line) => line.startsWith("*/")));
  assert(!page!.includes("--<script>"));
  Deno.writeTextFileSync(project.path("evil_test.ts"), test!);
  const args = ["test", "-q", "--no-lock", "--no-prompt", "--no-check", "evil_test.ts", "--filter", "up:"];
  const ran = await new Deno.Command(Deno.execPath(), { args, cwd: project.path("."), env: { NO_COLOR: "1" } })
    .output();
  assertMatch(textOf(ran.stdout), /connection 1 up: 2 messages in 1 piece \.\.\. ok/, textOf(ran.stderr));
});

Deno.test("recording says that a framing does not exist, and goes on without", async () => {
  using project = new Project();
  project.write("recordings/a.jsonl", { framing: "mine" }, []);
  const { code, stdout, stderr } = await project.run(["show", "recordings/a.jsonl"]);
  assertEquals(code, 0);
  assertMatch(stdout, /framing none\n/);
  assertMatch(
    stderr,
    /^recording: recordings\/a\.jsonl names a framing that does not exist, .*got "mine"; see --framing\n$/,
  );
});

Deno.test("recording reads no more of a recording than it has memory for", async () => {
  let closed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield await Promise.resolve(new Uint8Array(30));
    } finally {
      closed = true;
    }
  }
  assertEquals((await Array.fromAsync(upTo(100, endless()))).map(({ length }) => length), [30, 30, 30, 10]);
  assert(closed);
});

Deno.test("recording fails in one line that names what is wrong", async () => {
  using project = new Project();
  project.write("recordings/a.jsonl", {}, []);
  const cases: [args: string[], code: number, message: RegExp, input?: string][] = [
    [
      ["show", "-"],
      1,
      /^standard input is not a recording: line 1: expected a recording of version 1, got version 2$/,
      '{"wirebench":2}',
    ],
    [
      ["show", "-"],
      1,
      /^standard input is not a recording: line 1: expected \{"wirebench":1,\.\.\.\}, got "?GET \/ HTTP\/1\.1"?$/,
      "GET / HTTP/1.1\n",
    ],
    [["show", "recordings/none"], 1, /^There is no recording recordings\/none$/],
    [["show", "recordings"], 1, /^Cannot read recordings: Is a directory$/],
    [
      ["page", "recordings/a.jsonl", "-o", "recordings/a.jsonl/b"],
      1,
      /^Cannot write recordings\/a\.jsonl\/b: Not a directory$/,
    ],
    [
      ["page", "recordings/a.jsonl", "-o", "recordings"],
      2,
      /^--output: expected a file, such as recordings\/a\.jsonl, got/,
    ],
    [
      ["dissector", "heder"],
      2,
      /^"heder" is neither a framing \(header, .*\) nor a file, such as recordings\/a\.jsonl; see/,
    ],
    [
      ["show", "/etc/hostname"],
      1,
      /^The sandbox of recording does not allow \/etc\/hostname; to allow it on purpose: deno run -P=recording --allow-read=\/etc\/hostname,recordings scripts\/tools\/recording\.ts \.\.\.$/,
    ],
    [
      ["pcapng", "recordings/a.jsonl", "-o", "a.pcapng"],
      1,
      /^The sandbox of recording does not allow a\.pcapng; .*--allow-write=a\.pcapng,recordings /,
    ],
    [["replay", "recordings/a.jsonl", "--to", "tcp://192.0.2.1:80"], 0, /^$/],
    [["replay", "recordings/a.jsonl"], 2, /^--to is needed: .*; see deno task recording --help$/],
    [["show"], 2, /^show needs a FILE: .*--help$/],
    [["show", "a", "b"], 2, /^Unexpected argument "b": expected one FILE; see/],
    [
      ["shew", "recordings/a.jsonl"],
      2,
      /^Expected one of show, pcapng, page, test, replay, dissector, got "shew"; see/,
    ],
    [["show", "recordings/a.jsonl", "--framing", "none"], 2, /^--framing: expected one of header, .*, got "none"; see/],
  ];
  await Promise.all(cases.map(async ([args, code, message, input]) => {
    const output = await project.run(args, input === undefined ? {} : { input });
    assertEquals(output.code, code, `${args}: ${output.stderr}`);
    const [line = "", ...more] = output.stderr.split("\n");
    assertMatch(line.replace(/^recording: /, ""), message);
    assertEquals(more.filter((each) => each !== ""), []);
  }));
});

Deno.test("recording replay names the grant for another host, and says when nobody listens", async () => {
  using project = new Project();
  await recordEcho(project.path("recordings/a.jsonl"));
  const away = await project.run(["replay", "recordings/a.jsonl", "--to", "tcp://192.0.2.1:80"]);
  assertEquals(away.code, 1);
  assertMatch(
    away.stderr,
    /^recording: The sandbox of recording does not allow 192\.0\.2\.1:80; .*--allow-net=192\.0\.2\.1:80 /,
  );
  const silent = await project.run(["replay", "recordings/a.jsonl", "--to", "tcp://127.0.0.1:1"]);
  assertEquals([silent.code, silent.stderr], [
    1,
    "recording: Nobody listens at tcp://127.0.0.1:1: start the server, or check --to\n",
  ]);
});
