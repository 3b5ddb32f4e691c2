import { assertEquals, assertRejects } from "@std/assert";
import { ConnectionError, connectUdp, NoAnswerError, serveUdp, type UdpPeer } from "@wirebench/wirebench/net";
import { bytes, TestClock, textOf, turn, until, within } from "../harness.ts";

Deno.test("connectUdp() drops datagrams from others, and gives up in time although they keep coming", async () => {
  const asked = Promise.withResolvers<Deno.NetAddr>();
  await using silent = serveUdp({}, (_, from) => asked.resolve(from));
  using peer = await connectUdp({ port: silent.addr.port });
  await peer.send(bytes("anybody there?"));
  const peerAddress = await asked.promise;
  const stranger = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const pestering = setInterval(() => void stranger.send(bytes("forged"), peerAddress), 20);
  const error = await assertRejects(() => peer.receive(200), ConnectionError);
  clearInterval(pestering);
  stranger.close();
  assertEquals(error.message, `No answer from 127.0.0.1:${silent.addr.port} within 0.2 s`);
});

Deno.test("two concurrent receive() calls both time out", async () => {
  await using silent = serveUdp({}, () => {});
  using peer = await connectUdp({ port: silent.addr.port });
  const waits = Promise.allSettled([peer.receive(50), peer.receive(60)]);
  assertEquals((await within(waits, "both")).map(({ status }) => status), ["rejected", "rejected"]);
});

Deno.test("connectUdp() without a timeout waits until the server answers", async () => {
  const silent = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  using peer = await connectUdp({ port: (silent.addr as Deno.NetAddr).port });
  const receiving = peer.receive(Infinity);
  await peer.send(bytes("?"));
  const [, from] = await silent.receive();
  await silent.send(bytes("!"), from);
  assertEquals(textOf(await receiving), "!");
  silent.close();
});

Deno.test("a UDP peer stays usable after a timeout, and a closed one says that it is closed", async () => {
  await using server = serveUdp({}, (data) => textOf(data) === "quiet" ? undefined : new Uint8Array(data));
  using peer = await connectUdp({ port: server.addr.port });
  await peer.send(bytes("quiet"));
  const error = await assertRejects(() => peer.receive(20), NoAnswerError);
  assertEquals(error.message, `No answer from 127.0.0.1:${server.addr.port} within 0.02 s`);
  await peer.send(bytes("Hey"));
  assertEquals(textOf(await peer.receive()), "Hey");
  peer.close();
  await assertRejects(() => peer.send(bytes("Hey")), ConnectionError, "The socket is closed");
  await assertRejects(() => peer.receive(), ConnectionError, "The socket is closed");
});

/** A server that answers nothing by itself, and a peer whose time the test moves. */
async function silentServer(): Promise<
  { clock: TestClock; peer: UdpPeer; received(): Promise<string>; answer(text: string): Promise<number> } & Disposable
> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  let waits = 0;
  const clock = new class extends TestClock {
    override after(milliseconds: number, run: () => void): () => void {
      waits++;
      const cancel = super.after(milliseconds, run);
      return () => {
        waits--;
        cancel();
      };
    }
  }();
  const peer = await connectUdp({ port: (socket.addr as Deno.NetAddr).port, clock });
  let from: Deno.Addr;
  return {
    clock,
    peer,
    async received() {
      const [data, sender] = await within(socket.receive(), "a datagram");
      from = sender;
      await until(() => waits > 0, "the peer to wait for the answer");
      return textOf(data);
    },
    answer: (text) => socket.send(bytes(text), from),
    [Symbol.dispose]() {
      peer.close();
      socket.close();
    },
  };
}

Deno.test("UdpPeer.request() sends again after each timeout, gives up after the last try, and stays usable", async () => {
  using server = await silentServer();
  const { clock, peer } = server;
  const failing = assertRejects(() => peer.request(bytes("one"), { timeout: 1000, tries: 2 }), NoAnswerError);
  assertEquals(await server.received(), "one");
  await clock.advance(999);
  await clock.advance(1);
  assertEquals(await server.received(), "one");
  await clock.advance(1000);
  assertEquals((await failing).message, `No answer from ${peer.remote} within 1 s of each of 2 tries`);

  const [two, three] = [peer.request(bytes("two")), peer.request(bytes("three"))];
  assertEquals(await server.received(), "two");
  await clock.advance(1000);
  assertEquals(await server.received(), "two");
  await server.answer("TWO");
  assertEquals(textOf(await two), "TWO");
  assertEquals(await server.received(), "three");
  await server.answer("THREE");
  assertEquals(textOf(await three), "THREE");
});

Deno.test("UdpPeer.request() drops answers that do not match, without waiting longer for it", async () => {
  using server = await silentServer();
  const { clock, peer } = server;
  const matches = (answer: Uint8Array) => textOf(answer).startsWith("2");
  const request = peer.request(bytes("2?"), { timeout: 1000, tries: 1, matches });
  await server.received();
  await server.answer("1!");
  await server.answer("2!");
  assertEquals(textOf(await within(request, "the answer")), "2!");

  const late = assertRejects(() => peer.request(bytes("2?"), { timeout: 1000, tries: 1, matches }), NoAnswerError);
  await server.received();
  await clock.advance(600);
  await server.answer("1!");
  await turn();
  await clock.advance(400);
  assertEquals((await within(late, "an error")).message, `No answer from ${peer.remote} within 1 s`);
  await assertRejects(() => peer.request(bytes(""), { tries: 0 }), RangeError, "expected an integer of 1 or more");
  await assertRejects(() => peer.request(bytes(""), { timeout: 0 }), RangeError, "expected more than 0");
});
