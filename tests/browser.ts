import { Chromium, findChromium } from "../scripts/shared/chromium.ts";
import { temporaryFolder } from "./harness.ts";

export type { Chromium, Look, Page } from "../scripts/shared/chromium.ts";

const chromium = findChromium();

/** Registers a test that drives a browser. Without Chromium, it is ignored. */
export function browserTest(name: string, run: (browser: Chromium) => Promise<void>): void {
  const ignore = chromium === undefined;
  Deno.test({
    name: ignore ? `${name} (ignored: no Chromium here)` : name,
    ignore,
    async fn() {
      using folder = temporaryFolder();
      await using browser = await Chromium.start(chromium!, folder.path);
      await run(browser);
    },
  });
}
