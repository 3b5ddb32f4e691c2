import { assert, assertEquals } from "@std/assert";
import { LoopShare } from "../../lib/net/loop.ts";

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

/** Waits until the event loop has turned. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

Deno.test("of 1000 shares all get the same, though the runtime completes the newest reads first and few at a turn", async () => {
  const counts = new Array<number>(1000).fill(0);
  let going = true;
  let newest: (() => void)[] = [];
  let older: (() => void)[] = [];
  const run = async (index: number) => {
    const share = new LoopShare();
    while (going) {
      for (let turn = share.requestRead(); turn !== undefined; turn = share.request()) await turn;
      await new Promise<void>((resolve) => newest.push(resolve));
      share.work(0.01);
      await goOn(share);
      share.work(0.01);
      counts[index]!++;
    }
    share.close();
  };
  const runs = Promise.all(counts.map((_, index) => run(index)));
  // A read and a write each, of 128 operations.
  for (let polls = 0; polls < 500; polls++) {
    const reads = newest.concat(older);
    newest = [];
    older = reads.splice(64);
    for (const read of reads) read();
    await turn();
    await turn();
  }
  going = false;
  while (newest.length + older.length > 0) {
    for (const read of newest.splice(0).concat(older.splice(0))) read();
    await turn();
  }
  const finish = setInterval(() => newest.splice(0).forEach((read) => read()));
  await runs;
  clearInterval(finish);
  counts.sort((one, other) => one - other);
  const [slowest, median, busiest] = [counts[0]!, counts[500]!, counts[999]!];
  assert(slowest >= median / 2 && busiest <= median * 2, `${slowest} / ${median} / ${busiest}`);
});

Deno.test("of more shares than the runtime serves at a turn, few are released at each", async () => {
  const shares = Array.from({ length: 200 }, () => new LoopShare());
  let released = 0;
  const waits = shares.map(async (share) => {
    await share.requestRead();
    released++;
  });
  await turn();
  assert(released > 0 && released <= 32, `${released} were released`);
  for (const share of shares) share.close();
  await Promise.all(waits);
});

Deno.test("with up to 128 connections and the share that accepts them, no read waits", () => {
  const shares = Array.from({ length: 129 }, () => new LoopShare());
  try {
    assert(shares.every((share) => share.requestRead() === undefined));
  } finally {
    for (const share of shares) share.close();
  }
});

Deno.test("a receiver of datagrams that never ceases waits until the runtime has polled its sockets", async () => {
  const share = new LoopShare(true);
  let waited = false;
  for (let turns = 0; !waited && turns < 1000; turns++) {
    const wait = share.request(performance.now());
    waited = wait !== undefined;
    await wait;
    work(share, 0.5);
    await turn();
  }
  share.close();
  assert(waited, "it never waited");
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
