import { assert, assertEquals } from "@std/assert";
import { connectTcp, serveTcp } from "@wirebench/wirebench/net";
import { type Turn, Turns } from "../../lib/net/_turns.ts";
import { within } from "../harness.ts";

/** Somebody who is served at once whenever it is their turn, and counts. */
class Busy {
  served = 0;
  waits = 0;
  longestWait = 0;
  #going = true;
  readonly done: Promise<void>;

  constructor(readonly turn: Turn) {
    this.done = this.#run();
  }

  async #run(): Promise<void> {
    while (this.#going) {
      if (this.turn.isOver) {
        this.waits++;
        const began = performance.now();
        await this.turn.wait();
        this.longestWait = Math.max(this.longestWait, performance.now() - began);
      }
      this.turn.take();
      this.served++;
      await new Promise((resolve) => setTimeout(resolve));
    }
    this.turn.leave();
  }

  stop(): void {
    this.#going = false;
  }
}

Deno.test("of many, whoever has been served waits until all the others have been", async () => {
  const turns = new Turns();
  const quick = new Busy(turns.join());
  // These are served only when the test says so, as those that the runtime starves.
  const starved = Array.from({ length: 200 }, () => turns.join());
  const until = (condition: () => boolean, what: string) =>
    within(
      (async () => {
        while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
      })(),
      what,
    );
  for (let round = 0; round < 3; round++) {
    // Serving half of them is progress; the quick one is to wait for the other half.
    await until(() => quick.turn.isOver, "a round in which the quick one has been served");
    for (const turn of starved) turn.take();
    await until(() => !quick.turn.isOver || quick.waits > round, "the next round");
  }
  const served = quick.served;
  for (const turn of starved) turn.leave();
  quick.stop();
  await quick.done;
  assert(quick.waits >= 3, `${quick.waits} waits, ${served} served`);
});

Deno.test("those who come now and then do not hold up who comes again and again", async () => {
  const turns = new Turns();
  const busy = new Busy(turns.join());
  const others = Array.from({ length: 900 }, () => turns.join());
  // One of them a millisecond or so: each round would take a second if it waited for all of them.
  const began = performance.now();
  for (let at = 0; performance.now() - began < 600; at++) {
    others[at % others.length]!.take();
    await new Promise((resolve) => setTimeout(resolve));
  }
  busy.stop();
  for (const turn of others) turn.leave();
  await busy.done;
  assert(busy.longestWait < 300, `waited ${busy.longestWait} ms`);
});

Deno.test("few connections, and few busy ones among many, hardly wait", async () => {
  for (const silent of [50, 500]) {
    const began = performance.now();
    const turns = new Turns();
    const idle = Array.from({ length: silent }, () => turns.join());
    const busy = Array.from({ length: 20 }, () => new Busy(turns.join()));
    await within(
      (async () => {
        while (busy.some(({ served }) => served < 300)) await new Promise((resolve) => setTimeout(resolve, 1));
      })(),
      "300 for each",
    );
    for (const each of busy) each.stop();
    await Promise.all(busy.map(({ done }) => done));
    for (const turn of idle) turn.leave();
    const waits = busy.map(({ waits }) => waits);
    // Ten times a second it is looked whether many are busy, which may cost each a moment.
    const mostWaits = silent === 50 ? 0 : 2 + 2 * (performance.now() - began) / 100;
    assert(Math.max(...waits) <= mostWaits, `${waits}`);
  }
});

Deno.test("of 200 clients that all ask again at once, each is answered, and the server ends", async () => {
  await using server = serveTcp({}, async (connection) => {
    for (let chunk; (chunk = await connection.readChunk()) !== null;) await connection.write(chunk);
  });
  let going = true;
  const counts = await Promise.all(Array.from({ length: 200 }, async () => {
    using connection = await connectTcp({ port: server.addr.port });
    let count = 0;
    for (; going || count < 20; count++) {
      await connection.write(Uint8Array.of(count));
      const answer = await connection.readChunk();
      assertEquals(answer![0], count % 256);
      if (count === 200) going = false;
    }
    return count;
  }));
  assert(Math.min(...counts) >= 20);
});
