import { assert, assertEquals, assertMatch } from "@std/assert";
import { Broadcast, Connection, serveTcp, type SlowPolicy, type Subscriber } from "@wirebench/wirebench/net";
import { systemClock } from "../../lib/net/timer.ts";
import { mulberry32 } from "../../services/proxy/random.ts";
import { bytes, RawPeer, TestClock, textOf, turn, until, within } from "../harness.ts";

/** Length of the numbered messages: a number of eight digits, and filling. */
const LENGTH = 1000;

function numbered(number: number): Uint8Array {
  return bytes(String(number).padStart(8, "0").padEnd(LENGTH, "."));
}

/** A broadcast with one subscriber, whose peer reads only when the test does. */
async function oneSubscriber(slow: SlowPolicy, maxLag: number, { writeTimeout = 30_000, clock = systemClock } = {}) {
  const room = new Broadcast({ slow, maxLag, segmentSize: maxLag / 8, clock });
  const joined = Promise.withResolvers<{ connection: Connection; member: Subscriber }>();
  const done = Promise.withResolvers<void>();
  let dropped = 0;
  let told = 0;
  const server = serveTcp({ writeTimeout }, async (connection) => {
    const member = room.subscribe(connection, (length) => {
      dropped += length;
      told++;
    });
    joined.resolve({ connection, member });
    await done.promise;
    await member.leave();
  });
  const peer = await RawPeer.connect(server.addr.port);
  const { connection, member } = await joined.promise;
  return {
    room,
    peer,
    connection,
    member,
    server,
    end: () => done.resolve(),
    get dropped() {
      return dropped;
    },
    get told() {
      return told;
    },
    async [Symbol.asyncDispose]() {
      done.resolve();
      peer.close();
      await server.shutdown();
    },
  };
}

/** Numbers of the messages in a text, which must contain whole messages only. */
function numbersIn(text: string): number[] {
  assertEquals(text.length % LENGTH, 0);
  const messages = Array.from({ length: text.length / LENGTH }, (_, at) => text.slice(at * LENGTH, (at + 1) * LENGTH));
  for (const message of messages) assertMatch(message, /^\d{8}\.{992}$/);
  return messages.map((message) => Number(message.slice(0, 8)));
}

Deno.test("Broadcast skips a subscriber's own messages, across segments and for those that join late", async () => {
  const room = new Broadcast({ segmentSize: 64 });
  const members: Subscriber[] = [];
  const joined = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  await using server = serveTcp({}, async (connection) => {
    members.push(room.subscribe(connection));
    const member = members.at(-1)!;
    joined[members.length - 1]!.resolve();
    await connection.readChunk();
    await member.leave();
  });
  using first = await RawPeer.connect(server.addr.port);
  await joined[0]!.promise;
  using second = await RawPeer.connect(server.addr.port);
  await joined[1]!.promise;
  const expected: [string, string, string] = ["", "", ""];
  for (let round = 0; round < 100; round++) {
    const sender = [members[0], members[1], undefined][round % 3];
    const message = `${round % 3}:${"x".repeat(round)};`;
    (sender ?? room).publish([bytes(message.slice(0, 1)), bytes(message.slice(1))]);
    for (const index of [0, 1] as const) if (round % 3 !== index) expected[index] += message;
    if (round % 7 === 0) await Promise.resolve();
  }
  using third = await RawPeer.connect(server.addr.port);
  await joined[2]!.promise;
  members[0]!.publish([bytes("late")]);
  expected[1] += "late";
  expected[2] += "late";
  for (const peer of [first, second, third]) await peer.end();
  assertEquals([await first.receiveAll(), await second.receiveAll(), await third.receiveAll()], expected);
  assertEquals(room.size, 0);
});

Deno.test("Broadcast closes a subscriber that falls too far behind, and keeps the others", async () => {
  const room = new Broadcast({ segmentSize: 100_000, maxLag: 1_000_000 });
  const reasons: unknown[] = [];
  const joined = Promise.withResolvers<void>();
  await using server = serveTcp({}, async (connection) => {
    room.subscribe(connection);
    if (room.size === 2) joined.resolve();
    await connection.readChunk().catch((error) => reasons.push(error.reason));
  });
  using _deaf = await RawPeer.connect(server.addr.port);
  using listener = await RawPeer.connect(server.addr.port);
  await joined.promise;
  const message = new Uint8Array(50_000).fill(0x78);
  for (let count = 0; count < 300; count++) {
    room.publish([message]);
    await listener.receive(message.length);
  }
  await until(() => reasons.length > 0, "the end of the slow subscriber");
  assertEquals([reasons, room.size], [["too slow"], 1]);
});

Deno.test("a subscriber that leaves without reading falls behind like any other", async () => {
  const room = new Broadcast({ segmentSize: 100_000, maxLag: 1_000_000 });
  const reason = Promise.withResolvers<unknown>();
  const left = Promise.withResolvers<void>();
  await using server = serveTcp({}, async (connection) => {
    const member = room.subscribe(connection);
    room.publish([new Uint8Array(20_000_000)]);
    await connection.readChunk();
    left.resolve();
    await member.leave();
    reason.resolve(connection.reason);
  });
  using deaf = await RawPeer.connect(server.addr.port);
  await deaf.end();
  await left.promise;
  for (let count = 0; count < 20; count++) room.publish([new Uint8Array(100_000)]);
  assertEquals([await reason.promise, room.size], ["too slow", 0]);
});

Deno.test("a subscriber that leaves gets all that was published before, and nothing after", async () => {
  await using room = await oneSubscriber("disconnect", 16_000_000);
  const before = 20_000;
  for (let number = 0; number < before; number++) {
    // Its own messages split the log into short runs, which are written together.
    const mine = number % 5 === 0;
    (mine ? room.member : room.room).publish([numbered(number)]);
    if (number % 1000 === 0) await turn();
    if (number % 1000 === 999 && room.room.ready() !== undefined) break;
  }
  room.end();
  await turn();
  for (let number = 0; number < 3000; number++) room.room.publish([numbered(90_000_000 + number)]);
  const numbers = numbersIn(await room.peer.receiveAll());
  assert(numbers.every((number) => number < before && number % 5 !== 0), `${numbers.at(-1)}`);
});

Deno.test("drop-oldest: a subscriber that does not read loses the oldest messages, whole, and learns how many bytes", async () => {
  const COUNT = 30_000;
  await using room = await oneSubscriber("drop-oldest", 1_000_000);
  for (let number = 0; number < COUNT; number++) {
    room.room.publish([numbered(number)]);
    // The system's buffers take some megabytes first.
    if (number % 100 === 0) await turn();
  }
  assertEquals(room.room.ready(), undefined);
  room.end();
  const numbers = numbersIn(await room.peer.receiveAll());
  assert(numbers.length < COUNT);
  assertEquals(numbers.length * LENGTH + room.dropped, COUNT * LENGTH);
  assertEquals([numbers[0], numbers.at(-1)], [0, COUNT - 1]);
  numbers.reduce((before, number) => {
    assert(number > before);
    return number;
  });
});

Deno.test("drop-oldest: a subscriber never gets its own messages, even if others around them are dropped", async () => {
  await using room = await oneSubscriber("drop-oldest", 100_000);
  const COUNT = 20_000;
  let own = 0;
  for (let number = 0; number < COUNT; number++) {
    const mine = number % 7 === 0;
    if (mine) own++;
    (mine ? room.member : room.room).publish([numbered(mine ? 0 : number)]);
    if (number % 100 === 0) await turn();
  }
  room.end();
  const numbers = numbersIn(await room.peer.receiveAll());
  assert(numbers.every((number) => number % 7 !== 0));
  assert(numbers.length < COUNT - own);
  assertEquals(numbers.at(-1), COUNT - 1 - (COUNT - 1) % 7 === COUNT - 1 ? COUNT - 2 : COUNT - 1);
});

Deno.test("disconnect: publishers that settle wait for a slow reader that keeps reading", async () => {
  const room = new Broadcast({ segmentSize: 100_000, maxLag: 4_000_000, clock: new TestClock() });
  const joined = Promise.withResolvers<void>();
  let reason: unknown;
  await using server = serveTcp({}, async (connection) => {
    using member = room.subscribe(connection);
    joined.resolve();
    await connection.readChunk().catch((error) => reason = error.reason);
    await member.leave();
  });
  using reader = await RawPeer.connect(server.addr.port);
  await joined.promise;
  const total = 20_000_000;
  const reading = (async () => {
    const buffer = new Uint8Array(200_000);
    for (let received = 0; received < total;) {
      const count = await reader.socket.read(buffer);
      if (count === null) return received;
      received += count;
      await turn();
    }
    return total;
  })();
  const message = new Uint8Array(50_000);
  for (let sent = 0; sent < total; sent += message.length) {
    room.publish([message]);
    const ready = room.ready();
    if (ready !== undefined) await ready;
    else if (sent % 1_000_000 === 0) await Promise.resolve();
  }
  assertEquals([await within(reading, "the reader"), reason], [total, undefined]);
});

Deno.test("disconnect: publishers that settle wait half a second at most for a subscriber that reads nothing", async () => {
  const clock = new TestClock();
  await using room = await oneSubscriber("disconnect", 1_000_000, { clock });
  for (let number = 0; room.room.ready() === undefined; number++) {
    room.room.publish([numbered(number)]);
    if (number % 100 === 0) await turn();
  }
  let settled = false;
  const settling = room.room.ready()!.then(() => settled = true);
  await clock.advance(499);
  await new Promise((resolve) => setTimeout(resolve, 10)); // The publisher checks every 5 ms.
  assertEquals(settled, false);
  await clock.advance(1);
  await within(settling, "the publisher");
});

Deno.test("wait: publishers go at the pace of the slowest subscriber, which gets everything", async () => {
  const COUNT = 20_000;
  const clock = new TestClock();
  await using room = await oneSubscriber("wait", 400_000, { clock });
  let published = 0;
  const publishing = (async () => {
    for (; published < COUNT; published++) {
      room.room.publish([numbered(published)]);
      const ready = room.room.ready();
      if (ready !== undefined) await ready;
    }
  })();
  // Full buffers stop the publisher long before the end. After a second the subscriber is reported.
  while (room.told === 0) await clock.advance(100).then(turn);
  assert(published < COUNT, `${published}`);
  const reading = room.peer.receiveAll();
  await within(publishing, "the publisher");
  room.end();
  const numbers = numbersIn(await reading);
  assertEquals(numbers, Array.from({ length: COUNT }, (_, number) => number));
  assertEquals(room.dropped, 0);
});

Deno.test("wait: a subscriber that reads nothing is closed by the write timeout, and publishers continue", async () => {
  await using room = await oneSubscriber("wait", 400_000, { writeTimeout: 300 });
  let published = 0;
  while (room.connection.reason === undefined) {
    room.room.publish([numbered(published++)]);
    const ready = room.room.ready();
    if (ready !== undefined) await ready;
    else if (published % 100 === 0) await turn();
  }
  assertEquals([room.connection.reason, room.room.size], ["too slow", 0]);
});

Deno.test("Broadcast uses the memory of a segment again, but not before all writes from it have ended", async () => {
  const buffers = new Set<ArrayBufferLike>();
  /** A subscriber whose writes end when the test says so. */
  class Reader {
    /** What it has not been sent yet. */
    expected = "";
    readonly subscriber: Subscriber;
    #write: { run: Uint8Array; text: string; end: () => void } | undefined;

    constructor(room: Broadcast) {
      const write = (run: Uint8Array) => {
        const text = textOf(run);
        assert(this.expected.startsWith(text), "in order");
        this.expected = this.expected.slice(text.length);
        buffers.add(run.buffer);
        return new Promise<void>((end) => this.#write = { run, text, end });
      };
      this.subscriber = room.subscribe({ write, beginWork() {}, endWork() {} } as unknown as Connection);
    }

    async endWrite() {
      if (this.#write === undefined) return;
      const { run, text, end } = this.#write;
      assert(textOf(run) === text, "the bytes of a write stay as they are until it ends");
      this.#write = undefined;
      end();
      await turn();
    }
  }

  const random = mulberry32(1);
  const room = new Broadcast({ segmentSize: 50_000 });
  const readers = [new Reader(room), new Reader(room), new Reader(room)];
  const gone: Reader[] = [];
  for (let number = 0; number < 300; number++) {
    // Shorter ones would be gathered, which copies them.
    const message = String(number).padEnd(17_000, ".");
    for (const reader of readers) reader.expected += message;
    room.publish([bytes(message)]);
    await turn();
    // All keep up for some time, and then fall behind.
    const keepUp = number % 40 < 30;
    for (const reader of readers) {
      if (!keepUp && random() < 0.6) continue;
      do await reader.endWrite(); while (keepUp && reader.expected !== "");
    }
    if (random() < 0.1) {
      const [left] = readers.splice(Math.floor(random() * readers.length), 1, new Reader(room));
      for (const reader of [left!, ...readers]) reader.expected += message;
      room.publish([bytes(message)]);
      await turn();
      left!.subscriber[Symbol.dispose]();
      gone.push(left!);
    }
  }
  for (const reader of gone) await reader.endWrite();
  assert(buffers.size < 100, `${buffers.size} of some 150 segments had new memory`);
});
