import { assertEquals, assertRejects } from "@std/assert";
import {
  type Connection,
  ConnectionError,
  reconnecting,
  type ReconnectingOptions,
  type ReconnectingState,
  serveTcp,
} from "@wirebench/wirebench/net";
import { freePort } from "../../scripts/shared/ports.ts";
import { bytes, TestClock, textOf, until, within } from "../harness.ts";

/** A reconnecting client whose time the test moves, whose delays are the longest, and whose states are recorded. */
function client(options: ReconnectingOptions, run: (connection: Connection) => Promise<void> | void = () => {}) {
  const states: ReconnectingState[] = [];
  const clock = new TestClock();
  const stop = new AbortController();
  const ended = reconnecting(
    { signal: stop.signal, clock, random: () => 1, onState: (state) => states.push(state), ...options },
    run,
  );
  ended.catch(() => {});
  return {
    clock,
    stop,
    ended,
    states,
    /** The delays so far. */
    delays: () => states.flatMap((state) => state.state === "waiting" ? [state.delay] : []),
    /** Waits until the client has begun to wait so many times. */
    waiting: (times: number) =>
      until(() => states.filter(({ state }) => state === "waiting").length >= times, "a wait"),
  };
}

Deno.test("reconnecting() waits twice as long before each try up to a limit, and tells its state", async () => {
  const { clock, stop, ended, states, delays, waiting } = client({ port: freePort(), firstDelay: 100, maxDelay: 350 });
  for (const [index, delay] of [100, 200, 350, 350].entries()) {
    await waiting(index + 1);
    await clock.advance(delay - 1);
    assertEquals(states.at(-1)!.state, "waiting");
    await clock.advance(1);
  }
  await waiting(5);
  assertEquals(delays(), [100, 200, 350, 350, 350]);
  stop.abort();
  await within(ended, "the end");
  assertEquals(states.slice(0, 3).map((state) => [state.state, "tried" in state && state.tried]), [
    ["connecting", 1],
    ["waiting", 2],
    ["connecting", 2],
  ]);
  assertEquals(states.at(-1), { state: "ended", error: undefined });
});

Deno.test("reconnecting() spreads its delays from nothing to their maximum, as the random numbers say", async () => {
  const numbers = [0.5, 0, 0.25];
  const { clock, stop, ended, delays, waiting } = client({
    port: freePort(),
    firstDelay: 100,
    random: () => numbers.shift() ?? 0,
  });
  await waiting(1);
  await clock.advance(50);
  await waiting(2);
  await clock.advance(0);
  await waiting(3);
  assertEquals(delays(), [50, 0, 100]);
  stop.abort();
  await within(ended, "the end");
});

Deno.test("reconnecting() comes back when the server ends the connection or breaks the protocol", async () => {
  let served = 0;
  await using server = serveTcp({ port: 0 }, (connection) => connection.write(bytes(String(++served))));
  const received: string[] = [];
  const { clock, stop, ended, states, waiting } = client({ port: server.addr.port }, async (connection) => {
    received.push(textOf((await connection.readChunk())!));
    if (received.length === 2) throw new ConnectionError("malformed", "not what was expected");
    if (received.length === 3) stop.abort();
  });
  await waiting(1);
  await clock.advance(200);
  await waiting(2);
  await clock.advance(400);
  await within(ended, "the end");
  assertEquals(received, ["1", "2", "3"]);
  assertEquals(states.map(({ state }) => state), [
    ...["connecting", "connected", "waiting", "connecting", "connected", "waiting", "connecting", "connected", "ended"],
  ]);
});

Deno.test("reconnecting() counts its tries from 1 again after a connection that held", async () => {
  await using server = serveTcp({ port: 0 }, () => {});
  const held = [0, 0, 10_000, 0];
  const { clock, stop, ended, delays, waiting } = client(
    { port: server.addr.port, firstDelay: 100 },
    () => clock.delay(held.shift() ?? 0),
  );
  for (const [index, delay] of [100, 200, 100].entries()) {
    await waiting(index + 1);
    await clock.advance(delay);
  }
  await waiting(4);
  assertEquals(delays(), [100, 200, 100, 100]);
  stop.abort();
  await within(ended, "the end");
});

Deno.test("reconnecting() gives up after the last try with its error", async () => {
  const { clock, ended, states, waiting } = client({ port: freePort(), tries: 2, firstDelay: 100 });
  await waiting(1);
  await clock.advance(100);
  const error = await assertRejects(() => within(ended, "the end"), Deno.errors.ConnectionRefused);
  assertEquals(states.at(-1), { state: "ended", error });
});

Deno.test("reconnecting() does not try again after an error of the program", async () => {
  await using server = serveTcp({ port: 0 }, () => {});
  const wrong = client({ port: server.addr.port }, () => {
    throw new TypeError("a mistake");
  });
  await assertRejects(() => within(wrong.ended, "the end"), TypeError, "a mistake");
  assertEquals(wrong.states.map(({ state }) => state), ["connecting", "connected", "ended"]);
  for (const options of [{ firstDelay: 0 }, { maxDelay: 1 }, { tries: 0 }, { tries: 1.5 }, { holdTime: -1 }]) {
    await assertRejects(() => reconnecting({ port: 1, ...options }, () => {}), RangeError);
  }
});

Deno.test("a signal ends reconnecting() while it is connected, and closes the connection", async () => {
  await using server = serveTcp({ port: 0 }, async (connection) => {
    await connection.readChunk(Infinity);
  });
  const { stop, ended, states } = client({ port: server.addr.port }, async (connection) => {
    await connection.readChunk(Infinity);
  });
  await until(() => states.at(-1)?.state === "connected", "a connection");
  stop.abort();
  await within(ended, "the end");
  assertEquals(states.map(({ state }) => state), ["connecting", "connected", "ended"]);
});
