import { assert, assertEquals, assertThrows } from "@std/assert";
import { concat } from "@std/bytes/concat";
import fc from "fast-check";
import { type NamedFraming, parseFraming } from "../../lib/framing/named.ts";
import type { Direction, RecordedEvent, RecordingHeader } from "../../lib/record/event.ts";
import type { Flow } from "../../lib/record/flow.ts";
import { formatFaults, Session } from "../../lib/record/session.ts";
import { bytes } from "../harness.ts";

const HEADER: RecordingHeader = {
  wirebench: 1,
  began: "2026-01-01T00:00:00.000Z",
  listen: "tcp://127.0.0.1:9000",
  to: "tcp://127.0.0.1:1234",
  framing: "header",
  seed: 7,
  faults: {},
};

/** A session with what one client sent in some reads, and how it was cut. */
function sessionOf(
  reads: string[],
  pieces: number[],
  header: Partial<RecordingHeader> = {},
): { session: Session; up: Flow } {
  const session = new Session({ ...HEADER, ...header });
  session.add({ t: 0, k: "open", c: 1, peer: "127.0.0.1:5000" });
  let at = 0;
  for (const [index, read] of reads.entries()) {
    session.add({ t: index, k: "in", c: 1, w: "up", at, d: bytes(read).toBase64() });
    at += bytes(read).length;
  }
  let passed = 0;
  for (const [index, n] of pieces.entries()) {
    session.add({ t: 100 + index, k: "out", c: 1, w: "up", at: passed, n });
    passed += n;
  }
  return { session, up: session.connections.get(1)!.up };
}

const descriptions = (flow: Flow) => flow.rows.map((row) => flow.describe(row));

Deno.test("session: says of each piece how it relates to the messages, and what a decoder holds", () => {
  const { up } = sessionOf(["3         ann6         ", "hello?2         me"], [2, 8, 3, 12, 3, 8, 5]);
  assertEquals(descriptions(up), [
    "2: start of header 1",
    "8: end of header 1",
    "3: end of message 1",
    "12: start of message 2",
    "3: inside message 2",
    "8: end of 2, start of 3",
    "5: end of message 3",
  ]);
  assertEquals(up.rows.map((row) => up.holds(row).text), [
    "2 of 10 header bytes of message 1",
    "the whole header of message 1, and waits for 3 payload bytes",
    "nothing: message 1 is complete",
    "2 of 6 payload bytes of message 2",
    "5 of 6 payload bytes of message 2",
    "7 of 10 header bytes of message 3",
    "nothing: message 3 is complete",
  ]);
  assertEquals(up.rows.map((row) => up.holds(row).completed.map(({ number }) => number)), [[], [], [1], [], [], [2], [
    3,
  ]]);
  assertEquals(up.recv(up.rows[5]!), '"?2      "');
});

Deno.test("session: names whole messages, several at once, and the delimiter of a line", () => {
  const { up } = sessionOf(["a\nbc\n\nd\r\nlast"], [2, 4, 1, 2, 4], { framing: "lines" });
  assertEquals(descriptions(up).slice(0, 3), ["2: whole message 1", "4: messages 2 and 3", "1: start of message 4"]);
  assertEquals(up.parts.slice(0, 4).map(({ name, start, end }) => [name, start, end]), [
    ["line", 0, 1],
    ["newline", 1, 2],
    ["line", 2, 4],
    ["newline", 4, 5],
  ]);
  assertEquals(up.holds(up.rows[4]!).text, "4 bytes of the line of message 5");
  assertEquals(up.tally(), { ...up.tally(), messages: 4, pieces: 5, whole: 1, part: 3, several: 1 });
  up.finish(200, 13);
  assertEquals(up.tally(), { ...up.tally(), messages: 5, whole: 2, part: 2 });
  assertEquals(descriptions(up).slice(4), ["4: whole message 5", "end of the client’s side"]);
});

Deno.test("session: compares pieces with the sender's writes where there is no framing", () => {
  const { session, up } = sessionOf(["Hello, ", "world"], [3, 6, 3], { framing: undefined });
  assertEquals(descriptions(up), ["3: start of write 1", "6: end of 1, start of 2", "3: end of write 2"]);
  session.setFraming("fixed:3");
  assertEquals(descriptions(up), ["3: whole message 1", "6: messages 2 and 3", "3: whole message 4"]);
  assertEquals([up.tally().whole, up.tally().several], [2, 1]);
  const error = assertThrows(() => session.setFraming("fixed"), TypeError);
  assert(error.message.startsWith("expected one of"), error.message);
  assertEquals(session.framing, "fixed:3");
});

Deno.test("session: says where and why a stream does not fit its framing", () => {
  const { up } = sessionOf(["3         annGET / HTTP/1.1\r\n"], [13, 4, 10]);
  assertEquals(up.misfit, 13);
  assertEquals(up.failure?.message.slice(0, 29), "Malformed message at byte 13:");
  assertEquals(descriptions(up).slice(1), ["4: does not fit the framing", "10: does not fit the framing"]);
  assertEquals(up.holds(up.rows[1]!).text, `nothing more: ${up.failure!.message}`);
  assertEquals(up.problem, `does not fit the framing from byte 13 on: ${up.failure!.message}`);
  const cut = sessionOf(["3         an"], [12]).up;
  cut.finish(9, 12);
  assertEquals(cut.problem, "Stream ended inside a message: expected 3 bytes, got 2");
});

Deno.test("session: bytes that arrive after an end, which the proxy drops, are no messages", () => {
  const { session, up } = sessionOf(["3         ann"], [13]);
  session.add({ t: 5, k: "fault", c: 1, w: "up", at: 13, kind: "end" });
  session.add({ t: 6, k: "in", c: 1, w: "up", at: 13, d: btoa("2         me") });
  session.add({ t: 7, k: "end", c: 1, w: "up", at: 25 });
  assertEquals([up.tally().messages, up.problem, up.end], [1, undefined, 25]);
});

Deno.test("session: bytes that are missing are not made up, and what follows them is no message", () => {
  const { session, up } = sessionOf(["2         me"], [12]);
  session.add({ k: "skip", n: 5 });
  session.add({ t: 300, k: "in", c: 1, w: "up", at: 20, d: bytes("me3").toBase64() });
  session.add({ t: 301, k: "out", c: 1, w: "up", at: 18, n: 4 });
  session.add({ t: 302, k: "out", c: 1, w: "up", at: 22, n: 1 });
  assertEquals([session.missed, up.slice(12, 20).length, up.knownFrom(12)], [5, 0, 20]);
  assertEquals(up.slice(21, 99), bytes("e3"));
  assertEquals(descriptions(up), ["12: whole message 1", "4: missing bytes before", "1: missing bytes before"]);
});

Deno.test("session: the bytes after missing ones are at their offsets, though pieces of missing ones came before", () => {
  const { session, up } = sessionOf(["2         me"], [12]);
  session.add({ k: "skip", n: 1 });
  session.add({ t: 300, k: "out", c: 1, w: "up", at: 12, n: 8 });
  session.add({ t: 301, k: "in", c: 1, w: "up", at: 20, d: bytes("after").toBase64() });
  session.add({ t: 302, k: "out", c: 1, w: "up", at: 20, n: 5 });
  assertEquals(up.rows.map((row) => up.recv(row)), [
    '"2         me"',
    "8 bytes that the recording does not have",
    '"after"',
  ]);
  session.setFraming("lines");
  assertEquals([up.misfit, up.recv(up.rows[2]!)], [12, '"after"']);
});

Deno.test("session: shows lost, repeated and reordered datagrams as such, and empty ones", () => {
  const session = new Session({ ...HEADER, listen: "udp://127.0.0.1:3000" });
  const stream = (event: Record<string, unknown>) =>
    session.add({ t: 1, c: 1, w: "up", ...event } as unknown as RecordedEvent);
  for (const [index, text] of ["one", "", "three", "four"].entries()) {
    stream({ k: "in", at: [0, 3, 3, 8][index], i: index + 1, d: bytes(text).toBase64() });
  }
  stream({ k: "fault", at: 0, i: 1, kind: "reordered" });
  stream({ k: "out", at: 3, i: 2, n: 0 });
  stream({ k: "out", at: 0, i: 1, n: 3 });
  stream({ k: "fault", at: 3, i: 3, kind: "lost" });
  stream({ k: "fault", at: 8, i: 4, kind: "repeated" });
  stream({ k: "out", at: 8, i: 4, n: 4 });
  stream({ k: "out", at: 8, i: 4, n: 4 });
  stream({ k: "in", at: 12, i: 5, d: "" });
  stream({ k: "fault", at: 12, i: 5, kind: "reordered" });
  stream({ k: "out", at: 12, i: 5, n: 0 });
  const { up } = session.connections.get(1)!;
  assertEquals(descriptions(up), [
    "empty datagram 2",
    "3: datagram 1, after a later one",
    "datagram 3 lost",
    "4: datagram 4",
    "4: datagram 4 again",
    "empty datagram 5, held back",
  ]);
  const { messages, pieces, lost, repeated, reordered } = up.tally();
  assertEquals([messages, pieces, lost, repeated, reordered], [5, 5, 1, 1, 2]);
});

Deno.test("session: resets, stops, switched faults and ends have rows of their own", () => {
  const { session, up } = sessionOf(["3         ann"], [4]);
  const mark = (event: Record<string, unknown>) =>
    session.add({ t: 200, c: 1, w: "up" as Direction, at: 4, ...event } as unknown as RecordedEvent);
  session.add({ t: 200, k: "set", faults: { cut: [1, 3], delay: 20 } });
  mark({ k: "from" });
  mark({ k: "fault", kind: "reset", where: "in the header of message 1" });
  mark({ k: "fault", kind: "stop" });
  mark({ k: "fault", kind: "end" });
  assertEquals(descriptions(up).slice(1), [
    "from here: cut 1-3, delay 20 ms",
    "reset in the header of message 1",
    "reading stopped",
    "end of the client’s side by the proxy",
  ]);
  assertEquals(session.faults, { cut: [1, 3], delay: 20 });
  assertEquals(formatFaults({ stopAfter: 7, resetIn: undefined }), "stop-after 7");
  assertEquals(
    formatFaults({ message: 2, resetIn: "line", framing: "lines" }),
    "reset in the line of message 2, framing lines",
  );
});

Deno.test("session: an end says how many bytes the proxy still holds, or drops", () => {
  const { session, up } = sessionOf(["3         ann"], [4]);
  session.add({ t: 200, k: "end", c: 1, w: "up", at: 13 });
  session.add({ t: 201, k: "out", c: 1, w: "up", at: 4, n: 9 });
  assertEquals(descriptions(up)[1], "end of the client’s side, 9 bytes not passed on yet");
  const ended = sessionOf(["3         ann"], [4]);
  ended.session.add({ t: 200, k: "fault", c: 1, w: "up", at: 4, kind: "end" });
  ended.session.add({ t: 201, k: "end", c: 1, w: "up", at: 13 });
  assertEquals(descriptions(ended.up).at(-1), "end of the client’s side, 9 bytes dropped");
});

Deno.test("session: a reset by one side, or a stopped proxy, is marked in the directions that were still open", () => {
  const of = (reason: string, ended: boolean) => {
    const { session, up } = sessionOf(["3         ann"], [13]);
    if (ended) session.add({ t: 200, k: "end", c: 1, w: "up", at: 13 });
    session.add({ t: 201, k: "close", c: 1, reason });
    const { down } = session.connections.get(1)!;
    return [descriptions(up).at(-1), ...descriptions(down)];
  };
  assertEquals(of("reset", true), ["end of the client’s side", "reset"]);
  assertEquals(of("reset", false), ["reset", "reset"]);
  assertEquals(of("shutdown", false), ["reset (shutdown)", "reset (shutdown)"]);
  assertEquals(of("finished", true), ["end of the client’s side"]);
});

Deno.test("session: for random messages and cuts, agrees with the decoder, and goes on so when it forgets the oldest", () => {
  const framings = ["header", "lines", "netstring", "length2", "fixed:5", "tagged:A=4,B=0"];
  fc.assert(fc.property(
    fc.constantFrom(...framings),
    fc.array(fc.uint8Array({ maxLength: 12 }), { minLength: 1, maxLength: 20 }),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 200, maxLength: 200 }),
    fc.nat(100),
    (name, messages, cuts, forgotten) => {
      const framing = parseFraming(name);
      const stream = concat(messages.map((message) => encode(framing, message)));
      const session = new Session({ ...HEADER, framing: name });
      const decoder = framing.decoder();
      const decoded: number[] = [];
      for (let at = 0, piece = 0; at < stream.length; piece++) {
        const n = Math.min(cuts[piece]!, stream.length - at);
        session.add({ t: piece, k: "in", c: 1, w: "up", at, d: stream.slice(at, at + n).toBase64() });
        session.add({ t: piece, k: "out", c: 1, w: "up", at, n });
        decoded.push(decoder.push(stream.subarray(at, at + n)).length);
        at += n;
      }
      const up = session.connections.get(1)?.up;
      if (up === undefined) return;
      assertEquals(up.rows.map((row) => up.holds(row).completed.length), decoded);
      const before = up.rows.map((row) => [up.describe(row), up.holds(row).text, up.recv(row)]);
      const { whole, part, several, pieces } = up.tally();
      assertEquals(whole + part + several, pieces);
      up.forget(Math.min(forgotten, up.rows.length));
      assertEquals(up.rows.map((row) => [up.describe(row), up.holds(row).text, up.recv(row)]), before.slice(forgotten));
      assertEquals(up.rows.map(({ index }) => index), [...up.rows.keys()]);
    },
  ));
});

Deno.test("session: forgets closed connections first, and stays within its memory", () => {
  const session = new Session(HEADER);
  const piece = bytes("x".repeat(1000)).toBase64();
  for (let c = 1; c <= 50; c++) {
    for (let n = 0; n < 20; n++) {
      session.add({ t: c, k: "in", c, w: "up", at: n * 1000, d: piece });
      session.add({ t: c, k: "out", c, w: "up", at: n * 1000, n: 1000 });
    }
    if (c < 50) session.add({ t: c, k: "close", c, reason: "finished" });
    session.trim(500_000);
    const weight = session.connections.values().reduce((sum, { up, down }) => sum + up.weight + down.weight, 0);
    assert(weight <= 500_000, String(weight));
  }
  assert(session.connections.has(50) && !session.connections.has(1));
  for (let n = 20; n < 5000; n++) {
    session.add({ t: n, k: "in", c: 50, w: "up", at: n * 1000, d: piece });
    session.add({ t: n, k: "out", c: 50, w: "up", at: n * 1000, n: 1000 });
    session.trim(500_000);
  }
  const { up } = session.connections.get(50)!;
  assert(up.weight <= 1_000_000 && up.rows.length > 10, `${up.weight}, ${up.rows.length}`);
  assertEquals(up.rows.at(-1)!.piece, 5000);
});

Deno.test("session: takes further bytes after it has forgotten pieces whose bytes are missing", () => {
  const { session, up } = sessionOf(["0123456789"], [10], { framing: undefined });
  session.add({ k: "skip", n: 5 });
  for (const at of [100, 110, 120]) session.add({ t: at, k: "out", c: 1, w: "up", at, n: 10 });
  up.forget(2);
  session.add({ t: 300, k: "in", c: 1, w: "up", at: 130, d: btoa("abcde") });
  session.add({ t: 301, k: "out", c: 1, w: "up", at: 130, n: 5 });
  assertEquals(up.recv(up.rows.at(-1)!), '"abcde"');
  assertEquals(up.recv(up.rows[0]!), "10 bytes that the recording does not have");
  assertEquals(up.weight > 0, true);
});

/** Encodes a message that the framing takes: of a fixed length, of a type, or without a newline. */
function encode(framing: NamedFraming, message: Uint8Array): Uint8Array {
  switch (framing.layout.kind) {
    case "fixed":
      return framing.encode(Uint8Array.from({ length: 5 }, (_, at) => message[at] ?? 0));
    case "tagged":
      return framing.encode(bytes(message.length % 2 === 0 ? "Abody" : "B"));
    case "delimited":
      return framing.encode(message.map((byte) => byte === 0x0a || byte === 0x0d ? 0x20 : byte));
    default:
      return framing.encode(message);
  }
}
