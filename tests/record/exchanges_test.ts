import { assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { parseFraming } from "../../lib/framing/mod.ts";
import {
  dissector,
  dissectorName,
  parseRecording,
  pcapng,
  Recorder,
  type Recording,
  replay,
} from "../../lib/record/mod.ts";
import { Session } from "../../lib/record/session.ts";
import { type Exchange, stageAt } from "../../scripts/tools/demo/exchanges.ts";
import { serveProxy } from "../../services/proxy/server.ts";
import { QUICK_EXCHANGES } from "../exchanges.ts";
import { ServerProcess, temporaryFolder } from "../harness.ts";
import { complaints, fieldsOf, hasTshark, why } from "./tshark.ts";

/** Records the exchange of a service through faults, and calls `use` while the server runs. */
async function recordExchange(
  { service, transport, servers = [[]], run }: Exchange,
  use: (recording: Recording, port: number) => Promise<void> | void,
): Promise<void> {
  for (const args of servers) {
    await using server = await ServerProcess.start(service, { args });
    const scheme = transport.toLowerCase();
    const faults = transport === "TCP" ? { cut: [1, 7] as const, delay: [0, 3] as const } : { reorder: 0 };
    const recorder = new Recorder({ service });
    const to = `${scheme}://127.0.0.1:${server.port}`;
    const proxy = await serveProxy({ listen: `${scheme}://127.0.0.1:0`, to, tap: recorder, seed: 7, ...faults });
    try {
      await run(stageAt(service, { port: (proxy.addr as Deno.NetAddr).port, args }));
    } finally {
      await proxy.shutdown();
    }
    await use(parseRecording([...recorder.snapshot()].join("")), server.port);
  }
}

const recorded = QUICK_EXCHANGES.filter(({ service }) => service !== "dispatch");

for (const exchange of recorded) {
  const { service, transport, framing } = exchange;
  Deno.test({
    name: `Wireshark finds nothing wrong with a recording of ${service}, and its messages${why}`,
    ignore: !hasTshark,
    async fn() {
      await recordExchange(exchange, ({ header, events }) => {
        using folder = temporaryFolder();
        const capture = `${folder.path}/a.pcapng`;
        Deno.writeFileSync(capture, concat([...pcapng(header!, events)]));
        if (framing === undefined) return assertEquals(complaints(capture), []);
        const script = `${folder.path}/a.lua`;
        const ports = [header!.listen, header!.to].map((address) => Number(address.split(":").at(-1)));
        Deno.writeTextFileSync(script, dissector([{ name: framing, layout: parseFraming(framing).layout }], ports));
        const lua = ["-X", `lua_script:${script}`];
        assertEquals(complaints(capture, ...lua), []);
        const session = new Session(header!, framing);
        for (const event of events) session.add(event);
        const flows = [...session.connections.values()].flatMap(({ up, down }) => [up, down]);
        // Each message passes on one side when it arrives, and on the other when it is passed on.
        const ends = flows.flatMap(({ messages, passed }) =>
          messages.flatMap(({ end = Infinity }) => [end < Infinity, end <= passed])
        );
        const name = dissectorName(framing);
        const lengths = fieldsOf(capture, [`${name}.length`], name, ...lua).flatMap(([row]) => row!.split(" "));
        assertEquals(lengths.length, ends.filter(Boolean).length);
      });
    },
  });

  // The clock never says the same again; in a chat a message may overtake another member's joining.
  if (service === "clock" || service === "chat") continue;
  Deno.test(`a replay of a recording of ${service} gets the same answers`, async () => {
    await recordExchange(exchange, async ({ events }, port) => {
      const to = { transport: transport === "TCP" ? "tcp" : "udp", hostname: "127.0.0.1", port } as const;
      const connections = await replay(events, { to, asFast: true });
      assertEquals(connections.filter(({ difference }) => difference !== undefined), []);
    });
  });
}
