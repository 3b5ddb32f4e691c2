import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { runTarget, SLOW_FACTOR, TARGETS } from "../../../scripts/checks/fuzz/targets.ts";

for (const target of TARGETS) {
  const runs = target.isSlow ? 200 / SLOW_FACTOR : 200;
  Deno.test(`${runs} random cases pass for ${target.name}`, async () => {
    const { cases, found } = await runTarget(target, { seed: 20_261_120, runs: 200 });
    assertEquals([found?.message, found?.test], [undefined, undefined]);
    assertEquals(cases, runs);
  });
}

Deno.test("a failed case is shrunk, printed as a test, and repeated by its seed and path", async () => {
  const cases = fc.nat(1000).map((number) => ({
    run() {
      if (number > 17) throw new Error(`${number} is over 17`);
    },
    code: `under17(${number})`,
  }));
  const target = { name: "numbers", cases };
  const { found } = await runTarget(target, { seed: 5, runs: 100 });
  assertEquals(found?.message, "Error: 18 is over 17");
  assertEquals(found?.test, `Deno.test("found: numbers, seed 5, path ${found?.path}", () => under17(18));`);
  const again = await runTarget(target, { seed: 5, runs: 100, path: found!.path });
  assertEquals([again.cases, again.found?.test], [1, found?.test]);
});
