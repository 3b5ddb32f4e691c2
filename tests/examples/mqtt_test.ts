import { assert, assertEquals, assertMatch } from "@std/assert";
import { decodeChunks } from "@wirebench/wirebench/framing";
import { matches, serveMqtt } from "../../examples/mqtt.ts";
import { mqtt } from "../../examples/mqtt_packets.ts";
import { hasProgram, RawPeer, within } from "../harness.ts";
import { ExampleProcess, python } from "./_example.ts";

/** A packet: the first byte and the rest, without its length. Strings are sent after their length. */
function packet(type: number, ...fields: (number | string | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  const body = fields.flatMap((field) => {
    if (typeof field === "number") return [field];
    const bytes = typeof field === "string" ? new TextEncoder().encode(field) : field;
    return typeof field === "string" ? [bytes.length >> 8, bytes.length & 0xff, ...bytes] : [...bytes];
  });
  const length = body.length < 128 ? [body.length] : [body.length % 128 + 128, body.length >> 7];
  return Uint8Array.of(type, ...length, ...body);
}

const connect = (name: string, keepAlive = 0, flags = 2, ...more: string[]) =>
  packet(0x10, "MQTT", 4, flags, keepAlive >> 8, keepAlive & 0xff, name, ...more);
const subscribe = (id: number, ...filters: string[]) =>
  packet(0x82, 0, id, ...filters.flatMap((filter) => [filter, 0]));
const publish = (topic: string, payload: string) => packet(0x30, topic, new TextEncoder().encode(payload));
const PINGREQ = packet(0xc0);
const DISCONNECT = packet(0xe0);

/** Expects bytes. */
async function expect(peer: RawPeer, expected: Uint8Array): Promise<void> {
  const text = await peer.receive(expected.length);
  assertEquals(text, new TextDecoder().decode(expected));
}

/** A client that has connected. */
async function client(port: number, ...hello: Parameters<typeof connect>): Promise<RawPeer> {
  const peer = await RawPeer.connect(port);
  await peer.send(connect(...hello));
  await expect(peer, packet(0x20, 0, 0));
  return peer;
}

Deno.test("the example mqtt passes messages on to the subscribers of their topics", async () => {
  await using server = await ExampleProcess.serve("mqtt");
  using one = await client(server.port, "one");
  await one.send(subscribe(1, "home/+/light", "news/#"));
  await expect(one, packet(0x90, 0, 1, 0, 0));
  using two = await client(server.port, "two");
  // A byte at a time, then several packets in one write.
  for (const byte of publish("home/hall/light", "on")) await two.send(Uint8Array.of(byte));
  await two.send(new Uint8Array([...publish("home/hall", "x"), ...publish("news", "a"), ...publish("news/b/c", "b")]));
  await two.send(PINGREQ);
  await expect(two, packet(0xd0));
  await expect(one, publish("home/hall/light", "on"));
  await expect(one, publish("news", "a"));
  await expect(one, publish("news/b/c", "b"));
  await one.send(packet(0xa2, 0, 2, "news/#"));
  await expect(one, packet(0xb0, 0, 2));
  const long = "x".repeat(10_000);
  await two.send(new Uint8Array([...publish("news", "gone"), ...publish("home/attic/light", long)]));
  await expect(one, publish("home/attic/light", long));
  await two.send(DISCONNECT);
  assertEquals(await two.receiveAll(), "");
  const { code, stderr } = await (one.close(), server.result("SIGTERM"));
  assertEquals(code, 0);
  assert(!/warning|error/i.test(stderr), stderr);
});

Deno.test("matches() follows the rules of MQTT for wildcards", () => {
  const pairs: [filter: string, topic: string, matches: boolean][] = [
    ["a/b", "a/b", true],
    ["a/b", "a/b/c", false],
    ["a/b", "a", false],
    ["#", "a/b", true],
    ["a/#", "a", true],
    ["a/#", "a/b/c", true],
    ["a/#", "ab", false],
    ["+", "a", true],
    ["+", "/a", false],
    ["+/+", "/a", true],
    ["/+", "/a", true],
    ["a/+", "a", false],
    ["a/+/c", "a//c", true],
    ["#", "$SYS/a", false],
    ["+/a", "$SYS/a", false],
    ["$SYS/#", "$SYS/a", true],
  ];
  for (const [filter, topic, expected] of pairs) {
    assertEquals(matches(filter.split("/"), topic.split("/")), expected, `${filter} ${topic}`);
  }
});

Deno.test("the example mqtt closes the connection of a client that is silent for one and a half keep-alives", async () => {
  await using server = serveMqtt({ port: 0 });
  using watcher = await client(server.addr.port, "watcher");
  await watcher.send(subscribe(1, "wills"));
  await expect(watcher, packet(0x90, 0, 1, 0));
  const start = performance.now();
  using silent = await client(server.addr.port, "silent", 1, 2 | 4, "wills", "silent is gone");
  assertEquals(await silent.receiveAll(), "");
  assert(performance.now() - start > 1400);
  await expect(watcher, publish("wills", "silent is gone"));
  assertEquals([...server.closed], [["idle", 1]]);
  watcher.close();
});

Deno.test("a client that connects again takes the place of its old connection", async () => {
  await using server = serveMqtt({ port: 0 });
  using old = await client(server.addr.port, "one");
  using _new = await client(server.addr.port, "one");
  assertEquals(await old.receiveAll(), "");
});

Deno.test("the example mqtt refuses what breaks the protocol, and serves the others", async () => {
  await using server = await ExampleProcess.serve("mqtt");
  using other = await client(server.port, "other");
  const hello = connect("x");
  const cases: [sent: Uint8Array[], reason: RegExp, answer?: Uint8Array][] = [
    [[PINGREQ], /Expected CONNECT first/],
    [[packet(0x10, "MQTT", 5, 2, 0, 0, 0, "x")], /Expected level 4, got 5/, packet(0x20, 0, 1)],
    [[connect("", 0, 0)], /Expected a client identifier/, packet(0x20, 0, 2)],
    [[packet(0x10, "MQIsdp", 3, 2, 0, 0, "x")], /expected the protocol name MQTT/],
    [[connect("x", 0, 3)], /expected valid flags of CONNECT/],
    [[hello, hello], /Expected one CONNECT, got a second/, packet(0x20, 0, 0)],
    [[hello, packet(0x32, "a", 0, 1)], /expected CONNECT, PUBLISH with QoS 0/, packet(0x20, 0, 0)],
    [[hello, publish("a/+", "x")], /expected a valid topic/, packet(0x20, 0, 0)],
    [[hello, publish("", "x")], /expected a valid topic/, packet(0x20, 0, 0)],
    [[hello, subscribe(1, "a/b#")], /expected a valid topic/, packet(0x20, 0, 0)],
    [[hello, subscribe(0, "a")], /expected a packet identifier above 0/, packet(0x20, 0, 0)],
    [[hello, packet(0x82, 0, 1)], /expected 1 more bytes in the packet|more bytes/, packet(0x20, 0, 0)],
    [[hello, packet(0x82, 0, 1, "a", 3)], /expected a QoS of 0, 1 or 2/, packet(0x20, 0, 0)],
    [[hello, packet(0xc0, 1)], /expected the end of the packet/, packet(0x20, 0, 0)],
    [
      [hello, Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0xff, 1)],
      /expected a length of at most 4 bytes/,
      packet(0x20, 0, 0),
    ],
    [
      [hello, Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f)],
      /Message too long: expected at most 1048576/,
      packet(0x20, 0, 0),
    ],
    [[new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")], /looks like an HTTP request/],
  ];
  for (const [sent, reason, answer = new Uint8Array()] of cases) {
    using peer = await RawPeer.connect(server.port);
    for (const bytes of sent) await peer.send(bytes);
    await expect(peer, answer);
    assertEquals(await peer.receiveAll(), "", String(reason));
    await server.shows(new RegExp(`${peer.address} closed: (malformed|too long) .*${reason.source}`), "stderr");
  }
  await other.send(subscribe(1, ...Array.from({ length: 33 }, (_, index) => `topic/${index}`)));
  await expect(other, packet(0x90, 0, 1, ...Array(32).fill(0), 0x80));
});

Deno.test("packets of MQTT are the same, however the stream is split", () => {
  const stream = [
    connect("x", 60, 2 | 4 | 0xc0, "will", "gone", "user", "password"),
    publish("a", "y".repeat(200)),
    DISCONNECT,
  ];
  const bytes = new Uint8Array(stream.flatMap((packet) => [...packet]));
  const whole = decodeChunks(mqtt(), [bytes]);
  assertEquals(whole.messages.length, 3);
  assertEquals(decodeChunks(mqtt(), Array.from(bytes, (byte) => Uint8Array.of(byte))), whole);
});

Deno.test("a subscriber that does not read loses messages, and holds nobody up", async () => {
  await using server = serveMqtt({ port: 0, writeTimeout: 500 });
  using deaf = await client(server.addr.port, "deaf");
  await deaf.send(subscribe(1, "#"));
  using talker = await client(server.addr.port, "talker");
  const message = publish("a", "x".repeat(10_000));
  for (let round = 0; round < 2000; round++) await talker.send(message);
  await talker.send(PINGREQ);
  await expect(talker, packet(0xd0));
  await within(untilClosed(server), "the deaf client's end");
  talker.close();
});

async function untilClosed({ closed }: ReturnType<typeof serveMqtt>): Promise<void> {
  while (closed.get("too slow") !== 1) await new Promise((resolve) => setTimeout(resolve, 10));
}

const PYTHON_CLIENT = `
import socket, struct, sys

def string(text):
    data = text.encode()
    return struct.pack("!H", len(data)) + data

def packet(kind, body):
    assert len(body) < 128
    return bytes([kind, len(body)]) + body

def receive(stream):
    kind, length = stream.read(2)
    return kind, stream.read(length)

def connect(name):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 10)
    stream = s.makefile("rb")
    s.sendall(packet(0x10, string("MQTT") + bytes([4, 2]) + struct.pack("!H", 60) + string(name)))
    assert receive(stream) == (0x20, b"\\0\\0")
    return s, stream

one, messages = connect("one")
one.sendall(packet(0x82, struct.pack("!H", 7) + string("home/#") + b"\\0"))
assert receive(messages) == (0x90, b"\\0\\7\\0")
two, _ = connect("two")
two.sendall(packet(0x30, string("home/lamp") + b"on"))
print(receive(messages))
two.sendall(packet(0xe0, b""))
one.sendall(packet(0xc0, b""))
print(receive(messages))
`;

const PAHO_CLIENT = `
import sys, queue, paho.mqtt.client as mqtt
arrived = queue.Queue()
def client(name):
    try:
        made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, name)
    except AttributeError:
        made = mqtt.Client(name)
    made.on_message = lambda _client, _data, message: arrived.put((message.topic, message.payload))
    made.on_subscribe = lambda *_: arrived.put("subscribed")
    made.connect("127.0.0.1", int(sys.argv[1]), keepalive=60)
    made.loop_start()
    return made
one, two = client("one"), client("two")
one.subscribe("home/+/lamp")
assert arrived.get(timeout=10) == "subscribed"
two.publish("home/hall/lamp", "on").wait_for_publish(10)
print(arrived.get(timeout=10))
for each in one, two:
    each.disconnect()
    each.loop_stop()
`;

const hasPython = hasProgram("python3", "-c", "import socket");
const hasPaho = hasProgram("python3", "-c", "import paho.mqtt.client");

Deno.test({
  name: "a client in Python publishes and subscribes" + (hasPython ? "" : " (ignored: no python3 here)"),
  ignore: !hasPython,
  async fn() {
    await using server = serveMqtt({ port: 0 });
    const { stdout, stderr } = await python(PYTHON_CLIENT, String(server.addr.port));
    assertEquals([stdout, stderr], ["(48, b'\\x00\\thome/lampon')\n(208, b'')\n", ""]);
  },
});

Deno.test({
  name: "Eclipse Paho publishes and subscribes" + (hasPaho ? "" : " (ignored: no paho-mqtt for python3 here)"),
  ignore: !hasPaho,
  async fn() {
    await using server = serveMqtt({ port: 0 });
    const { stdout, stderr } = await python(PAHO_CLIENT, String(server.addr.port));
    assertEquals(stdout, "('home/hall/lamp', b'on')\n", stderr);
    assertMatch(stderr, /^$/);
  },
});
