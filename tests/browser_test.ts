import { assert, assertEquals } from "@std/assert";
import { browserTest } from "./browser.ts";

browserTest("a page can be evaluated, clicked, typed into and looked at", async (browser) => {
  const page = await browser.open("data:text/html,<input autofocus><button onclick='console.log(42)'>b</button>");
  assertEquals(await page.evaluate("1 + 1"), 2);
  await page.click("button");
  await page.click("input");
  await page.type("ab");
  await page.press("c");
  await page.until("document.querySelector('input').value === 'abc'");
  assertEquals(page.console, ["log: 42"]);
  assert((await page.picture()).length > 1000);
  await page.close();
});
