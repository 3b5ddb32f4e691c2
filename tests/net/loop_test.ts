import { assert, assertEquals } from "@std/assert";
import { LoopShare } from "../../lib/net/_loop.ts";

/** A share that has used some time, and lets the clock run ahead so that the event loop is overdue. */
function busyShare(used: number): LoopShare {
  const share = new LoopShare();
  const now = performance.now();
  share.request(now);
  share.work(used);
  share.request(now + used);
  return share;
}

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

Deno.test("shares that wait go on in the order of the time that they have used, the least first", async () => {
  const shares = [90, 30, 60].map(busyShare);
  const order: number[] = [];
  const later = performance.now() + 1000;
  const waits = shares.map(async (share, index) => {
    await share.request(later);
    order.push(index);
  });
  await Promise.all(waits);
  assertEquals(order, [1, 2, 0]);
  for (const share of shares) share.close();
});

Deno.test("closing the last share lets go of all that wait, and leaves no timer", async () => {
  const [one, other] = [busyShare(10), busyShare(20)];
  const waits = [one, other].map((share) => share.request(performance.now() + 1000));
  assert(waits.every((turn) => turn !== undefined));
  one.close();
  other.close();
  await Promise.all(waits);
});
