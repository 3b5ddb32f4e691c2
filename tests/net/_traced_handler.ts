// A server whose handler starts a span of its own, after it has waited.

import { connectTcp, serveTcp } from "@wirebench/wirebench/net";

const tracer = Deno.telemetry.tracerProvider.getTracer("test");
await using server = serveTcp({ port: 0 }, async (connection) => {
  await connection.readChunk();
  tracer.startSpan("work").end();
});
using connection = await connectTcp({ port: server.addr.port });
await connection.write(new Uint8Array(1));
await connection.readChunk();
