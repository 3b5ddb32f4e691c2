import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXCHANGES } from "../../scripts/tools/demo/exchanges.ts";
import { parseRecording } from "../../lib/record/parse.ts";
import { fakeServer, hasProgram, RawPeer, runClient, temporaryFolder, textOf, until, within } from "../harness.ts";
import { Events, runSee, See } from "./_see.ts";

/** Sends a request as it is, and returns the status. */
async function status(port: number, head: string, body = ""): Promise<number> {
  using peer = await RawPeer.connect(port);
  await peer.send(`${head.replaceAll("\n", "\r\n")}\r\n\r\n${body}`);
  return Number((await peer.receive("HTTP/1.1 200".length)).slice(-3));
}

Deno.test("see: the page is at the printed address alone, on loopback: another Host gets 421, another token 404", async () => {
  await using see = await See.start("echo");
  const { pathname, hostname } = new URL(see.url);
  assertEquals(hostname, "127.0.0.1");
  assertMatch(pathname, /^\/[0-9a-f]{32}\/$/);
  const port = see.pagePort;
  const host = `Host: 127.0.0.1:${port}`;
  assertEquals(await status(port, `GET ${pathname} HTTP/1.1\n${host}`), 200);
  for (const other of [`127.0.0.1:${port + 1}`, "127.0.0.1", `localhost:${port}`, `evil.test:${port}`, `evil.test`]) {
    assertEquals(await status(port, `GET ${pathname} HTTP/1.1\nHost: ${other}`), 421, other);
  }
  const wrong = pathname.replace(/\w/, (digit) => digit === "0" ? "1" : "0");
  for (const path of ["/", "/events", wrong, `${wrong}events`, pathname.slice(0, -1), `/x${pathname}`, "//", "/%00"]) {
    assertEquals(await status(port, `GET ${path} HTTP/1.1\n${host}`), 404, path);
  }
  for (const path of ["x", "../see.ts", "app/../../deno.json", "%2e%2e/deno.json", "control/"]) {
    const code = await status(port, `GET ${pathname}${path} HTTP/1.1\n${host}`);
    assertEquals(code, 404, path);
  }
  await using again = await See.start("echo");
  assert(new URL(again.url).pathname !== pathname);
});

Deno.test("see: answers pages of no other site, sets no cookie, and lets nothing run but its own files", async () => {
  await using see = await See.start("echo");
  for (const path of ["events", "recording", "session.html"]) {
    for (const site of ["cross-site", "same-site"]) {
      const response = await fetch(see.url + path, { headers: { "sec-fetch-site": site } });
      assertEquals([response.status, await response.text()], [403, "expected a request of the page\n"]);
    }
  }
  for (const path of ["", "recording", "nothing"]) {
    const { headers, body } = await fetch(see.url + path);
    await body?.cancel();
    const policy = headers.get("content-security-policy")!.split("; ");
    assertEquals(policy[0], "default-src 'none'");
    assert(policy.includes("frame-ancestors 'none'"));
    assert(!policy.join().includes("unsafe"));
    assertEquals(headers.get("set-cookie"), null);
    assertEquals(headers.get("access-control-allow-origin"), null);
    assertEquals(headers.get("cross-origin-resource-policy"), "same-origin");
    assertEquals(headers.get("x-content-type-options"), "nosniff");
    assertEquals(headers.get("referrer-policy"), "no-referrer");
    assertMatch(headers.get("cache-control")!, /^no-store/);
  }
});

Deno.test("see: switches nothing unless the page asks, in JSON, and says what it expected", async () => {
  await using see = await See.start("echo");
  const { origin, pathname } = new URL(see.url);
  const port = see.pagePort;
  const json = "Content-Type: application/json";
  const body = JSON.stringify({ do: "faults", faults: {} });
  const post = (headers: string, length: number | string = body.length) =>
    status(
      port,
      `POST ${pathname}control HTTP/1.1\nHost: 127.0.0.1:${port}\nContent-Length: ${length}\n${headers}`,
      body,
    );
  assertEquals(await post(`Origin: ${origin}\n${json}`), 200);
  assertEquals(await post(json), 403);
  assertEquals(await post(`Origin: null\n${json}`), 403);
  assertEquals(await post(`Origin: http://evil.test\n${json}`), 403);
  assertEquals(await post(`Origin: ${origin}\nSec-Fetch-Site: same-site\n${json}`), 403);
  assertEquals(await post(`Origin: ${origin}\nContent-Type: text/plain`), 415);
  assertEquals(await post(`Origin: ${origin}\n${json}`, 1_000_000), 413);
  assertEquals(await status(port, `GET ${pathname}control HTTP/1.1\nHost: 127.0.0.1:${port}`), 405);
  assertEquals(await status(port, `OPTIONS ${pathname}events HTTP/1.1\nHost: 127.0.0.1:${port}`), 405);

  const errors: [Record<string, unknown>, string][] = [
    [{}, 'Expected do to be faults, pause, resume, exchange, step, end, reset, got "undefined"'],
    [{ do: "faults" }, "Expected faults to be faults by their names, got undefined"],
    [{ do: "faults", faults: { nothing: 1 } }, 'Unknown fault "nothing"'],
    [{ do: "faults", faults: { "--to": "x" } }, 'Unknown fault "--to"'],
    [{ do: "faults", faults: { cut: "0" } }, '--cut: expected N or N-M, integers of 1 or more, got "0"'],
    [{ do: "faults", faults: { lose: 10 } }, "Cannot use lose here: it is for datagrams"],
    [
      { do: "step", connection: "1", way: "up", unit: "byte" },
      'Expected connection to be the number of a connection, got "1"',
    ],
    [{ do: "end", connection: 1, way: "sideways" }, 'Expected way to be up or down, got "sideways"'],
  ];
  for (const [control, error] of errors) assertEquals(await see.control(control), { status: 400, error });
  const malformed = await fetch(`${see.url}control`, {
    method: "POST",
    headers: { origin, "content-type": "application/json" },
    body: "{",
  });
  assertEquals(malformed.status, 400);
  await malformed.body?.cancel();
});

Deno.test("see: shows what passes, what is switched, and continues where a page left off", async () => {
  await using see = await See.start("echo", "--cut", "3", "--seed", "7");
  await using page = await Events.open(see);
  await page.until(({ state }) => state !== undefined, "the state");
  assertEquals(page.state!.faults, { cut: [3, 3] });
  assertEquals([page.state!.seed, page.state!.service, page.state!.paused, page.state!.exchange], [
    7,
    "echo",
    false,
    true,
  ]);
  assertEquals(page.state!.command, see.client);
  assertEquals(page.state!.header.wirebench, 1);

  assertEquals(await runClient("echo", ["--port", String(see.port)]), {
    code: 0,
    stdout: "Hello, world\n",
    stderr: "",
  });
  await page.until(({ events }) => events.some(({ k }) => k === "close"), "the close");
  assertEquals([page.total("in", "up"), page.total("out", "up"), page.total("out", "down")], [12, 12, 12]);
  assertEquals(
    page.events.filter((event) => event.k === "out" && event.w === "up").map((event) => (event as { n: number }).n),
    [3, 3, 3, 3],
  );

  assertEquals(
    await see.control({ do: "faults", faults: { cut: "12", "stop-after": null } }),
    { status: 200, ok: true } as never,
  );
  await page.until(({ state }) => JSON.stringify(state!.faults) === '{"cut":[12,12]}', "the faults");
  await page.until(({ events }) => events.some(({ k }) => k === "set"), "the switch");

  await using later = await Events.open(see, page.id);
  assertEquals(await runClient("echo", ["--port", String(see.port)]), {
    code: 0,
    stdout: "Hello, world\n",
    stderr: "",
  });
  await later.until(({ events }) => events.some(({ k }) => k === "close"), "the close");
  assertEquals(later.events.filter((event) => "c" in event && event.c !== 2), []);
  assertEquals(later.events.filter((event) => event.k === "out").map((event) => event.n), [12, 12]);
});

Deno.test("see: pauses, lets a byte, a piece or a message through, ends a side and resets", async () => {
  await using see = await See.start("delimited", "--cut", "2");
  await using page = await Events.open(see);
  assertEquals((await see.control({ do: "pause" })).status, 200);
  await page.until(({ state }) => state?.paused === true, "the pause");
  using peer = await RawPeer.connect(see.port);
  await peer.send("one\ntwo\n");
  await page.until((page) => page.total("in", "up") === 8, "the bytes");
  assertEquals(page.total("out", "up"), 0);
  let passed = 0;
  for (const [unit, total] of [["byte", 1], ["piece", 2], ["message", 4]] as const) {
    assertEquals(await see.control({ do: "step", connection: 1, way: "up", unit }), { status: 200, ok: true } as never);
    await page.until((page) => page.total("out", "up") === total, `${unit} from ${passed}`);
    passed = total;
  }
  assertEquals((await see.control({ do: "resume" })).status, 200);
  assertEquals(await peer.receive(8), "one\ntwo\n");
  assertEquals((await see.control({ do: "end", connection: 1, way: "down" })).status, 200);
  assertEquals(await peer.receiveAll(), "");
  await page.until(({ events }) => events.some((event) => event.k === "fault" && event.kind === "end"), "the end");
  using other = await RawPeer.connect(see.port);
  await page.until(({ events }) => events.filter(({ k }) => k === "open").length === 2, "the second connection");
  assertEquals((await see.control({ do: "reset", connection: 2 })).status, 200);
  await page.until(({ events }) => events.some((event) => event.k === "close" && event.c === 2), "the reset");
  assertEquals(await other.receiveAll(), "");
  assertEquals((await see.control({ do: "reset", connection: 99 })).status, 400);
});

Deno.test("see: runs the exchange of every service through its faults, one at a time", async () => {
  for (const { service } of EXCHANGES) {
    await using see = await See.start(service);
    assertStringIncludes(see.client, `deno task ${service}:client --port ${see.port}`);
    await using page = await Events.open(see);
    assertEquals(await see.control({ do: "exchange" }), { status: 200, ok: true } as never, service);
    assertEquals((await see.control({ do: "exchange" })).error, "An exchange is running");
    await page.until(({ state }) => state?.running === false && state.outcome !== undefined, `the end of ${service}`);
    assertEquals([service, page.state!.outcome], [service, "right"]);
    assert(page.events.length > 4, service);
  }
});

Deno.test("see: traffic does not wait for 20 pages, nor for one that stalls, which learns what it missed", async () => {
  // The target drops what it gets, and says how much it was at the end.
  await using target = fakeServer(async (peer) => {
    const buffer = new Uint8Array(65_536);
    let total = 0;
    for (let count; (count = await peer.socket.read(buffer)) !== null;) total += count;
    await peer.send(String(total));
  });
  await using see = await See.start("--listen", "tcp://127.0.0.1:0", "--to", `tcp://127.0.0.1:${target.port}`);
  const pages: Events[] = [];
  await using stack = new AsyncDisposableStack();
  for (let at = 0; at < 20; at++) pages.push(stack.use(await Events.open(see)));
  // A page that asks and never reads.
  using stalled = await RawPeer.connect(see.pagePort);
  const { pathname, host } = new URL(see.url);
  await stalled.send(`GET ${pathname}events HTTP/1.1\r\nHost: ${host}\r\n\r\n`);

  using peer = await RawPeer.connect(see.port);
  const sent = 64 * 1024 * 1024;
  const chunk = new Uint8Array(1024 * 1024);
  for (let at = 0; at < sent; at += chunk.length) await within(peer.send(chunk), `${sent} bytes to pass`);
  await peer.end();
  assertEquals(await peer.receiveAll(), String(sent));

  for (const page of pages) {
    await page.until(({ events }) => events.some(({ k }) => k === "close"), "the close");
    const skipped = page.events.reduce((sum, event) => sum + (event.k === "skip" ? event.n : 0), 0);
    assert(skipped > 0 || page.total("in", "up") === sent);
  }
  // 8 MiB are kept, so the page that reads at last has missed most of it.
  let text = "";
  const buffer = new Uint8Array(1024 * 1024);
  while (!text.includes('"k":"close"')) {
    const count = await within(stalled.socket.read(buffer), "the rest of the stalled page");
    text += textOf(buffer.subarray(0, count!));
  }
  assertMatch(text, /\{"k":"skip","n":\d+\}/);
});

Deno.test("see: takes a scene from the address of a page, or two programs of the user", async () => {
  await using scene = await See.start(
    "http://127.0.0.1:1/0/?service=fixed&delay=0.001&stop-after=100&seed=7#x",
    "--cut",
    "9",
  );
  assertMatch(scene.client, /^deno task fixed:client --port \d+ --length 24$/);
  await using page = await Events.open(scene);
  await page.until(({ state }) => state !== undefined, "the state");
  const { faults, seed, service, header } = page.state!;
  assertEquals(faults, { delay: [1, 1], stopAfter: [100, 100], cut: [9, 9], framing: "fixed:24" });
  assertEquals([seed, service, header.framing], [7, "fixed", "fixed:24"]);

  await using plain = await See.start("?service=chat");
  await using shown = await Events.open(plain);
  await shown.until(({ state }) => state !== undefined, "the state");
  assertEquals(shown.state!.faults, { framing: "header" });

  await using target = fakeServer(async (peer) => {
    await peer.send("hello\n");
    await peer.receiveAll();
  });
  const to = `tcp://127.0.0.1:${target.port}`;
  await using own = await See.start("--listen", "tcp://127.0.0.1:0", "--to", to, "--framing", "lines");
  assertMatch(own.client, /^Connect to tcp:\/\/127\.0\.0\.1:\d+$/);
  await using client = await RawPeer.connect(own.port);
  assertEquals(await client.receive(6), "hello\n");
  await using events = await Events.open(own);
  await events.until((page) => page.total("out", "down") === 6, "the line");
  assertEquals([events.state!.header.framing, events.state!.exchange, events.state!.command], [
    "lines",
    false,
    undefined,
  ]);
  assertEquals((await own.control({ do: "exchange" })).error, "There is no exchange to run");
});

Deno.test("see: says in one line what is wrong with its arguments", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using _listener = listener;
  const { port } = listener.addr;
  const at = ["--listen", "tcp://127.0.0.1:0"];
  const wrong: [args: string[], code: number, stderr: RegExp][] = [
    [["nothing"], 2, /^see: Unknown service "nothing": expected one of echo, /],
    [["?service=../chat"], 2, /^see: Unknown service "..\/chat"/],
    [["?service=chat&record=x"], 2, /^see: Unknown fault "record"; see deno task see --help$/],
    [["?service=chat&cut=0"], 2, /^see: --cut: expected N or N-M, integers of 1 or more, got "0"/],
    [["chat", "--lose", "10"], 2, /^see: Cannot use lose here: it is for datagrams/],
    [["chat", "--framing", "x"], 2, /^see: --framing: /],
    [["chat", ...at, "--to", "tcp://127.0.0.1:1"], 2, /^see: Expected a service or --to, got chat and --to/],
    [["--to", "tcp://127.0.0.1:1"], 2, /^see: --listen is needed with --to/],
    [[...at, "--to", "udp://127.0.0.1:1"], 2, /^see: Cannot forward tcp to udp/],
    [["chat", "--page-port", String(port)], 1, /^see: 127.0.0.1:\d+ is in use: .* or choose another --page-port/],
    [["chat", "--listen", `tcp://127.0.0.1:${port}`], 1, /^see: tcp:\/\/127.0.0.1:\d+ is in use: .* another --listen/],
    [
      ["chat", "--listen", "tcp://0.0.0.0:0"],
      1,
      /^see: The sandbox of see does not allow .*: deno run -P=see --allow-net/,
    ],
    [
      ["chat", "--record", "/x.jsonl"],
      1,
      /^see: The sandbox of see does not allow \/x.jsonl.*deno run -P=see --allow-write/,
    ],
  ];
  await Promise.all(wrong.map(async ([args, expected, pattern]) => {
    const { code, stderr } = await runSee(...args);
    assertEquals(code, expected, stderr);
    assertMatch(stderr.trim(), pattern);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  }));
});

Deno.test("see: --record writes what the pages show, and ends the file with it", async () => {
  using folder = temporaryFolder();
  const path = `${folder.path}/new/a.jsonl`;
  let shown: unknown[];
  {
    await using see = await See.start("echo", "--cut", "5", "--record", path, `--allow-write=${folder.path}`);
    await using page = await Events.open(see);
    await runClient("echo", ["--port", String(see.port)]);
    await page.until(({ events }) => events.some(({ k }) => k === "close"), "the close");
    shown = page.events;
  }
  const { header, events, problem } = parseRecording(Deno.readTextFileSync(path));
  assertEquals([problem, header?.service], [undefined, "echo"]);
  assertEquals(events, shown);
});

const hasPgrep = hasProgram("pgrep", "-V");

Deno.test({
  name: "see: ends when its service ends, and as asked if a signal ends both" +
    (hasPgrep ? "" : " (ignored: no pgrep here)"),
  ignore: !hasPgrep,
  async fn() {
    for (const [asked, expected] of [[true, 0], [false, 1]] as const) {
      await using see = await See.start("chat");
      // A client that waits for a message must not delay the end.
      assertEquals((await see.control({ do: "exchange" })).status, 200);
      const { stdout } = await new Deno.Command("pgrep", { args: ["-P", String(see.pid), "-f", "server.ts"] }).output();
      // As Ctrl-C does: the service first.
      Deno.kill(Number(textOf(stdout)), "SIGINT");
      if (asked) see.signal("SIGINT");
      const { code } = await within(see.process.status, "the end");
      see.code = code;
      assertEquals([asked, code], [asked, expected], await see.stderr);
    }
  },
});

Deno.test("see: its service ends with it, even if it is killed", async () => {
  for (const service of ["chat", "uppercase"]) {
    await using see = await See.start(service);
    const { to } = await (async () => {
      await using events = await Events.open(see);
      await events.until(({ state }) => state !== undefined, "the state");
      return events.state!.header;
    })();
    const port = Number(to.split(":").at(-1));
    see.signal("SIGKILL");
    see.code = (await see.process.status).code;
    const isFree = () => {
      try {
        const options = { hostname: "127.0.0.1", port };
        if (service === "chat") Deno.listen(options).close();
        else Deno.listenDatagram({ transport: "udp", ...options }).close();
        return true;
      } catch (error) {
        if (error instanceof Deno.errors.AddrInUse) return false;
        throw error;
      }
    };
    await until(isFree, `the end of ${service}`);
  }
});

Deno.test("see: ends at a signal while a client of its exchange waits", async () => {
  await using see = await See.start("uppercase", "--lose", "100");
  await using page = await Events.open(see);
  assertEquals((await see.control({ do: "exchange" })).status, 200);
  await page.until(({ events }) => events.some((event) => event.k === "fault" && event.kind === "lost"), "the loss");
});

Deno.test("see: ends at a signal while a page stalls in the middle of a response or of a request", async () => {
  using pages = new DisposableStack();
  await using target = fakeServer((peer) => peer.receiveAll());
  await using see = await See.start("--listen", "tcp://127.0.0.1:0", "--to", `tcp://127.0.0.1:${target.port}`);
  using peer = await RawPeer.connect(see.port);
  for (let mebibytes = 0; mebibytes < 16; mebibytes++) await peer.send(new Uint8Array(1024 * 1024));
  const { pathname, host, origin } = new URL(see.url);
  const requests = [
    `GET ${pathname}recording HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
    `POST ${pathname}control HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\nContent-Type: application/json\r\n` +
    "Content-Length: 9\r\n\r\n{",
  ];
  for (const request of requests) {
    const page = pages.use(await RawPeer.connect(see.pagePort));
    await page.send(request);
    if (request.startsWith("GET")) assertEquals(await page.receive(4), "HTTP");
  }
});
