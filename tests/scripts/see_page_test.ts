import { assert, assertEquals, assertMatch } from "@std/assert";
import { dirname, join, relative } from "node:path/posix";
import type { RecordedEvent, RecordingHeader } from "../../lib/record/event.ts";
import type { Page } from "../../scripts/shared/chromium.ts";
import { html, pageModules, sessionPage } from "../../scripts/tools/see/page.ts";
import { browserTest } from "../browser.ts";
import { bytes, temporaryFolder } from "../harness.ts";

const root = new URL("../../", import.meta.url).pathname;

Deno.test("see page: has the modules that it imports, and no other", async () => {
  const found = new Set<string>();
  async function follow(path: string): Promise<void> {
    if (found.has(path)) return;
    found.add(path);
    const source = await Deno.readTextFile(path);
    for (const [, names, specifier] of source.matchAll(/^import (type )?[^"]*?"([^"]+)";$/gm)) {
      assertMatch(specifier!, /^\.\.?\//, path);
      if (names === undefined) await follow(join(dirname(path), specifier!));
    }
  }
  await follow(join(root, "scripts/tools/see/page/main.ts"));
  const names = Array.from(found, (path) => relative(root, path).replace(/^.*\//, "").replace(/ts$/, "js"));
  assertEquals([...pageModules().keys()].sort(), names.sort());
  assertEquals(html.match(/src="(.+?)"/)?.[1], "app/main.js");
});

/** A recording of one client, whose bytes are cut into pieces of some length. */
function recordingOf(text: string, length: number, header: Partial<RecordingHeader> = {}): string {
  const first = {
    began: "",
    listen: "tcp://127.0.0.1:9000",
    to: "tcp://127.0.0.1:1234",
    seed: 7,
    faults: { cut: length },
  };
  const data = bytes(text);
  const events: RecordedEvent[] = [
    { t: 0, k: "open", c: 1, peer: "127.0.0.1:5000" },
    { t: 1000, k: "in", c: 1, w: "up", at: 0, d: data.toBase64() },
    { t: 1500, k: "in", c: 1, w: "down", at: 0, d: bytes("2         ok").toBase64() },
  ];
  for (let at = 0; at < data.length; at += length) {
    events.push({ t: 2000 + at * 100, k: "out", c: 1, w: "up", at, n: Math.min(length, data.length - at) });
  }
  events.push({ t: 9_000_000, k: "out", c: 1, w: "down", at: 0, n: 12 });
  const lines = [{ wirebench: 1, ...first, framing: "header", ...header }, ...events];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

/** Registers a test of the page of one file, opened from the disk. */
function pageTest(name: string, recording: string, run: (page: Page) => Promise<void>): void {
  browserTest(name, async (browser) => {
    using folder = temporaryFolder();
    await Deno.writeTextFile(`${folder.path}/session.html`, sessionPage(recording));
    const page = await browser.open(`file://${folder.path}/session.html`);
    await page.until("document.querySelector('#detail h2') !== null");
    await run(page);
  });
}

const shows = (text: string) => `document.querySelector("#detail").textContent.includes(${JSON.stringify(text)})`;

pageTest(
  "see page: one file shows a recording from the disk, and the keyboard reaches everything",
  recordingOf("3         ann6         hello?", 7),
  async (page) => {
    await page.until(shows("1 of 3 payload bytes of message 1") + " === false");
    await page.until(shows("7 of 10 header bytes of message 1"));
    await page.press("ArrowRight");
    await page.until(shows("End of 1, start of 2"));
    await page.until(shows("1 of 10 header bytes of message 2"));
    assertEquals(
      await page.evaluate("document.querySelector('#spoken').textContent"),
      "Piece 2 of 5, 7: end of 1, start of 2. A decoder holds 1 of 10 header bytes of message 2",
    );
    await page.press("ArrowRight", true);
    await page.press("d");
    await page.until(shows("Whole message 1"));
    await page.press("d");
    await page.press("Home");
    await page.press("t");
    const rows =
      "Array.from(document.querySelectorAll('#table tbody tr'), ({ innerText }) => innerText.replaceAll('\\t', '|'))";
    await page.until(`${rows}.length === 5`);
    assertEquals((await page.evaluate<string[]>(rows))[0]?.split("|").slice(3, 4), ["7: start of header 1"]);
    await page.press("t");
    await page.press("?");
    await page.until("document.querySelector('#keys').open");
    await page.press("Escape");
    await page.until("!document.querySelector('#keys').open");
    await page.press("/");
    assertEquals(await page.evaluate("document.activeElement.id"), "framing");
    await page.evaluate("Object.assign(document.activeElement, { value: 'lines' }).dispatchEvent(new Event('change'))");
    await page.until("document.querySelector('#lane-up .tally').textContent.startsWith('0 messages in 5 pieces')");
    assertEquals(page.console, []);
  },
);

const MARKUP = `<img src=x onerror="document.title='run'"></script><script>document.title='run'</script>`;

pageTest(
  "see page: bytes of a peer are never markup, and nothing but the page's own script runs",
  recordingOf(`${String(MARKUP.length).padEnd(10)}${MARKUP}`, 64).replace(
    "127.0.0.1:5000",
    MARKUP.replaceAll('"', '\\"'),
  ),
  async (page) => {
    await page.press("ArrowRight");
    await page.until(shows("onerror"));
    assertEquals(await page.evaluate("document.querySelectorAll('img, iframe').length"), 0);
    assertEquals(await page.evaluate("document.scripts.length"), 2);
    assertEquals(page.console, []);
    await page.evaluate(`document.body.append(Object.assign(document.createElement("a"), { id: "injected" }));
      document.querySelector("#injected").setAttribute("onclick", "document.title = 'run'");
      document.querySelector("#injected").click()`).catch(() => {});
    const refused = await page.evaluate<string>(
      "fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)",
    );
    assertEquals(refused, "TypeError");
    assertEquals(await page.evaluate("document.title"), "See the wire");
    assert(page.console.some((line) => line.includes("Content Security Policy")), page.console.join("\n"));
  },
);

pageTest(
  "see page: a recording that is cut off is shown as far as it is whole",
  recordingOf("3         ann", 5).slice(0, -20),
  async (page) => {
    await page.until(
      "document.querySelector('#notice').textContent.includes('is cut off; whole events before it: 6')",
    );
    await page.until(shows("5 of 10 header bytes of message 1"));
  },
);

pageTest(
  "see page: shows a recording whose framing does not exist without messages, and says so",
  recordingOf("3         ann", 5, { framing: "nothing" }),
  async (page) => {
    await page.until("document.querySelector('#notice').textContent.includes('Framing: expected one of')");
    await page.until("document.querySelector('#lane-up .tally').textContent.startsWith('1 write in 3 pieces')");
    assertEquals(page.console, []);
  },
);

pageTest(
  "see page: draws the visible part of 30,000 pieces alone",
  recordingOf("5         hello".repeat(4000), 2),
  async (page) => {
    assertEquals(await page.evaluate("document.querySelectorAll('canvas').length"), 3);
    const frame = "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))";
    const began = performance.now();
    for (let screen = 0; screen < 20; screen++) {
      await page.evaluate(`document.querySelector("#lane-up .scroll").scrollTop += 30000; ${frame}`);
    }
    // 40 frames take less than a second; drawing all pieces would take a minute.
    assert(performance.now() - began < 15_000);
    await page.press("End");
    await page.press("d");
    await page.until(shows("Piece 30,000 of 30,000"));
  },
);

/** A click at a place of the canvas of a direction. */
async function clickIn(page: Page, lane: string, right: number, down: number): Promise<void> {
  const [x, y] = await page.evaluate<[number, number]>(`(() => {
    const { right, top } = document.querySelector("${lane} canvas").getBoundingClientRect();
    return [right - ${right}, top + ${down}];
  })()`);
  for (const type of ["mousePressed", "mouseReleased"]) {
    await page.send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
  }
}

pageTest(
  "see page: the bytes of the newest piece are in view, also if pieces were shorter before",
  recordingOf(lengthened(), 9).split("\n").filter((line) => !line.includes('"k":"out","c":1,"w":"up"')).join("\n") +
    Array.from({ length: 120 }, (_, index) => {
      const [at, n] = index < 60 ? [index * 9, 9] : [540 + (index - 60) * 90, 90];
      return `{"t":${10_000_000 + index},"k":"out","c":1,"w":"up","at":${at},"n":${n}}\n`;
    }).join(""),
  async (page) => {
    await page.press("End");
    await page.until(shows("Piece 120 of 120"));
    // The messages are drawn 45 pixels below the top, and words take 168 pixels at the right.
    await clickIn(page, "#lane-up", 168 + 20, 45);
    await page.until(shows("Piece 120 of 120"));
    assertEquals(await page.evaluate("document.querySelector('#follow').hidden"), true);
    await clickIn(page, "#lane-up", 168 + 500, 45);
    await page.until("!document.querySelector('#detail').textContent.includes('Piece 120 of 120')");
  },
);

/** As many bytes as 60 pieces of 9 bytes and 60 of 90. */
function lengthened(): string {
  return `${String(60 * 99 - 10).padEnd(10)}${"x".repeat(60 * 99 - 10)}`;
}

pageTest(
  "see page: shows a piece rather than the end of a direction without bytes, and the framing with its arguments",
  recordingOf("0123456789abcdef", 5, { framing: "fixed:16" }).replace(/^.*"w":"down".*\n/gm, "") +
    '{"t":9000000,"k":"end","c":1,"w":"down","at":0}\n',
  async (page) => {
    await page.press("End");
    await page.until(shows("Piece 4 of 4, client"));
    assertEquals(await page.evaluate("document.querySelector('#framing').value"), "fixed:16");
    assertEquals(await page.evaluate("document.querySelector('#framing-text').hidden"), true);
  },
);

pageTest(
  "see page: in a narrow window, or at 200 %, everything can be reached without scrolling sideways",
  recordingOf("3         ann6         hello?", 7),
  async (page) => {
    for (const [width, height] of [[380, 700], [700, 430], [1024, 600], [1400, 500]] as const) {
      await page.look({ width, height });
      await page.until(`document.documentElement.clientWidth === ${width}`);
      const beyond = await page.evaluate<string[]>(`(async () => {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        return [...document.querySelectorAll("button, select, input, canvas, h2, .tally")]
          .filter((each) => each.checkVisibility() && !each.closest("dialog"))
          .filter((each) => {
            const { left, right } = each.getBoundingClientRect();
            return left < 0 || right > ${width} + 1;
          }).map((each) => each.id || each.outerHTML.slice(0, 80));
      })()`);
      assertEquals(beyond, [], `${width} by ${height}`);
      await page.click("#fault-direction");
      const [top, bottom] = await page.evaluate<[number, number]>(`(() => {
        const { top, bottom } = document.querySelector("#fault-direction").getBoundingClientRect();
        return [top, bottom];
      })()`);
      assert(top >= 0 && bottom <= height, `the last fault is at ${top} to ${bottom} of ${height}`);
      const lane = await page.evaluate<number>("document.querySelector('#lane-down canvas').clientHeight");
      assert(lane >= 150, `a direction is ${lane} pixels high in ${width} by ${height}`);
    }
  },
);
