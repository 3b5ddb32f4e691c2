import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { sendTicks } from "@wirebench/wirebench/clock";
import { Connection, ConnectionError } from "@wirebench/wirebench/net";
import type { Clock } from "../../lib/net/timer.ts";
import { tick } from "../../services/clock/protocol.ts";
import {
  fakeServer,
  headed,
  type RawPeer,
  runClient,
  ServerProcess,
  stubSocket,
  TestClock,
  textOf,
  turn,
} from "../harness.ts";

/** Reads one headed message. */
async function message(peer: RawPeer): Promise<string> {
  const header = await peer.receive(10);
  assertMatch(header, /^\d+ +$/);
  return await peer.receive(Number(header));
}

Deno.test("clock:server sends a welcome, then the time at each interval", async () => {
  await using server = await ServerProcess.start("clock", { args: ["--interval", "0.2"] });
  using peer = await server.connect();
  assertEquals(await message(peer), "Welcome to the server!");
  let before = 0;
  for (let ticks = 1; ticks <= 3; ticks++) {
    const text = await message(peer);
    const [, told] = /^The time is (\d+\.\d+)$/.exec(text) ?? [];
    assert(Number(told) > before && Math.abs(Number(told) - Date.now() / 1000) < 5, text);
    before = Number(told);
  }
});

Deno.test("clock:server serves a client that only listens, even if it has ended its side", async () => {
  await using server = await ServerProcess.start("clock", { args: ["--interval", "0.05"] });
  using peer = await server.connect();
  await peer.end();
  assertEquals(await message(peer), "Welcome to the server!");
  for (let ticks = 0; ticks < 3; ticks++) assertMatch(await message(peer), /^The time is/);
  peer.close();
  assertEquals((await server.logged(/closed/)).reason, "finished");
  using talker = await server.connect();
  await talker.send("I have no reason to say this");
  await message(talker);
  assertMatch(await message(talker), /^The time is/);
});

Deno.test("tick() formats the time as Python prints a float, always with a point", () => {
  const cases: [milliseconds: number, told: string][] = [
    [1_700_000_000_000, "1700000000.0"],
    [1_700_000_000_500, "1700000000.5"],
    [1_700_000_000_123.456, "1700000000.123456"],
    [1_700_000_000_123.4567, "1700000000.123457"],
    [1_700_000_000_000.001, "1700000000.000001"],
  ];
  for (const [milliseconds, told] of cases) assertEquals(tick(milliseconds), `The time is ${told}`);
});

Deno.test("a client that never reads is closed, and no ticks are queued for it", async () => {
  // The system accepts two messages, then blocks.
  const written: number[] = [];
  const write = (data: Uint8Array, closed: Promise<never>) =>
    written.push(data.length) <= 2 ? Promise.resolve(data.length) : closed;
  const connection = new Connection(stubSocket({ write }), { writeTimeout: 300 });
  const error = await assertRejects(() => sendTicks(connection, 10), ConnectionError);
  assertEquals([error.reason, connection.reason], ["too slow", "too slow"]);
  assertEquals(written.length, 3, "two that were taken, and the one that was not");
});

Deno.test("ticks do not drift: after a late one the next comes at its time", async () => {
  const connection = new Connection(stubSocket());
  const clock = new TestClock();
  const times: number[] = [];
  const telling = sendTicks(connection, 200, () => {
    times.push(clock.now());
    clock.delay(times.length === 3 ? 450 : 40);
  }, clock);
  await turn();
  await clock.advance(1500);
  connection.close();
  await telling.catch(() => {});
  // The third tick keeps the program busy from 400 to 850, so that the ticks at 600 and 800 are left out.
  assertEquals(times, [0, 200, 400, 1000, 1200, 1400]);
});

Deno.test("a timer that fires early repeats no tick", async () => {
  const connection = new Connection(stubSocket());
  const clock = new TestClock();
  const early: Clock = {
    now: () => clock.now(),
    after: (milliseconds, run) => clock.after(Math.max(0, milliseconds - 5), run),
  };
  const times: number[] = [];
  const telling = sendTicks(connection, 50, () => times.push(clock.now()), early);
  await turn();
  await clock.advance(200);
  connection.close();
  await telling.catch(() => {});
  assertEquals(times, [0, 45, 95, 145, 195]);
});

Deno.test("clock:server closes its connections when it is told to stop", async () => {
  await using server = await ServerProcess.start("clock", { args: ["--interval", "3600"] });
  using peer = await server.connect();
  await message(peer);
  server.signal("SIGTERM");
  assertEquals(await peer.receiveAll(), "");
  peer.close();
  await server.logged(/Stopped; connections open at SIGTERM: 1 finished, 0 aborted/);
});

Deno.test("clock:client prints what it hears, and leaves after --count", async () => {
  await using server = await ServerProcess.start("clock", { args: ["--interval", "0.05"] });
  const { code, stdout, stderr } = await runClient("clock", ["--port", String(server.port), "--count", "4"]);
  assertMatch(stdout, /^Welcome to the server!\n(The time is \d+\.\d+\n){3}$/);
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("clock:client waits for the next tick without a deadline, but not for the rest of a tick", async () => {
  await using server = fakeServer(async (peer, held) => {
    await peer.send(textOf(headed("Welcome")));
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await peer.send("5         tic");
    await held;
  });
  const result = await runClient("clock", ["--port", String(server.port), "--timeout", "2"]);
  assertEquals(result, {
    code: 1,
    stdout: "Welcome\n",
    stderr: "clock:client: A message begun did not end within 2 s\n",
  });
});

Deno.test("clock:client fails without a welcome, and when the server leaves", async () => {
  await using silent = fakeServer((_, held) => held);
  const nothing = await runClient("clock", ["--port", String(silent.port), "--timeout", "0.2"]);
  assertEquals(nothing, { code: 1, stdout: "", stderr: "clock:client: Nothing came for 0.2 s\n" });
  await using going = fakeServer((peer) => peer.send(textOf(headed("Welcome"))));
  const gone = await runClient("clock", ["--port", String(going.port)]);
  assertEquals(gone, { code: 1, stdout: "Welcome\n", stderr: "clock:client: The server ended\n" });
});
