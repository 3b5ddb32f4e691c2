/**
 * Makes the picture in README.md from the real page: docs/see.png. It needs Chromium.
 *
 * @module
 */

import { CommandError } from "../../lib/cli/mod.ts";
import { runTask } from "../../lib/launch/mod.ts";
import { task } from "../../lib/launch/task.ts";
import { ChildProcess } from "../shared/child_process.ts";
import { Chromium, findChromium } from "../shared/chromium.ts";
import { within } from "../shared/within.ts";

const PICTURE = "docs/see.png";
/** Where Chromium keeps its profile meanwhile. */
const FOLDER = new URL("../../tests/temporary", import.meta.url).pathname;
const SEED = "7";
/** The pieces of a direction to look at. */
const PIECES = 12;

async function main(): Promise<void> {
  const program = findChromium();
  if (program === undefined) throw new CommandError("Cannot make the picture: Chromium is not installed");
  const args = ["run", "-q", "--no-prompt", "-P=see", "scripts/tools/see.ts", "chat", "--seed", SEED];
  await using see = new ChildProcess(new Deno.Command(Deno.execPath(), { args, stdout: "piped" }).spawn());
  const url = /http:\S+/.exec(await within(see.line(), "the address of the page") ?? "")?.[0];
  if (url === undefined) throw new CommandError("Cannot make the picture: deno task see has not started");
  await Deno.mkdir(FOLDER, { recursive: true });
  const folder = await Deno.makeTempDir({ dir: FOLDER });
  try {
    await using browser = await Chromium.start(program, folder);
    const page = await browser.open(url, { width: 1400, height: 840, scale: 1.25 });
    await page.until("!document.querySelector('#exchange').hidden");
    await page.press("e");
    await page.until("document.querySelectorAll('#connections [data-closed]').length === 2");
    // A piece with bytes of two messages, in any direction of any connection; where there are any depends on the timing.
    const isFound = "/^End of \\d+, start of \\d+$/.test(document.querySelector('#detail .headline')?.textContent)";
    const frame = "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))";
    search: for (const key of ["ArrowUp", "d", "ArrowDown", "d"]) {
      await page.press(key);
      await page.press("Home");
      for (let piece = 0; piece < PIECES; piece++) {
        await page.press("ArrowRight");
        await page.evaluate(frame);
        if (await page.evaluate(isFound)) break search;
      }
    }
    await page.evaluate("document.activeElement.blur()");
    await Deno.writeFile(PICTURE, await page.picture());
  } finally {
    see.signal("SIGTERM");
    await see.process.status;
    await Deno.remove(folder, { recursive: true });
  }
  console.log(PICTURE);
}

if (import.meta.main) {
  await runTask(
    {
      ...task("see:picture"),
      summary: "Makes docs/see.png, the picture in README.md, from the real page.",
      options: {},
    },
    "warning",
    main,
  );
}
