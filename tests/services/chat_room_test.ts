import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { natsRoom } from "@wirebench/wirebench/chat";
import { CommandError } from "@wirebench/wirebench/cli";
import { Broadcast, type Connection, type Room, type RoomMember, serveTcp } from "@wirebench/wirebench/net";
import { hasNatsServer, NatsServer } from "../../scripts/shared/nats.ts";
import { bytes, RawPeer, until } from "../harness.ts";

// What every room promises, whoever keeps it.

/** Two places of one room: the same twice in memory, two servers over NATS. */
type Places = AsyncDisposable & { one: Room; other: Room };

function inMemory(): Promise<Places> {
  const room = new Broadcast();
  return Promise.resolve({ one: room, other: room, [Symbol.asyncDispose]: () => Promise.resolve() });
}

async function overNats(): Promise<Places> {
  const nats = await NatsServer.start();
  const [one, other] = await Promise.all([natsRoom({ servers: nats.url }), natsRoom({ servers: nats.url })]);
  return {
    one,
    other,
    async [Symbol.asyncDispose]() {
      await Promise.all([one.close(0), other.close(0)]);
      await nats[Symbol.asyncDispose]();
    },
  };
}

/** Connections that join a room: the peer's side, and what the server has of each. */
async function connections(): Promise<
  AsyncDisposable & { join(room: Room): Promise<{ peer: RawPeer; connection: Connection; member: RoomMember }> }
> {
  const came: Connection[] = [];
  const done = Promise.withResolvers<void>();
  const peers: RawPeer[] = [];
  const server = serveTcp({}, async (connection) => {
    came.push(connection);
    await done.promise;
  });
  return await Promise.resolve({
    async join(room: Room) {
      const count = came.length;
      const peer = await RawPeer.connect(server.addr.port);
      peers.push(peer);
      await until(() => came.length > count, "the connection");
      return { peer, connection: came[count]!, member: room.subscribe(came[count]!) };
    },
    async [Symbol.asyncDispose]() {
      done.resolve();
      for (const peer of peers) peer.close();
      await server.shutdown();
    },
  });
}

const hasNats = hasNatsServer();

for (const [where, open, ignore] of [["in memory", inMemory, false], ["over NATS", overNats, !hasNats]] as const) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({ name: `a room ${where} ${name}${ignore ? " (ignored: no nats-server here)" : ""}`, ignore, fn });

  test("sends what each member says to all others, in one order, and not back", async () => {
    await using places = await open();
    await using members = await connections();
    const all = [
      await members.join(places.one),
      await members.join(places.one),
      await members.join(places.other),
      await members.join(places.other),
    ];
    const listeners = [await members.join(places.one), await members.join(places.other)];
    const rounds = 200;
    for (let round = 0; round < rounds; round++) {
      for (const [index, { member }] of all.entries()) {
        await places[index < 2 ? "one" : "other"].ready();
        member.publish([bytes(`${index}`), bytes(`${round};`.padStart(6))]);
      }
      if (round % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const length = "0     0;".length - 1;
    const order = await listeners[0]!.peer.receive(4 * rounds * length);
    assertEquals(await listeners[1]!.peer.receive(4 * rounds * length), order);
    const said = order.match(/.{7}/g)!;
    for (const [index, { peer }] of all.entries()) {
      const own = said.filter((message) => message.startsWith(`${index}`));
      assertEquals(own, Array.from({ length: rounds }, (_, round) => `${index}${`${round};`.padStart(6)}`));
      const others = said.filter((message) => !message.startsWith(`${index}`)).join("");
      assertEquals(await peer.receive(others.length), others);
    }
  });

  test("lets a member that leaves have all that was said before", async () => {
    await using places = await open();
    await using members = await connections();
    const talker = await members.join(places.one);
    const leaver = await members.join(places.one);
    for (let count = 0; count < 100; count++) talker.member.publish([bytes("word ")]);
    await leaver.member.leave();
    leaver.member[Symbol.dispose]();
    talker.member.publish([bytes("late ")]);
    await leaver.connection.closeWrite();
    assertEquals(await leaver.peer.receiveAll(), "word ".repeat(100));
  });

  test("delivers what a member said that is gone, and nothing said before one joined", async () => {
    await using places = await open();
    await using members = await connections();
    const listener = await members.join(places.other);
    const gone = await members.join(places.one);
    gone.member.publish([bytes("before ")]);
    gone.member[Symbol.dispose]();
    assertEquals(await listener.peer.receive(7), "before ");
    const late = await members.join(places.other);
    listener.member.publish([bytes("after ")]);
    assertEquals(await late.peer.receive(6), "after ");
  });

  test("sends messages of 1 byte and of 1 MB unchanged, and whole", async () => {
    await using places = await open();
    await using members = await connections();
    const talker = await members.join(places.one);
    const listener = await members.join(places.other);
    const text = "x".repeat(1_000_000);
    talker.member.publish([bytes("<"), bytes(text), bytes(">")]);
    talker.member.publish([bytes("!")]);
    assertEquals(await listener.peer.receive(text.length + 3), `<${text}>!`);
  });
}

Deno.test("natsRoom() leaves nothing open when it fails", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const servers = `nats://127.0.0.1:${listener.addr.port}`;
  const opening = natsRoom({ servers });
  using socket = await listener.accept();
  await socket.write(bytes("220 smtp.example.com ESMTP\r\n"));
  const error = await assertRejects(() => opening, CommandError);
  assertMatch(error.message, /is not NATS: expected INFO, got "220 smtp/);
  await assertRejects(() => natsRoom({ servers: "nats://127.0.0.1:1" }), CommandError, "No NATS server at 127.0.0.1:1");
  await assertRejects(() => natsRoom({ servers, room: "a.b" }), RangeError, "expected 1 to 64 letters");
});
