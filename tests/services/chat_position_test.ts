import type { StreamInfo } from "@nats-io/jetstream";
import { assertEquals, assertThrows } from "@std/assert";
import { Gap, Position } from "../../services/chat/_position.ts";

/** What JetStream says of a log. */
function logOf(first: number, last: number, created = "today"): StreamInfo {
  return { created, state: { first_seq: first, last_seq: last } } as StreamInfo;
}

/** A position that is open, and what it reports. */
function positionIn(log: StreamInfo): { position: Position; reports: string[] } {
  const reports: string[] = [];
  const position = new Position((message, facts) => {
    reports.push(message.replace(/\{(\w+)\}/g, (_, name) => String(facts![name])));
  });
  position.start(logOf(0, 0), 0);
  for (let sequence = position.next; sequence <= log.state.last_seq; sequence++) {
    position.advance(sequence);
    position.accept({ server: 1n, number: sequence });
  }
  position.open();
  return { position, reports };
}

Deno.test("position: a session reads again what other nodes of NATS may have elsewhere, and drops what is not new", () => {
  const { position, reports } = positionIn(logOf(1, 1000));
  assertEquals(position.resume(logOf(1, 1000)), 1001 - 64);
  // This node has a batch of another server in the middle.
  const accepted = [];
  for (let sequence = 937; sequence <= 1003; sequence++) {
    const batch = sequence === 950
      ? { server: 2n, number: 1 }
      : { server: 1n, number: sequence < 950 ? sequence : sequence - 1 };
    position.advance(sequence);
    if (position.accept(batch)) accepted.push(batch);
  }
  assertEquals(accepted, [{ server: 2n, number: 1 }, { server: 1n, number: 1001 }, { server: 1n, number: 1002 }]);
  assertEquals(reports, []);
});

Deno.test("position: a gap is believed when three sessions find it, each of which reads further back", () => {
  const { position, reports } = positionIn(logOf(1, 1000));
  const from = [];
  for (let session = 1; session <= 2; session++) {
    assertThrows(() => position.accept({ server: 1n, number: 1003 }), Gap, "expected batch 1001 of server 1, got 1003");
    from.push(position.resume(logOf(1, 1002)));
  }
  assertEquals(from, [1001 - 128, 1001 - 256]);
  assertEquals(position.accept({ server: 1n, number: 1003 }), true);
  assertEquals(reports, ["Members here have missed 2 batches: they never were in the log"]);
  assertEquals(position.missed, 2);
});

Deno.test("position: a batch that another session finds is not missed", () => {
  const { position, reports } = positionIn(logOf(1, 10));
  assertThrows(() => position.accept({ server: 1n, number: 12 }), Gap);
  assertThrows(() => position.advance(12), Gap, "expected 11, got 12");
  position.resume(logOf(1, 12));
  for (const number of [10, 11, 12]) {
    position.advance(number);
    assertEquals(position.accept({ server: 1n, number }), number > 10);
  }
  assertEquals(reports, []);
});

Deno.test("position: what was in the log before the start is never new", () => {
  const position = new Position(() => {});
  assertEquals(position.start(logOf(1, 1000), 0), 1001 - 128);
  assertEquals(position.start(logOf(1, 1000), 500), 1001 - 500);
  assertEquals(position.start(logOf(990, 1000), 500), 990);
  assertEquals(position.start(logOf(0, 0), 0), 1);
  assertEquals(position.resume(logOf(0, 0)), 1);
});

Deno.test("position: a log that lost its end, its beginning or everything is reported", () => {
  const { position, reports } = positionIn(logOf(1, 100));
  position.resume(logOf(1, 98));
  assertEquals(position.next, 99);
  position.resume(logOf(103, 200));
  assertEquals(position.next, 103);
  assertEquals(position.resume(logOf(5, 7, "later")), 5);
  assertEquals(reports, [
    "The log no longer has 2 batches that members here have got",
    "Members here have missed 4 batches: NATS removed them before this server read them",
    "The log was recreated: members here may have missed messages",
  ]);
});
