import { assert, assertEquals } from "@std/assert";
import { LoopShare } from "../../lib/net/_loop.ts";

/** Asks until the share may go on. */
async function goOn(share: LoopShare): Promise<void> {
  for (let turn; (turn = share.request(performance.now())) !== undefined;) await turn;
}

Deno.test("a share goes on while the loop turns, waits when it has not for too long, and goes on after the turn", async () => {
  const share = new LoopShare();
  const now = performance.now();
  assertEquals(share.request(now), undefined);
  share.work(100);
  const turn = share.request(now + 100);
  assert(turn !== undefined, "the loop has not turned for 100 ms");
  await turn;
  await goOn(share);
  share.close();
});

/** Keeps the event loop busy, as work of a share. */
function work(share: LoopShare, milliseconds: number): void {
  const until = performance.now() + milliseconds;
  while (performance.now() < until) { /* busy */ }
  share.work(milliseconds);
}

Deno.test("of shares that always want to go on, each gets about the same time", async () => {
  let going = true;
  const run = async (milliseconds: number) => {
    const share = new LoopShare();
    let count = 0;
    while (going) {
      await goOn(share);
      work(share, milliseconds);
      count++;
    }
    share.close();
    return count;
  };
  const counts = Promise.all([run(0.5), run(4), run(4)]);
  let turns = 0;
  while (turns++ < 40) await new Promise((resolve) => setTimeout(resolve));
  going = false;
  const [cheap, expensive] = await counts as [number, number, number];
  // An eighth of the time each, so it goes on more often. A busy machine blurs by how much.
  assert(cheap > expensive, `${cheap} times 0.5 ms, ${expensive} times 4 ms`);
});

Deno.test("closing the last share lets all that wait go on, and leaves no timer", async () => {
  const shares = [new LoopShare(), new LoopShare()];
  const now = performance.now();
  for (const share of shares) share.request(now + 10);
  const waits = shares.map((share) => share.request(now + 1000));
  assert(waits.every((turn) => turn !== undefined));
  for (const share of shares) share.close();
  await Promise.all(waits);
});
