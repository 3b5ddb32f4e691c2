import { upperCase } from "../../services/uppercase/protocol.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { bytes, runClient, ServerProcess, textOf, within } from "../harness.ts";

/** A UDP socket of the test. */
function udp(): Disposable & { socket: Deno.DatagramConn; port: number } {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  return { socket, port: (socket.addr as Deno.NetAddr).port, [Symbol.dispose]: () => socket.close() };
}

async function ask(socket: Deno.DatagramConn, port: number, data: Uint8Array): Promise<Uint8Array> {
  await socket.send(data, { transport: "udp", hostname: "127.0.0.1", port });
  const [answer] = await within(socket.receive(new Uint8Array(65_536)), "an answer");
  return answer;
}

Deno.test("uppercase:server answers each datagram with its length and ASCII letters in upper case", async () => {
  await using server = await ServerProcess.start("uppercase");
  using own = udp();
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const upper = all.map((byte) => byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte);
  const largest = new Uint8Array(65_507).fill(0x61);
  assertEquals(textOf(await ask(own.socket, server.port, bytes("hello"))), "HELLO");
  assertEquals(await ask(own.socket, server.port, new Uint8Array()), new Uint8Array());
  assertEquals(await ask(own.socket, server.port, all), upper);
  assertEquals(await ask(own.socket, server.port, largest), largest.fill(0x41));
});

Deno.test("uppercase:server answers each sender", async () => {
  await using server = await ServerProcess.start("uppercase");
  using one = udp();
  using two = udp();
  for (let round = 0; round < 20; round++) {
    assertEquals(textOf(await ask(one.socket, server.port, bytes(`one ${round}`))), `ONE ${round}`);
    assertEquals(textOf(await ask(two.socket, server.port, bytes(`two ${round}`))), `TWO ${round}`);
  }
});

Deno.test("uppercase:server stops when it is told to", async () => {
  await using server = await ServerProcess.start("uppercase");
  assertEquals(await server.stop("SIGTERM"), 0);
});

Deno.test("uppercase:client sends its arguments, or lines, a datagram each, plain and connected", async () => {
  await using server = await ServerProcess.start("uppercase");
  for (const kind of [[], ["--connected"]]) {
    const args = ["--port", String(server.port), ...kind];
    assertEquals(await runClient("uppercase", [...args, "héllo", "", "a b"]), {
      code: 0,
      stdout: "HéLLO\n\nA B\n",
      stderr: "",
    });
    assertEquals((await runClient("uppercase", args, "one\ntwo\r\nthree")).stdout, "ONE\nTWO\nTHREE\n");
    assertEquals((await runClient("uppercase", [...args, "--host", "localhost", "x"])).stdout, "X\n");
  }
});

/** A UDP server that answers after another address has sent a forged answer. */
function besieged(): Disposable & { port: number } {
  const server = udp();
  const stranger = udp();
  (async () => {
    for (;;) {
      const [data, from] = await server.socket.receive(new Uint8Array(1000));
      await stranger.socket.send(bytes("forged"), from);
      await server.socket.send(bytes(textOf(data).toUpperCase()), from);
    }
  })().catch(() => {});
  return {
    port: server.port,
    [Symbol.dispose]() {
      server.socket.close();
      stranger.socket.close();
    },
  };
}

Deno.test("uppercase:client ignores answers from other addresses", async () => {
  using server = besieged();
  const plain = await runClient("uppercase", ["--port", String(server.port), "hey"]);
  assertEquals([plain.code, plain.stdout], [0, "HEY\n"]);
  assertMatch(plain.stderr, /127\.0\.0\.1:\d+ is not the server/);
  const connected = await runClient("uppercase", ["--port", String(server.port), "--connected", "hey"]);
  assertEquals(connected, { code: 0, stdout: "HEY\n", stderr: "" });
});

Deno.test("uppercase:client --to matches answers with servers, and reports other senders", async () => {
  await using server = await ServerProcess.start("uppercase");
  using other = besieged();
  const to = [`127.0.0.1:${server.port}`, `localhost:${server.port}`, `127.0.0.1:${other.port}`];
  const result = await runClient("uppercase", [...to.flatMap((address) => ["--to", address]), "one", "two"]);
  // Two names of one server mean one answer.
  assertEquals(result.stdout.split("\n").sort(), ["", "ONE", "ONE", "TWO", "TWO"]);
  assertMatch(result.stderr, /unexpected host 127\.0\.0\.1:\d+/);
  assertEquals(result.code, 0);
});

Deno.test("uppercase:client gives up without an answer, and names the server", async () => {
  await using server = await ServerProcess.start("uppercase");
  using silent = udp();
  const late = new RegExp(`No answer from 127\\.0\\.0\\.1:${silent.port} within 2 s\n$`);
  for (const kind of [[], ["--connected"]]) {
    const result = await runClient("uppercase", ["--port", String(silent.port), "--timeout", "2", ...kind, "hey"]);
    assertMatch(result.stderr, late);
    assertEquals([result.code, result.stdout], [1, ""]);
  }
  const to = ["--to", `127.0.0.1:${server.port}`, "--to", `127.0.0.1:${silent.port}`];
  const result = await runClient("uppercase", [...to, "--timeout", "2", "hey"]);
  assertMatch(result.stderr, late);
  assertEquals([result.code, result.stdout], [1, "HEY\n"]);
});

Deno.test("uppercase:client rejects a datagram that is too long", async () => {
  const line = "a".repeat(65_508);
  const result = await runClient("uppercase", ["--port", "9"], line);
  assertEquals(result.stderr, "uppercase:client: Cannot send a datagram of 65508 bytes: expected at most 65507\n");
  assertEquals(result.code, 1);
});

Deno.test("upperCase() changes a to z and nothing else, in bytes of any length, wherever they begin", () => {
  const all = Uint8Array.from({ length: 70_000 }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
  const isLetter = (byte: number) => byte >= 0x61 && byte <= 0x7a;
  const expected = all.map((byte) => isLetter(byte) ? byte - 0x20 : byte);
  for (const length of [0, 1, 3, 127, 128, 129, 130, 131, 512, 8192, 65_507]) {
    for (const start of [0, 1, 2, 3, 4]) {
      const copy = new Uint8Array(all);
      upperCase(copy.subarray(start, start + length));
      const where = `${length} from ${start}`;
      assertEquals(copy.subarray(start, start + length), expected.subarray(start, start + length), where);
      assertEquals(copy.subarray(start + length), all.subarray(start + length), where);
    }
  }
});
