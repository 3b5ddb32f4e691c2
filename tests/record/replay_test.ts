import { assert, assertEquals, assertRejects } from "@std/assert";
import net from "node:net";
import type { RecordedEvent } from "../../lib/record/mod.ts";
import { replay, type ReplayedConnection, type ReplayOptions } from "../../lib/record/replay.ts";
import { serveExchange } from "../../services/exchange/server.ts";
import { serveUppercase } from "../../services/uppercase/server.ts";
import { fakeServer, textOf } from "../harness.ts";

/** Events of connections from short words: `1 in up Hello`, `1 out up 5`, `1 end up`, `1 close`; 1 ms from each to the next. */
function events(...lines: string[]): RecordedEvent[] {
  const offsets = new Map<string, number>();
  return lines.map((line, index): RecordedEvent => {
    const [number, k, w, rest = ""] = line.split(" ") as [
      string,
      "in" | "out" | "end" | "open" | "close",
      "up",
      string,
    ];
    const [t, c] = [index * 1000, Number(number)];
    if (k === "open") return { t, k, c, peer: "127.0.0.1:50000" };
    if (k === "close") return { t, k, c, reason: "finished" };
    const key = `${c} ${k === "out"} ${w}`;
    const at = offsets.get(key) ?? 0;
    if (k === "end") return { t, k, c, w, at: offsets.get(`${c} false ${w}`) ?? 0 };
    const n = k === "in" ? rest.length : Number(rest);
    offsets.set(key, at + n);
    return k === "in" ? { t, k, c, w, at, d: btoa(rest) } : { t, k, c, w, at, n };
  });
}

const ofExchange = events(
  "1 open",
  "1 in up Hey",
  "1 out up 2",
  "1 out up 1",
  "1 end up",
  "1 in down received",
  "1 close",
);

/** Replays against a server at a port, as fast as its answers come. */
async function replayTo(
  port: number,
  list: RecordedEvent[],
  options: Partial<ReplayOptions> = {},
): Promise<ReplayedConnection> {
  const to = { transport: "tcp", hostname: "127.0.0.1", port } as const;
  const [connection] = await replay(list, { to, asFast: true, timeout: 5000, ...options });
  return connection!;
}

/** The difference as words. */
function words({ difference }: ReplayedConnection): string {
  if (difference === undefined) return "none";
  const { at, expected, received, instead } = difference;
  return `${at}: ${textOf(expected) || "the end"}, got ${instead ?? textOf(received)}`;
}

Deno.test("a replay sends the pieces as they were passed on, and compares the answer to its end", async () => {
  const pieces: string[] = [];
  await using server = fakeServer(async (peer) => {
    pieces.push(await peer.receive(2));
    await peer.send("received");
    pieces.push(await peer.receiveAll());
  });
  const list = events(
    "1 open",
    "1 in up Hey",
    "1 out up 2",
    "1 in down received",
    "1 out up 1",
    "1 end up",
    "1 end down",
  );
  const connection = await replayTo(server.port, list);
  assertEquals([connection.sent, connection.received, words(connection)], [3, 8, "none"]);
  assertEquals(pieces, ["He", "y"]);
});

Deno.test("a replay names the first byte that differs, one that is missing, and one too many", async () => {
  const cases: [answer: string, difference: string][] = [
    ["received", "none"],
    ["receivEd", "6: ed, got Ed"],
    ["recei", "5: ved, got the end"],
    ["", "0: received, got the end"],
    ["received 3", "8: the end, got  3"],
  ];
  const list = [...ofExchange.slice(0, -1), ...events("1 in down received", "1 end down").slice(1), ofExchange.at(-1)!];
  for (const [answer, difference] of cases) {
    await using server = fakeServer(async (peer) => {
      await peer.receive(3);
      await peer.send(answer);
    });
    assertEquals(words(await replayTo(server.port, list)), difference, answer);
  }
});

Deno.test("a replay waits for an answer before it sends what came after it, and gives up in time", async () => {
  const list = events(
    "1 open",
    "1 in up a",
    "1 out up 1",
    "1 in down A",
    "1 out down 1",
    "1 in up b",
    "1 out up 1",
    "1 end up",
  );
  await using server = fakeServer(async (peer, held) => {
    await peer.receive(1);
    await held;
  });
  const connection = await replayTo(server.port, list, { timeout: 50 });
  assertEquals([connection.sent, words(connection)], [1, "0: A, got nothing within 0.05 s"]);
});

Deno.test("a replay gives up on a server that does not read", async () => {
  await using server = fakeServer((_peer, held) => held);
  const long = new Uint8Array(32 * 1024 * 1024);
  const connection = await replayTo(server.port, [
    { t: 0, k: "in", c: 1, w: "up", at: 0, d: long.toBase64() },
    { t: 1, k: "out", c: 1, w: "up", at: 0, n: long.length },
    { t: 2, k: "in", c: 1, w: "down", at: 0, d: btoa("A") },
  ], { timeout: 100 });
  assertEquals([connection.sent, words(connection)], [0, "0: A, got a server that read nothing for 0.1 s"]);
});

Deno.test("a replay says that the server reset the connection", async () => {
  // Deno's own sockets cannot reset.
  const server = net.createServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const connection = await replayTo(port, events("1 open", "1 in up a", "1 out up 1", "1 in down A"));
  assertEquals(words(connection), "0: A, got a reset");
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("a replay keeps the recorded times, unless it is to be as fast as answers come", async () => {
  await using server = serveExchange({ port: 0 });
  const slowed = (times: number) => ofExchange.map((event) => "t" in event ? { ...event, t: event.t * times } : event);
  const began = performance.now();
  assertEquals(words(await replayTo(server.addr.port, slowed(50), { asFast: false })), "none");
  assert(performance.now() - began >= 300);
  // Hours in the recording.
  assertEquals(words(await replayTo(server.addr.port, slowed(1e6))), "none");
});

Deno.test("a replay keeps the order across connections: what one causes another to receive", async () => {
  // A server that tells the first connection what the second says.
  const first = Promise.withResolvers<void>();
  const said = Promise.withResolvers<string>();
  let count = 0;
  await using server = fakeServer(async (peer, held) => {
    if (count++ === 0) {
      first.resolve();
      await peer.send(await said.promise);
      await peer.receive(1);
    } else {
      said.resolve(await peer.receive(3));
    }
    await held;
  });
  const list = events(
    ...["1 open", "2 open", "2 in up abc", "2 out up 3", "1 in down abc", "1 out down 3", "1 in up !", "1 out up 1"],
  );
  const to = { transport: "tcp", hostname: "127.0.0.1", port: server.port } as const;
  const replayed = await replay(list, { to, asFast: true });
  assertEquals(replayed.map((connection) => [connection.connection, connection.sent, words(connection)]), [
    [1, 1, "none"],
    [2, 3, "none"],
  ]);
});

Deno.test("a replay over UDP sends each datagram as it was passed on, and compares each answer", async () => {
  await using server = serveUppercase({ port: 0 });
  const list: RecordedEvent[] = [
    { t: 0, k: "open", c: 1, peer: "127.0.0.1:50000" },
    { t: 1, k: "in", c: 1, w: "up", at: 0, i: 1, d: btoa("one") },
    { t: 2, k: "in", c: 1, w: "up", at: 3, i: 2, d: "" },
    { t: 3, k: "fault", c: 1, w: "up", at: 3, i: 2, kind: "repeated" },
    { t: 4, k: "out", c: 1, w: "up", at: 3, i: 2, n: 0 },
    { t: 5, k: "in", c: 1, w: "down", at: 0, i: 1, d: "" },
    { t: 6, k: "out", c: 1, w: "up", at: 3, i: 2, n: 0 },
    { t: 7, k: "in", c: 1, w: "down", at: 0, i: 2, d: "" },
    { t: 8, k: "out", c: 1, w: "up", at: 0, i: 1, n: 3 },
    { t: 9, k: "in", c: 1, w: "down", at: 0, i: 3, d: btoa("ONE") },
  ];
  const to = { transport: "udp", hostname: "127.0.0.1", port: server.addr.port } as const;
  const [same] = await replay(list, { to, asFast: true });
  assertEquals([same!.sent, same!.received, words(same!)], [3, 3, "none"]);
  const [other] = await replay([...list.slice(0, -1), { ...list.at(-1)!, d: btoa("ONLY") } as RecordedEvent], { to });
  assertEquals([words(other!), other!.difference!.datagram], ["2: LY, got E", 3]);
  const [silent] = await replay([...list, { t: 10, k: "in", c: 1, w: "down", at: 3, i: 4, d: btoa("x") }], {
    to,
    timeout: 50,
  });
  assertEquals([words(silent!), silent!.difference!.datagram], ["3: x, got nothing within 0.05 s", 4]);
});

Deno.test("a replay ends at a reset, at missing events, and when it is aborted", async () => {
  await using server = serveExchange({ port: 0 });
  const skipped = [...ofExchange.slice(0, 3), { k: "skip", n: 3 } as const, ...events("1 in down never")];
  assertEquals(words(await replayTo(server.addr.port, skipped)), "none");
  await assertRejects(
    () => replayTo(server.addr.port, ofExchange, { signal: AbortSignal.abort(new Error("stop")) }),
    Error,
    "stop",
  );
  const aborted = new AbortController();
  const waiting = replayTo(server.addr.port, events("1 open", "1 in down never"), { signal: aborted.signal });
  aborted.abort(new Error("stop"));
  await assertRejects(() => waiting, Error, "stop");
});
