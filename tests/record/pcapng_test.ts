import { assert, assertEquals } from "@std/assert";
import type { Direction, RecordedEvent } from "../../lib/record/mod.ts";
import { bytes, temporaryFolder, textOf } from "../harness.ts";
import { complaints, fieldsOf, follow, hasTshark, HEADER, why, writeCapture } from "./tshark.ts";

/** Writes the events of one connection. */
class Events {
  readonly list: RecordedEvent[] = [];
  readonly #c: number;
  readonly #read = { up: 0, down: 0 };
  readonly #passed = { up: 0, down: 0 };
  t = 0;

  constructor(connection: number, peer: string, source: string | undefined) {
    this.#c = connection;
    this.list.push({ t: this.t++, k: "open", c: connection, peer, source });
  }

  read(w: Direction, data: Uint8Array): this {
    this.list.push({ t: this.t++, k: "in", c: this.#c, w, at: this.#read[w], d: data.toBase64() });
    this.#read[w] += data.length;
    return this;
  }

  pass(w: Direction, n: number): this {
    this.list.push({ t: this.t++, k: "out", c: this.#c, w, at: this.#passed[w], n });
    this.#passed[w] += n;
    return this;
  }

  end(w: Direction): this {
    this.list.push({ t: this.t++, k: "end", c: this.#c, w, at: this.#read[w] });
    return this;
  }

  fault(w: Direction, kind: "reset" | "stop" | "end", where?: string): this {
    this.list.push({ t: this.t++, k: "fault", c: this.#c, w, at: this.#passed[w], kind, where });
    return this;
  }

  close(reason: string): this {
    this.list.push({ t: this.t++, k: "close", c: this.#c, reason });
    return this;
  }
}

const pattern = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) % 251);

function testCapture(name: string, run: (path: string) => void): void {
  Deno.test({
    name: `${name}${why}`,
    ignore: !hasTshark,
    fn() {
      using folder = temporaryFolder();
      run(`${folder.path}/capture.pcapng`);
    },
  });
}

testCapture("Wireshark follows the exact bytes of both sides of a stream, and finds nothing wrong", (path) => {
  const up = pattern(1000);
  const down = pattern(200_001);
  const events = new Events(1, "127.0.0.1:50001", "127.0.0.1:50002");
  events.read("up", up.subarray(0, 10)).pass("up", 3).read("up", up.subarray(10)).pass("up", 500);
  events.read("down", down.subarray(0, 120_000)).pass("down", 1).pass("down", 119_999);
  events.pass("up", 497).end("up").read("down", down.subarray(120_000)).end("down").pass("down", 80_001);
  writeCapture(path, HEADER, events.close("finished").list);
  assertEquals(complaints(path), []);
  for (const stream of [0, 1]) {
    const [sent, answered] = follow(path, stream);
    assert(sent.toHex() === up.toHex(), `up, stream ${stream}`);
    assert(answered.toHex() === down.toHex(), `down, stream ${stream}`);
  }
  // Each of the two connections ends in both directions.
  assertEquals(fieldsOf(path, ["tcp.stream"], "tcp.flags.fin == 1").map(([stream]) => stream).sort(), [
    "0",
    "0",
    "1",
    "1",
  ]);
  assertEquals(fieldsOf(path, ["tcp.stream"], "tcp.flags.reset == 1"), []);
  const began = fieldsOf(path, ["frame.interface_name", "frame.time_epoch", "frame.comment"], "tcp.len > 0").slice(
    0,
    2,
  );
  assertEquals(began, [
    ["client", "1767225600.000001000", "connection 1 up, read: bytes 0 to 10"],
    ["target", "1767225600.000002000", "connection 1 up, piece: bytes 0 to 3"],
  ]);
});

testCapture(
  "a capture shows each side's addresses: IPv4, IPv6, and made-up ones for names and Unix sockets",
  (path) => {
    const cases = [
      ["tcp://127.0.0.1:9000", "tcp://127.0.0.1:9001", "127.0.0.1", "127.0.0.1", "9000", "9001"],
      ["tcp://[::1]:9000", "tcp://localhost:9001", "::1", "127.0.0.1", "9000", "9001"],
      ["unix:/tmp/a.sock", "tcp://example.com:80", "127.0.0.1", "192.0.2.1", "65535", "80"],
      ["unix:/tmp/a.sock", "unix:/tmp/b.sock", "127.0.0.1", "127.0.0.1", "65535", "65534"],
    ] as const;
    for (const [listen, to, clientSide, targetSide, clientPort, targetPort] of cases) {
      const peer = listen.startsWith("unix")
        ? "unix client 1"
        : listen.includes("[")
        ? "[::1]:50001"
        : "127.0.0.1:50001";
      const source = to.startsWith("unix") ? undefined : "127.0.0.1:50002";
      const events = new Events(1, peer, source).read("up", bytes("Hey")).pass("up", 3);
      writeCapture(path, { ...HEADER, listen, to }, events.list);
      assertEquals(complaints(path), []);
      const fields = ["ip.dst", "ipv6.dst", "tcp.dstport"];
      const rows = fieldsOf(path, fields, "tcp.len > 0").map((row) => row.join(""));
      assertEquals(rows, [clientSide + clientPort, targetSide + targetPort]);
    }
  },
);

testCapture("a reset, a stop and an end by the proxy are in the capture where they struck, with a comment", (path) => {
  const reset = new Events(1, "127.0.0.1:50001", "127.0.0.1:50011").read("up", bytes("Hello")).pass("up", 2)
    .fault("up", "reset", "payload of message 1").close("reset");
  const stop = new Events(2, "127.0.0.1:50002", "127.0.0.1:50012").read("up", bytes("Hello")).pass("up", 5)
    .fault("up", "stop").read("up", bytes("again")).close("too slow");
  const end = new Events(3, "127.0.0.1:50003", "127.0.0.1:50013").read("up", bytes("Hey")).pass("up", 3)
    .fault("up", "end").close("shutdown");
  writeCapture(path, HEADER, [...reset.list, ...stop.list, ...end.list]);
  const flags = ["tcp.srcport", "tcp.dstport", "tcp.flags.str", "tcp.window_size_value", "frame.comment"];
  const rows = fieldsOf(path, flags, "tcp.flags.reset == 1 || tcp.window_size_value == 0 || tcp.flags.fin == 1");
  assertEquals(rows.map((row) => row.join(" ").replaceAll("·", "")), [
    "9000 50001 AR 65535 reset at byte 2 up, payload of message 1",
    "50011 9001 AR 65535 reset at byte 2 up, payload of message 1",
    "9000 50002 A 0 stopped reading at byte 5 up",
    "9000 50002 AR 65535 closed: too slow",
    "50012 9001 AR 65535 closed: too slow",
    "50013 9001 AF 65535 ",
    "9000 50003 AR 65535 closed: shutdown",
    "50013 9001 AR 65535 closed: shutdown",
  ]);
  assertEquals(textOf(follow(path, 2)[0]), "Helloagain");
});

testCapture("datagrams are in the capture whole, with what happened to them", (path) => {
  const header = { ...HEADER, listen: "udp://127.0.0.1:9000", to: "udp://127.0.0.1:9001" };
  const [c, w] = [1, "up"] as const;
  const large = pattern(65_507);
  writeCapture(path, header, [
    { t: 0, k: "open", c, peer: "127.0.0.1:50001", source: "127.0.0.1:50002" },
    { t: 1, k: "in", c, w, at: 0, i: 1, d: large.toBase64() },
    { t: 2, k: "fault", c, w, at: 0, i: 1, kind: "lost" },
    { t: 3, k: "in", c, w, at: 65_507, i: 2, d: btoa("two") },
    { t: 4, k: "fault", c, w, at: 65_507, i: 2, kind: "reordered" },
    { t: 5, k: "in", c, w, at: 65_510, i: 3, d: "" },
    { t: 6, k: "fault", c, w, at: 65_510, i: 3, kind: "repeated" },
    { t: 7, k: "out", c, w, at: 65_510, i: 3, n: 0 },
    { t: 8, k: "out", c, w, at: 65_510, i: 3, n: 0 },
    { t: 9, k: "out", c, w, at: 65_507, i: 2, n: 3 },
    { t: 10, k: "in", c, w: "down", at: 0, i: 1, d: large.toBase64() },
    { t: 11, k: "out", c, w: "down", at: 0, i: 1, n: 65_507 },
  ]);
  assertEquals(complaints(path), []);
  const rows = fieldsOf(path, ["frame.interface_name", "udp.length", "udp.payload", "frame.comment"]);
  assertEquals(rows.map(([side, length, payload, comment]) => [side, length, payload!.slice(0, 8), comment]), [
    ["client", "65515", large.subarray(0, 4).toHex(), "connection 1 up, read: datagram 1, lost"],
    ["client", "11", "74776f", "connection 1 up, read: datagram 2, reordered"],
    ["client", "8", "", "connection 1 up, read: datagram 3, repeated"],
    ["target", "8", "", "connection 1 up, piece: datagram 3"],
    ["target", "8", "", "connection 1 up, piece: datagram 3"],
    ["target", "11", "74776f", "connection 1 up, piece: datagram 2"],
    ["target", "65515", large.subarray(0, 4).toHex(), "connection 1 down, read: datagram 1"],
    ["client", "65515", large.subarray(0, 4).toHex(), "connection 1 down, piece: datagram 1"],
  ]);
});

testCapture("bytes that are missing from a recording are missing from the capture, and nothing else is", (path) => {
  const header = { ...HEADER };
  writeCapture(path, header, [
    { k: "skip", n: 12 },
    { t: 5, k: "in", c: 1, w: "up", at: 100, d: btoa("Hello") },
    { t: 6, k: "out", c: 1, w: "up", at: 90, n: 10 },
    { t: 7, k: "out", c: 1, w: "up", at: 100, n: 8 },
    { t: 8, k: "out", c: 1, w: "up", at: 1e15, n: 1e15 },
  ]);
  const rows = fieldsOf(path, ["tcp.len", "frame.cap_len", "frame.comment"], "tcp.len > 0");
  assertEquals(rows, [
    ["5", "45", "connection 1 up, read: bytes 100 to 105"],
    ["10", "40", "connection 1 up, piece: bytes 90 to 100"],
    ["8", "45", "connection 1 up, piece: bytes 100 to 108"],
    ["65495", "40", "connection 1 up, piece: bytes 1000000000000000 to 2000000000000000"],
  ]);
  assertEquals(fieldsOf(path, ["frame.comment"], "frame.number == 1"), [["12 events are missing before this"]]);
  assertEquals(fieldsOf(path, ["frame.number"], "_ws.malformed"), []);
});
