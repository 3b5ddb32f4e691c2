import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Cursor,
  parseRecording,
  type RecordedEvent,
  Recorder,
  type RecorderOptions,
} from "@wirebench/wirebench/record";
import { bytes, turn, within } from "../harness.ts";

/** A recorder of a proxy that listens. */
function recorder(options: RecorderOptions = {}): Recorder {
  const recorder = new Recorder(options);
  recorder.started({
    listen: "tcp://127.0.0.1:1",
    to: "tcp://127.0.0.1:2",
    seed: 7,
    framing: "lines",
    faults: { cut: 1 },
  });
  return recorder;
}

/** The events that a cursor reads next, without their times. */
function eventsOf(cursor: Cursor, maxSize?: number): Omit<RecordedEvent, "t">[] {
  return cursor.read(maxSize).map((line) => {
    const { t: _, ...event } = JSON.parse(line);
    return event;
  });
}

function eventsIn(recorder: Recorder): RecordedEvent[] {
  const { events, problem } = parseRecording([...recorder.snapshot()].join(""));
  assertEquals(problem, undefined);
  return events;
}

Deno.test("every event is one line of JSON, which the parser reads", () => {
  const tap = recorder({ service: "echo" });
  tap.opened(1, 'a "peer"\n', "127.0.0.1:9");
  tap.opened(2, "unix client 2", undefined);
  tap.received(1, "up", 0, bytes("Hello"));
  tap.received(2, "down", 2 ** 40, bytes(""), 3);
  tap.forwarded(1, "up", 0, 5);
  tap.forwarded(2, "down", 2 ** 40, 0, 3);
  tap.ended(1, "up", 5);
  tap.fault(1, "down", 3, "reset", "in the header of message 2");
  tap.fault(2, "up", 0, "lost", undefined, 4);
  tap.switched({ delay: [1, 2] });
  tap.applied(1, "down", 3);
  tap.paused(true);
  tap.stepped(1, "up", 5, "piece");
  tap.paused(false);
  tap.closed(1, "reset");
  const cursor = tap.cursor();
  assertEquals(eventsOf(cursor), [
    { k: "open", c: 1, peer: 'a "peer"\n', source: "127.0.0.1:9" },
    { k: "open", c: 2, peer: "unix client 2" },
    { k: "in", c: 1, w: "up", at: 0, d: "SGVsbG8=" },
    { k: "in", c: 2, w: "down", at: 2 ** 40, i: 3, d: "" },
    { k: "out", c: 1, w: "up", at: 0, n: 5 },
    { k: "out", c: 2, w: "down", at: 2 ** 40, i: 3, n: 0 },
    { k: "end", c: 1, w: "up", at: 5 },
    { k: "fault", c: 1, w: "down", at: 3, kind: "reset", where: "in the header of message 2" },
    { k: "fault", c: 2, w: "up", at: 0, i: 4, kind: "lost" },
    { k: "set", faults: { delay: [1, 2] } },
    { k: "from", c: 1, w: "down", at: 3 },
    { k: "pause" },
    { k: "step", c: 1, w: "up", at: 5, unit: "piece" },
    { k: "resume" },
    { k: "close", c: 1, reason: "reset" },
  ] as Omit<RecordedEvent, "t">[]);
  const { header, events } = parseRecording([...tap.snapshot()].join(""));
  assertEquals({ ...header, began: "" }, {
    wirebench: 1,
    began: "",
    listen: "tcp://127.0.0.1:1",
    to: "tcp://127.0.0.1:2",
    service: "echo",
    framing: "lines",
    seed: 7,
    faults: { cut: 1 },
  });
  assertEquals(events.length, 15);
  const times = events.map((event) => "t" in event ? event.t : NaN);
  assertEquals(times, times.toSorted((one, other) => one - other));
});

Deno.test("bytes of any length come back unchanged; a read of more than 64 KiB is several events", () => {
  for (const length of [0, 1, 2, 3, 255, 256, 257, 258, 65_535, 65_536, 65_537, 200_000]) {
    const data = crypto.getRandomValues(new Uint8Array(Math.min(length, 65_536)));
    const all = new Uint8Array(length).map((_, at) => data[at % 65_536]!);
    const tap = recorder();
    tap.received(1, "up", 10, all);
    const events = eventsIn(tap).filter((event) => event.k === "in");
    assertEquals(events.length, Math.max(1, Math.ceil(length / 65_536)));
    let at = 10;
    for (const event of events) {
      const part = Uint8Array.fromBase64(event.d);
      assertEquals([event.at, part], [at, all.subarray(at - 10, at - 10 + part.length)]);
      at += part.length;
    }
    assertEquals(at, 10 + length);
  }
});

Deno.test("the memory is bounded: the newest events stay, and each reader learns how many it missed", () => {
  const tap = recorder({ maxEvents: 8, maxBytes: 65_536 });
  const [slow, quick] = [tap.cursor(), tap.cursor()];
  for (let number = 0; number < 20; number++) {
    tap.forwarded(1, "up", number, 1);
    if (number === 9) assertEquals(eventsOf(quick).length, 9); // A skip and eight events.
  }
  assertEquals(eventsOf(quick).at(0), { k: "skip", n: 2 } as never);
  assertEquals([quick.missed, quick.position], [2 + 2, 20]);
  const seen = eventsOf(slow);
  assertEquals(seen[0], { k: "skip", n: 12 } as never);
  assertEquals(seen.slice(1).map((event) => "at" in event ? event.at : NaN), [12, 13, 14, 15, 16, 17, 18, 19]);
  assertEquals([slow.missed, eventsOf(slow)], [12, []]);
  // Bytes are bounded too.
  for (let number = 0; number < 7; number++) tap.received(1, "down", number * 30_000, new Uint8Array(30_000));
  assertEquals(eventsOf(slow).map(({ k }) => k), ["skip", "in", "in"]);
  for (const wrong of [{ maxBytes: 65_535 }, { maxEvents: 0 }, { maxBytes: NaN }]) {
    assertThrows(() => new Recorder(wrong), RangeError, "expected an integer");
  }
});

Deno.test("a reader that missed events still learns which connections are open, which sides ended, and the faults", () => {
  const tap = recorder({ maxEvents: 4 });
  tap.opened(1, "one", undefined);
  tap.opened(2, "two", undefined);
  const late = tap.cursor();
  assertEquals(eventsOf(late).length, 2);
  tap.ended(2, "up", 5);
  tap.switched({ cut: 1 });
  tap.switched({ cut: 2 });
  tap.applied(2, "down", 9);
  tap.paused(true);
  tap.paused(false);
  tap.closed(1, "finished");
  for (let number = 0; number < 20; number++) tap.forwarded(2, "down", number, 1);
  const kept = [
    { k: "end", c: 2, w: "up", at: 5 },
    { k: "set", faults: { cut: 2 } },
    { k: "from", c: 2, w: "down", at: 9 },
    { k: "resume" },
  ] as Omit<RecordedEvent, "t">[];
  assertEquals(eventsOf(tap.cursor()).slice(0, -4), [
    { k: "skip", n: 20 },
    { k: "open", c: 2, peer: "two" },
    ...kept,
  ] as Omit<RecordedEvent, "t">[]);
  assertEquals(eventsOf(late).slice(0, -4), [{ k: "skip", n: 19 }, ...kept] as Omit<RecordedEvent, "t">[]);
  assertEquals([late.missed, tap.events], [19, 29]);
  tap.closed(2, "reset");
  for (let number = 0; number < 20; number++) tap.paused(number % 2 === 0);
  assertEquals(eventsOf(tap.cursor()).slice(0, -4).map(({ k }) => k), ["skip", "set", "resume"]);
});

Deno.test("readers at any pace see every event in order, or that it was skipped", () => {
  const action = fc.oneof(
    fc.record({ do: fc.constant("in" as const), length: fc.oneof(fc.nat(300), fc.nat(70_000)) }),
    fc.record({ do: fc.constant("out" as const), length: fc.nat(2 ** 32 - 1) }),
    fc.record({ do: fc.constant("read" as const), length: fc.integer({ min: 1, max: 300_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(action, { maxLength: 100 }), fc.integer({ min: 1, max: 40 }), (actions, maxEvents) => {
      const tap = recorder({ maxEvents, maxBytes: 65_536 });
      const cursor = tap.cursor();
      const added: string[] = [];
      let at = 0;
      let read = 0;
      const check = (maxSize: number) => {
        for (const line of cursor.read(maxSize)) {
          const event = JSON.parse(line) as RecordedEvent;
          if (event.k === "skip") read += event.n;
          else {
            const { k } = event;
            assertEquals(
              k === "in" ? `in ${event.at} ${event.d}` : k === "out" ? `out ${event.at} ${event.n}` : k,
              added[read],
            );
            read++;
          }
        }
        assertEquals(read, cursor.position);
      };
      for (const { do: what, length } of actions) {
        if (what === "read") check(length);
        else if (what === "out") {
          tap.forwarded(1, "up", at, length);
          added.push(`out ${at} ${length}`);
        } else {
          const data = new Uint8Array(length).fill(length);
          tap.received(1, "down", at, data);
          for (let from = 0; from === 0 || from < length; from += 65_536) {
            added.push(`in ${at + from} ${data.subarray(from, from + 65_536).toBase64()}`);
          }
          at += length;
        }
      }
      while (cursor.position < tap.events) check(1);
      assertEquals(read, added.length);
    }),
    { numRuns: 200 },
  );
});

Deno.test("a reader waits for the next event, for a signal, or for the end of the recording", async () => {
  const tap = new Recorder();
  const cursor = tap.cursor();
  const beginning = cursor.wait();
  tap.started({ listen: "", to: "", seed: 1, framing: undefined, faults: {} });
  await within(beginning, "the header");
  assert(tap.header !== undefined);
  let arrived = 0;
  const waits = [cursor.wait(), cursor.wait(), tap.cursor().wait()].map((wait) => wait.then(() => arrived++));
  await turn();
  assertEquals(arrived, 0);
  tap.paused(true);
  await within(Promise.all(waits), "all waits");
  assertEquals(eventsOf(cursor).length, 1);
  const stop = new AbortController();
  const aborted = cursor.wait(stop.signal);
  stop.abort();
  await within(aborted, "the wait to end");
  await within(cursor.wait(stop.signal), "an aborted wait");
  const last = cursor.wait();
  assertEquals(cursor.isAtEnd, false);
  tap.stopped();
  await within(last, "the end");
  assertEquals([cursor.isAtEnd, tap.isStopped], [true, true]);
  // A reader that comes back goes on where it was.
  assertEquals(tap.cursor(1).position, 1);
  assertEquals(tap.cursor(99).position, 1);
});
