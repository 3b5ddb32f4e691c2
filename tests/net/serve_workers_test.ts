import { assert, assertEquals, assertMatch } from "@std/assert";
import { RawPeer, ServerProcess } from "../harness.ts";

const why = Deno.build.os === "linux" ? "" : " (ignored: only Linux shares a port among threads)";
const ignore = why !== "";

Deno.test({
  name: `limits, counts and the drain cover all workers${why}`,
  ignore,
  async fn() {
    await using server = await ServerProcess.start("echo", { args: ["--workers", "3", "--max-connections", "5"] });
    const peers: RawPeer[] = [];
    const answers: string[] = [];
    for (let count = 0; count < 12; count++) {
      const peer = await server.connect();
      peers.push(peer);
      await peer.send("x").catch(() => {}); // It may have been refused by now.
      answers.push(await peer.receive(1).catch(() => "refused"));
    }
    assertEquals(answers, [...Array(5).fill("x"), ...Array(7).fill("refused")]);
    await server.logged(/refused \(The limit is 5 connections\)/);
    // Any worker may use a place that becomes free.
    await peers[0]!.end();
    assertEquals(await peers[0]!.receiveAll(), "");
    await server.logged(/closed: finished/);
    // The client sees the end a moment before another thread sees the free place.
    let next = await server.connect();
    for (;; next = await server.connect()) {
      await next.send("y").catch(() => {});
      if (await next.receive(1).then((answer) => answer === "y", () => false)) break;
      next.close();
    }
    server.process.kill("SIGTERM");
    await server.logged(/^SIGTERM: letting 5 connections finish/);
    for (const peer of [next, ...peers.slice(1, 5)]) {
      await peer.send("last");
      await peer.end();
      assertEquals(await peer.receiveAll(), "last");
    }
    await server.logged(/^Stopped; connections open at SIGTERM: 5 finished, 0 aborted/);
    const { counts } = await server.logged(/since the start/);
    assertMatch(String(counts), /\b6 finished\b/);
    assertMatch(String(counts), /\b([7-9]|\d\d+) refused\b/);
    for (const peer of [next, ...peers]) peer.close();
  },
});

Deno.test({
  name: `workers log messages and errors as a single thread does${why}`,
  ignore,
  async fn() {
    await using server = await ServerProcess.start("lines", { args: ["--workers", "2", "--max-message", "15"] });
    using peer = await server.connect();
    await peer.send("hello\n");
    assertEquals(await peer.receive(12), "Hello Node!\n");
    const { from, text } = await server.logged(new RegExp(`^${peer.address} -> Server: hello`));
    assertEquals([from, text], [peer.address, "hello"]);
    await peer.send("much too long a line\n");
    assertEquals(await peer.receiveAll(), "");
    const record = await server.logged(/closed/);
    assertEquals([record.level, record.peer, record.reason], ["warning", peer.address, "too long"]);
  },
});

Deno.test({
  name: `workers log no more than their budget, whatever clients send, and count the rest${why}`,
  ignore,
  async fn() {
    await using server = await ServerProcess.start("lines", { args: ["--workers", "2"] });
    const lines = 5000;
    const began = performance.now();
    await Promise.all(Array.from({ length: 4 }, async () => {
      using peer = await server.connect();
      const sending = peer.send(("x".repeat(1000) + "\n").repeat(lines)).then(() => peer.end());
      assertEquals((await peer.receiveAll()).length, lines * "Hello Node!\n".length);
      await sending;
    }));
    await server.stop();
    const seconds = Math.ceil((performance.now() - began) / 1000);
    const shown = server.log.filter(({ text }) => text !== undefined).length;
    const omitted = server.log.map(({ omitted }) => Number(String(omitted ?? "0").replaceAll(",", "")));
    assertEquals(shown + omitted.reduce((sum, count) => sum + count, 0), 4 * 2 * lines);
    assert(shown <= 2 * 1000 * (seconds + 1), `${shown} messages in ${seconds} s`);
  },
});
