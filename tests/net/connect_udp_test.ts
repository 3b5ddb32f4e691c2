import { assertEquals, assertRejects } from "@std/assert";
import { ConnectionError, connectUdp, serveUdp } from "@wirebench/wirebench/net";
import { bytes, textOf, within } from "../harness.ts";

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
  const peer = await connectUdp({ port: silent.addr.port });
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
