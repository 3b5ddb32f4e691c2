import { assertEquals } from "@std/assert";
import { ServerProcess } from "../harness.ts";

/** Lines of all lengths up to 40, with what a count in words of four bytes could take for a newline. */
const LINES = Array.from({ length: 40 }, (_, length) => "\v\x8a\t"[length % 3]!.repeat(length) + "\n").join("\n");

for (const service of ["delimited", "lines"]) {
  Deno.test(`${service}:server logs each message or counts it, in whatever chunks it arrives`, async () => {
    await using server = await ServerProcess.start(service);
    using peer = await server.connect();
    const sent = LINES.repeat(50);
    const received = peer.receiveAll();
    for (let at = 0, length; at < sent.length; at += length) {
      length = 1 + at % 5003;
      await peer.send(sent.slice(at, at + length));
    }
    await peer.end();
    await received;
    await server.stop();
    const logged = server.log.filter(({ text }) => text !== undefined).length;
    const omitted = server.log.flatMap(({ message, omitted }) =>
      / more messages?$/.test(message) ? [Number(String(omitted).replaceAll(",", ""))] : []
    );
    assertEquals(logged + omitted.reduce((sum, count) => sum + count, 0), 2 * (sent.split("\n").length - 1));
  });
}
