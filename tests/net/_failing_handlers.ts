// Servers whose handlers fail, in a program that may configure the log: `none`, `log` or `onError`.

import { configureLog } from "@wirebench/wirebench/log";
import { ConnectionError, connectTcp, connectUdp, framed, serveTcp, serveUdp } from "@wirebench/wirebench/net";
import { decimalHeader } from "@wirebench/wirebench/framing";

const [mode] = Deno.args;
await using _log = mode === "log" ? configureLog({ format: "json" }) : undefined;
const onError = (error: unknown) => {
  console.log((error as Error).message);
};
const options = { port: 0, ...(mode === "onError" ? { onError } : {}) };

async function tcp(handler: Parameters<typeof serveTcp>[1], sent = "x"): Promise<void> {
  await using server = serveTcp(options, handler);
  using connection = await connectTcp({ port: server.addr.port });
  await connection.write(new TextEncoder().encode(sent));
  await connection.readChunk().catch(() => {}); // Until the server ends the connection.
}

await tcp(() => {
  throw new TypeError("a bug \x1b[2J");
});
await tcp(() => {
  throw new ConnectionError("too slow", "a slow peer");
});
await tcp(async (connection) => {
  await framed(connection, decimalHeader()).receive();
}, "not a header");

{
  let failing = true;
  await using server = serveUdp(options, (datagram) => {
    if (!failing) return datagram;
    failing = false;
    throw new TypeError("a bug in UDP");
  });
  using peer = await connectUdp({ port: server.addr.port });
  await peer.send(new Uint8Array(1));
  await peer.send(new Uint8Array(2));
  await peer.receive();
}
