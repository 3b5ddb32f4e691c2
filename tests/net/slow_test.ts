import { assert, assertEquals, assertMatch } from "@std/assert";
import { Broadcast, type Connection, serveTcp, type SlowPolicy, type Subscriber } from "@wirebench/wirebench/net";
import { bytes, headed, RawPeer, ServerProcess, textOf, within } from "../harness.ts";

/** What each message of these tests weighs: a number of eight digits, and filling. */
const LENGTH = 1000;

function numbered(number: number): Uint8Array {
  return bytes(String(number).padStart(8, "0").padEnd(LENGTH, "."));
}

/** One subscriber of a broadcast, which does not read unless the test does. */
async function oneSubscriber(slow: SlowPolicy, maxLag: number, writeTimeout = 30_000) {
  const room = new Broadcast({ slow, maxLag, segmentSize: maxLag / 8 });
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

/** The numbers of the messages in what came, which must be whole ones. */
function numbersIn(text: string): number[] {
  assertEquals(text.length % LENGTH, 0);
  const messages = Array.from({ length: text.length / LENGTH }, (_, at) => text.slice(at * LENGTH, (at + 1) * LENGTH));
  for (const message of messages) assertMatch(message, /^\d{8}\.{992}$/);
  return messages.map((message) => Number(message.slice(0, 8)));
}

Deno.test("drop-oldest: a member that does not read goes without whole messages, the oldest, and is told how many bytes", async () => {
  const COUNT = 30_000;
  await using room = await oneSubscriber("drop-oldest", 1_000_000);
  for (let number = 0; number < COUNT; number++) {
    room.room.publish([numbered(number)]);
    // The system's buffers take some megabytes first.
    if (number % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  assert(room.room.ready() === undefined);
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

Deno.test("drop-oldest: a member's own messages stay its own when others are dropped around them", async () => {
  await using room = await oneSubscriber("drop-oldest", 100_000);
  const COUNT = 20_000;
  let own = 0;
  for (let number = 0; number < COUNT; number++) {
    const mine = number % 7 === 0;
    if (mine) own++;
    (mine ? room.member : room.room).publish([numbered(mine ? 0 : number)]);
    if (number % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  room.end();
  const numbers = numbersIn(await room.peer.receiveAll());
  assert(numbers.every((number) => number % 7 !== 0));
  assert(numbers.length < COUNT - own);
  assertEquals(numbers.at(-1), COUNT - 1 - (COUNT - 1) % 7 === COUNT - 1 ? COUNT - 2 : COUNT - 1);
});

Deno.test("a member that leaves gets what was published until then, whole, and nothing after it", async () => {
  await using room = await oneSubscriber("disconnect", 16_000_000);
  const before = 20_000;
  for (let number = 0; number < before; number++) {
    // Its own messages in between make short runs, which are gathered.
    const mine = number % 5 === 0;
    (mine ? room.member : room.room).publish([numbered(number)]);
    if (number % 1000 === 0) await new Promise((resolve) => setTimeout(resolve));
    if (number % 1000 === 999 && room.room.ready() !== undefined) break;
  }
  room.end();
  await new Promise((resolve) => setTimeout(resolve));
  for (let number = 0; number < 3000; number++) room.room.publish([numbered(90_000_000 + number)]);
  const numbers = numbersIn(await room.peer.receiveAll());
  assert(numbers.every((number) => number < before && number % 5 !== 0), `${numbers.at(-1)}`);
});

Deno.test("wait: publishers go at the pace of the slowest member, which gets everything", async () => {
  const COUNT = 20_000;
  await using room = await oneSubscriber("wait", 400_000);
  let published = 0;
  const publishing = (async () => {
    for (; published < COUNT; published++) {
      room.room.publish([numbered(published)]);
      const ready = room.room.ready();
      if (ready !== undefined) await ready;
    }
  })();
  // Full buffers stop it, long before the end, and after a second it is said whose.
  while (room.told === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const before = published;
  assert(before < COUNT, `${before}`);
  const reading = room.peer.receiveAll();
  await within(publishing, "the publisher");
  room.end();
  const numbers = numbersIn(await reading);
  assertEquals(numbers, Array.from({ length: COUNT }, (_, number) => number));
  assertEquals(room.dropped, 0);
});

Deno.test("wait: a member that reads nothing at all is closed by the write timeout, and the others go on", async () => {
  await using room = await oneSubscriber("wait", 400_000, 300);
  let published = 0;
  while (room.connection.reason === undefined) {
    room.room.publish([numbered(published++)]);
    const ready = room.room.ready();
    if (ready !== undefined) await ready;
    else if (published % 100 === 0) await new Promise((resolve) => setTimeout(resolve));
  }
  assertEquals([room.connection.reason, room.room.size], ["too slow", 0]);
});

Deno.test("chat:server --slow drop-oldest keeps a member that does not read, and says what it goes without", async () => {
  await using server = await ServerProcess.start("chat", {
    args: ["--slow", "drop-oldest", "--max-lag", "1000000"],
  });
  using deaf = await server.connect();
  await deaf.send(headed("deaf"));
  using talker = await server.connect();
  await talker.send(headed("talker"));
  using other = await server.connect();
  await other.send(headed("other"));
  for (const name of ["deaf", "talker", "other"]) await server.logged(new RegExp(`"${name}" joined`));
  const text = "x".repeat(100_000);
  for (let count = 0; count < 200; count++) {
    await talker.send(headed(text));
    await other.receive(10 + 6 + 10 + text.length);
  }
  await server.logged(/^"deaf" at 127\.0\.0\.1:\d+ is too slow: \d+ bytes dropped$/);
  await talker.end();
  // The deaf one is still there, and what it gets are whole messages.
  await deaf.end();
  const got = await deaf.receiveAll();
  assertEquals(got.length % (10 + 6 + 10 + text.length), 0);
  assertMatch(got.slice(0, 26), /^6 {9}talker100000 {4}$/);
  assertEquals(textOf(bytes(got.slice(-5))), "xxxxx");
});

Deno.test("chat:server --max-lag smaller than what one read brings does not cost those who read their connection", async () => {
  await using server = await ServerProcess.start("chat", { args: ["--max-lag", "1000000"] });
  using listener = await server.connect();
  await listener.send(headed("listener"));
  using talker = await server.connect();
  await talker.send(headed("a long name to be said each time".padEnd(64)));
  for (const name of ["listener", "a long name"]) await server.logged(new RegExp(`"${name}.*joined`));
  // Empty texts: each costs the others nine times what it costs its sender.
  const count = 20_000;
  const talking = talker.send(textOf(headed("")).repeat(count));
  await listener.receive(count * (10 + 64 + 10));
  await talking;
  assertEquals(server.log.filter(({ message }) => message.includes("too slow")), []);
});
