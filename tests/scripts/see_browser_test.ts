import { assert, assertEquals } from "@std/assert";
import { parseRecording } from "../../lib/record/parse.ts";
import { browserTest, type Chromium, type Page } from "../browser.ts";
import { bytes, fakeServer, headed, RawPeer, ServerProcess, temporaryFolder, textOf } from "../harness.ts";
import { Events, See } from "./_see.ts";

const shows = (selector: string, text: string) =>
  `document.querySelector(${JSON.stringify(selector)}).textContent.includes(${JSON.stringify(text)})`;

/** Saves the recording by its key, and returns it once the browser has written all of the file. */
async function save(browser: Chromium, page: Page, name: string): Promise<string> {
  using folder = temporaryFolder();
  const downloaded = browser.event("Browser.downloadProgress", ({ state }) => state === "completed");
  const options = { behavior: "allow", downloadPath: folder.path, eventsEnabled: true };
  await browser.send("Browser.setDownloadBehavior", options);
  await page.press("s");
  await downloaded;
  return Deno.readTextFileSync(`${folder.path}/${name}`);
}

browserTest(
  "see in Chromium: a message cut in its header, a switched fault, a step, and the recording saved",
  async (browser) => {
    await using see = await See.start("chat", "--cut", "4", "--seed", "7");
    await using events = await Events.open(see);
    const page = await browser.open(see.url);
    await page.until(shows("#hint", see.client));
    assertEquals(await page.evaluate("location.search"), "?service=chat&cut=4&framing=header&seed=7");
    await page.click("#exchange");
    await events.until(({ state }) => state?.outcome === "right", "the exchange");
    await page.until("!document.querySelector('#exchange').disabled");

    // The first piece of the first client is a part of a header.
    await page.press("ArrowUp");
    await page.press("ArrowUp");
    await page.until("document.querySelector('#lane-up .tally').textContent.match(/^[2-9] messages in/)");
    await page.press("Home");
    await page.until(shows("#detail", "Start of header 1"));
    await page.until(shows("#detail", "4 of 10 header bytes of message 1"));
    await page.press("ArrowRight");
    await page.press("ArrowRight");
    await page.until(shows("#detail", "2 of 3 payload bytes of message 1"));

    // A fault, switched by its check box, applies to the connections that follow and is in the recording.
    await page.click("#fault-delay");
    await page.until("document.querySelector('[name=delay][type=text]').value === '2-20'");
    await page.until("location.search === '?service=chat&cut=4&delay=0.002-0.02&framing=header&seed=7'");
    await page.click("#fault-delay");
    await events.until(({ events }) => events.filter(({ k }) => k === "set").length === 2, "both switches");

    await page.evaluate("document.activeElement.blur()");
    await page.press(" ");
    await events.until(({ state }) => state?.paused === true, "the pause");
    using client = await RawPeer.connect(see.port);
    await client.send(headed("carol"));
    await page.press("End");
    await page.until("document.querySelector('#connections li:nth-child(3) button[aria-current=true]') !== null");
    await page.until(shows("#lane-up .tally", "1 message"));
    for (const [key, passed] of [["b", 1], ["p", 4], ["m", 15]] as const) {
      await page.press(key);
      const last = () => events.events.filter((event) => event.k === "out" && "c" in event && event.w === "up").at(-1);
      await events.until(() => {
        const out = last();
        return out?.k === "out" && out.at + out.n === passed;
      }, `${passed} bytes`);
    }
    await page.until(shows("#detail", "Piece"));

    const { header, events: saved, problem } = parseRecording(await save(browser, page, "wirebench-chat.jsonl"));
    assertEquals([problem, header?.service, header?.framing, header?.seed], [undefined, "chat", "header", 7]);
    assertEquals(saved, events.events);
    for (const kind of ["open", "in", "out", "end", "close", "set", "pause", "step"]) {
      assert(saved.some(({ k }) => k === kind), kind);
    }
    assertEquals(page.console, []);
    assertEquals(page.responses.filter(({ status }) => status !== 200), []);
  },
);

/** Another site: the origin of a page in the same browser. */
function otherSite(): Deno.HttpServer<Deno.NetAddr> {
  const headers = { "content-type": "text/html" };
  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("<!doctype html><title>another site</title>", { headers }),
  );
}

/** Attempts of another site's page to reach `URL`. Each calls `ended` with what came of it. */
const ATTEMPTS: [name: string, script: string, expected: string | undefined][] = [
  ...["", "events", "recording", "session.html", "app/main.js", "nothing"].map((path) =>
    [`fetch ${path}`, `fetch("URL${path}").then(ended("read"), ended("refused"))`, "refused"] as [
      string,
      string,
      string,
    ]
  ),
  ...["application/json", "text/plain", "application/x-www-form-urlencoded"].map((type) =>
    [
      `post ${type}`,
      `fetch("URLcontrol", { method: "POST", body: BODY, headers: { "content-type": "${type}" } })
        .then(ended("read"), ended("refused"))`,
      "refused",
    ] as [string, string, string]
  ),
  ["a blind post", `fetch("URLcontrol", { method: "POST", body: BODY, mode: "no-cors" }).finally(ended())`, undefined],
  ["a beacon", `navigator.sendBeacon("URLcontrol", BODY); ended()()`, undefined],
  [
    "a form",
    `const form = add("form", { method: "post", action: "URLcontrol", enctype: "text/plain", target: "frame" });
      add("iframe", { name: "frame", onload: ended() });
      form.append(Object.assign(document.createElement("input"), { name: BODY.slice(0, -1) + ',"x":"', value: '"}' }));
      form.submit()`,
    undefined,
  ],
  ...["app/main.js", "events", "recording"].map((path) =>
    [`script ${path}`, `add("script", { src: "URL${path}", ...both })`, "refused"] as [string, string, string]
  ),
  ["style", `add("link", { rel: "stylesheet", href: "URLstyle.css", ...both })`, "refused"],
  [
    "events",
    `Object.assign(new EventSource("URLevents"), { onopen: ended("read"), onerror: ended("refused") })`,
    "refused",
  ],
  ["a frame", `add("iframe", { src: "URL", onload: ended() })`, undefined],
];

browserTest(
  "see in Chromium: a page of another site reads nothing and switches nothing, though it has the token",
  async (browser) => {
    await using see = await See.start("echo", "--cut", "4");
    await using events = await Events.open(see);
    await using other = otherSite();
    for (const site of [`http://127.0.0.1:${other.addr.port}`, `http://evil.test:${other.addr.port}`]) {
      const page = await browser.open(site);
      for (const [name, script, expected] of ATTEMPTS) {
        const outcome = await page.evaluate(`new Promise((resolve) => {
        const BODY = '{"do":"faults","faults":{}}';
        const ended = (how) => () => resolve(how);
        const both = { onload: ended("loaded"), onerror: ended("refused") };
        const add = (name, properties) => {
          const element = Object.assign(document.createElement(name), properties);
          document.body.append(element);
          return element;
        };
        ${script.replaceAll("URL", see.url)};
      })`);
        if (expected !== undefined) assertEquals([name, outcome], [name, expected]);
      }
      assert(page.console.some((line) => line.includes("frame-ancestors")), page.console.join("\n"));
      await page.close();
    }
    // Whatever arrived would have arrived before this.
    assertEquals((await see.control({ do: "pause" })).status, 200);
    await events.until(({ events }) => events.some(({ k }) => k === "pause"), "the pause");
    assertEquals(events.events.map(({ k }) => k), ["pause"]);
    assertEquals(events.state?.faults, { cut: [4, 4] });
  },
);

browserTest(
  "see in Chromium: another name of this machine gets 421, another token 404, and neither gets a byte",
  async (browser) => {
    await using see = await See.start("echo");
    const { port, pathname, origin } = new URL(see.url);
    for (
      const [url, status, text] of [
        [`http://evil.test:${port}${pathname}`, 421, `expected the host 127.0.0.1:${port}`],
        [`${origin}/`, 404, "expected the address that deno task see printed"],
        [`${origin}/${"0".repeat(32)}/`, 404, "expected the address that deno task see printed"],
      ] as const
    ) {
      const page = await browser.open("about:blank");
      await page.go(url);
      assertEquals([page.responses[0]?.status, await page.evaluate("document.body.innerText.trim()")], [status, text]);
      await page.close();
    }
  },
);

browserTest(
  "see in Chromium: bytes of a peer are text, no inline script runs, and no cookie is set",
  async (browser) => {
    await using target = fakeServer(async (peer) => {
      await peer.send(headed(`<img src=x onerror="document.title='run'"><script>document.title='run'</script>`));
      await peer.receiveAll();
    });
    const to = `tcp://127.0.0.1:${target.port}`;
    await using see = await See.start("--listen", "tcp://127.0.0.1:0", "--to", to, "--framing", "header");
    const page = await browser.open(see.url);
    using _client = await RawPeer.connect(see.port);
    await page.until(shows("#detail", "onerror"));
    await page.press("t");
    await page.until("document.querySelector('#table tbody tr') !== null");
    const title = await page.evaluate("document.title");
    assertEquals(page.console, []);
    assertEquals(await page.evaluate("document.querySelectorAll('img, iframe, script:not([src])').length"), 0);
    for (
      const attempt of [
        `document.body.append(Object.assign(document.createElement("script"), { text: "document.title = 'run'" }))`,
        `document.body.innerHTML = "<img src=x onerror=\\"document.title='run'\\">"`,
        `const link = document.createElement("a"); link.setAttribute("onclick", "document.title = 'run'"); link.click()`,
        `eval("document.title = 'run'")`,
      ]
    ) await page.evaluate(`{ ${attempt} }`).catch(() => {});
    assertEquals(await page.evaluate("document.title"), title);
    assertEquals(page.console.filter((line) => line.endsWith("The action has been blocked.")).length, 4);
    assertEquals(await page.evaluate("document.cookie"), "");
    assertEquals(await browser.send("Storage.getCookies"), { cookies: [] });
  },
);

browserTest(
  "see in Chromium: a hidden page costs nothing, and says what it missed when it is seen again",
  async (browser) => {
    await using target = fakeServer((peer) => peer.receiveAll());
    await using see = await See.start("--listen", "tcp://127.0.0.1:0", "--to", `tcp://127.0.0.1:${target.port}`);
    await using events = await Events.open(see);
    const page = await browser.open(see.url);
    using client = await RawPeer.connect(see.port);
    await client.send("seen");
    await page.until(shows("#detail", "seen"));
    const hide = (hidden: boolean) =>
      page.evaluate(`Object.defineProperty(document, "hidden", { configurable: true, value: ${hidden} });
      document.dispatchEvent(new Event("visibilitychange"))`);
    await hide(true);
    const chunk = new Uint8Array(1024 * 1024);
    for (let mebibytes = 0; mebibytes < 16; mebibytes++) await client.send(chunk);
    await client.end();
    await events.until(({ events }) => events.some(({ k }) => k === "end"), "the end");
    await hide(false);
    await page.until("/[\\d,]+ events missed/.test(document.querySelector('#status').textContent)");
    assertEquals(page.console, []);
  },
);

browserTest(
  "see in Chromium: steps by messages of a framing that was chosen on the page, and a reload switches nothing",
  async (browser) => {
    await using target = fakeServer((peer) => peer.receiveAll());
    await using see = await See.start("--listen", "tcp://127.0.0.1:0", "--to", `tcp://127.0.0.1:${target.port}`);
    await using events = await Events.open(see);
    const page = await browser.open(see.url);
    using client = await RawPeer.connect(see.port);
    await page.until("document.querySelector('#connections li') !== null");
    await page.press("b");
    await events.until(({ events }) => events.some(({ k }) => k === "step"), "a step");
    await client.send("one\ntwo\n");
    await page.until(shows("#detail", "Piece"));
    await page.evaluate(`{
      const select = document.querySelector("#framing");
      select.value = "lines";
      select.dispatchEvent(new Event("change"));
    }`);
    await page.press("m");
    await events.until(() => events.total("out", "up") === 4, "the rest of a line");
    await page.until("document.querySelector('#notice').hidden");

    await page.click("#fault-cut");
    await events.until(({ state }) => state?.faults["cut"] !== undefined, "a switch");
    await page.until("location.search.includes('cut=1-7')");
    const { length } = events.events.filter(({ k }) => k === "set");
    await page.go(await page.evaluate("location.href"));
    await page.until(shows("#status", "paused"));
    await page.press(" ");
    await events.until(({ events }) => events.some(({ k }) => k === "resume"), "the end of the pause");
    assertEquals(events.events.filter(({ k }) => k === "set").length, length);

    // A scene that is opened on the page applies at once, with its seed, and is in the recording.
    await page.go(`${see.url}?cut=3&framing=lines&seed=99`);
    await events.until(({ state }) => state?.seed === 99, "the seed");
    assertEquals(events.state?.faults, { cut: [3, 3], framing: "lines" });
    await events.until(() => events.events.at(-1)?.k === "set", "the switch");
    const last = events.events.at(-1);
    assert(last?.k === "set" && last.seed === 99, JSON.stringify(last));
    await page.until(shows("#fault-note", "seed 99"));
    await page.until("document.querySelector('#notice').hidden");
  },
);

browserTest("see in Chromium: the service answers the same to what the page has saved", async (browser) => {
  await using see = await See.start("objects");
  await using events = await Events.open(see);
  const page = await browser.open(see.url);
  await page.until("!document.querySelector('#exchange').hidden");
  await page.press("e");
  await events.until(({ state }) => state?.outcome === "right", "the exchange");
  await page.until(shows("#status", "live"));
  const recording = await save(browser, page, "wirebench-objects.jsonl");
  for (const [format, expected] of [["pickle", 0], ["json", 1]] as const) {
    await using server = await ServerProcess.start("objects", { args: ["--format", format] });
    const to = `tcp://127.0.0.1:${server.port}`;
    const replay = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-prompt", "-P=recording", "scripts/tools/recording.ts", "replay", "-", "--to", to],
      cwd: new URL("../..", import.meta.url),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stdin = replay.stdin.getWriter();
    await stdin.write(bytes(recording));
    await stdin.close();
    const { code, stdout, stderr } = await replay.output();
    assertEquals(code, expected, textOf(stdout) + textOf(stderr));
  }
});
