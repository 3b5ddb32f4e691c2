import { ServerProcess, textOf, within } from "../harness.ts";
import { Collector, type Point } from "./_collector.ts";
import { assertEquals } from "@std/assert";
import { connectTcp, connectUdp, serveTcp } from "@wirebench/wirebench/net";

/** Data points without the attributes of the server, in the order of their text. */
function table(points: Point[], server: Record<string, unknown>): string[] {
  return points.map(({ name, unit, kind, value, attributes }) => {
    for (const [key, expected] of Object.entries(server)) assertEquals(attributes[key], expected, `${name} ${key}`);
    const own = Object.entries(attributes).filter(([key]) => !(key in server)).map(([key, value]) => `${key}=${value}`);
    return [name, kind, unit, value, ...own].join(" ");
  }).sort();
}

Deno.test("with OTEL_DENO=true, a service exports its metrics and a span for each connection under its own permissions", async () => {
  await using collector = new Collector();
  const server = await ServerProcess.start("fixed", {
    args: ["--length", "4", "--max-connections", "1"],
    wrapper: collector.wrapper,
  });
  const peers: string[] = [];
  {
    await using _server = server;
    const complete = await server.connect();
    peers.push(complete.address);
    for (const message of ["Hey,", "you!"]) {
      await complete.send(message);
      assertEquals(await complete.receive(4), message);
    }
    const refused = await server.connect();
    assertEquals(await refused.receiveAll(), "");
    refused.close();
    await complete.end();
    assertEquals(await complete.receiveAll(), "");
    complete.close();

    const truncated = await server.connect();
    peers.push(truncated.address);
    await truncated.send("Hey");
    await truncated.end();
    assertEquals(await truncated.receiveAll(), "");
    truncated.close();
    await server.logged(/closed: truncated/);
  }
  const listening = { "network.transport": "tcp", "server.address": "127.0.0.1", "server.port": server.port };
  assertEquals(table(collector.points, listening), [
    "wirebench.server.connections.accepted counter {connection} 2",
    "wirebench.server.connections.closed counter {connection} 1 wirebench.close_reason=finished",
    "wirebench.server.connections.closed counter {connection} 1 wirebench.close_reason=truncated",
    "wirebench.server.connections.open up-down counter {connection} 0",
    "wirebench.server.connections.refused counter {connection} 1 wirebench.close_reason=refused",
    "wirebench.server.io counter By 11 network.io.direction=receive",
    "wirebench.server.io counter By 8 network.io.direction=transmit",
    "wirebench.server.message.duration histogram s 2",
    "wirebench.server.messages counter {message} 2 network.io.direction=receive",
    "wirebench.server.messages counter {message} 2 network.io.direction=transmit",
  ]);
  const counts = (bytes: [number, number], messages: [number, number]) => ({
    "wirebench.connection.bytes_received": bytes[0],
    "wirebench.connection.bytes_sent": bytes[1],
    "wirebench.connection.messages_received": messages[0],
    "wirebench.connection.messages_sent": messages[1],
  });
  const spans = collector.spans.map(({ name, attributes, status }) => {
    const { "network.peer.address": host, "network.peer.port": port, ...rest } = attributes;
    return { name, peer: `${host}:${port}`, status: status.code, rest };
  });
  assertEquals(spans, [
    {
      name: "connection",
      peer: peers[0]!,
      status: 0,
      rest: { ...listening, "wirebench.close_reason": "finished", ...counts([8, 8], [2, 2]) },
    },
    {
      name: "connection",
      peer: peers[1]!,
      status: 0,
      rest: { ...listening, "wirebench.close_reason": "truncated", ...counts([3, 0], [0, 0]) },
    },
  ]);
});

Deno.test("with OTEL_DENO=true, the metrics of all workers are added up", async () => {
  await using collector = new Collector();
  const server = await ServerProcess.start("sixteen", { args: ["--workers", "2"], wrapper: collector.wrapper });
  const connections = 20;
  {
    await using _server = server;
    await Promise.all(Array.from({ length: connections }, async () => {
      using peer = await server.connect();
      await peer.send("Hi there, server");
      await peer.end();
      assertEquals(await peer.receiveAll(), "Farewell, client");
    }));
  }
  const valueOf = (name: string) => collector.points.find((point) => point.name === name)?.value;
  assertEquals(valueOf("wirebench.server.connections.accepted"), connections);
  assertEquals(valueOf("wirebench.server.message.duration"), connections);
  assertEquals(collector.spans.length, connections);
});

Deno.test("with OTEL_DENO=true, a UDP service exports its datagrams as messages", async () => {
  await using collector = new Collector();
  const server = await ServerProcess.start("uppercase", { wrapper: collector.wrapper });
  {
    await using _server = server;
    using peer = await connectUdp({ port: server.port });
    await peer.send(new TextEncoder().encode("hey"));
    assertEquals(textOf(await peer.receive()), "HEY");
  }
  const listening = { "network.transport": "udp", "server.address": "127.0.0.1", "server.port": server.port };
  assertEquals(table(collector.points, listening), [
    "wirebench.server.io counter By 3 network.io.direction=receive",
    "wirebench.server.io counter By 3 network.io.direction=transmit",
    "wirebench.server.message.duration histogram s 1",
    "wirebench.server.messages counter {message} 1 network.io.direction=receive",
    "wirebench.server.messages counter {message} 1 network.io.direction=transmit",
  ]);
});

/** Runs a program of this folder that exports to a collector. */
async function runProgram(collector: Collector, name: string, ...args: string[]): Promise<void> {
  const [program, ...env] = collector.wrapper;
  const file = new URL(name, import.meta.url).pathname;
  const process = new Deno.Command(program!, {
    args: [...env, Deno.execPath(), "run", "-q", "--no-prompt", "--allow-net=127.0.0.1", file, ...args],
  });
  const { success, stderr } = await within(process.output(), "the end of the program");
  assertEquals(success, true, textOf(stderr));
}

Deno.test("the span of a connection has the error of its handler", async () => {
  await using collector = new Collector();
  await runProgram(collector, "_failing_handlers.ts", "onError");
  const ends = collector.spans.map(({ attributes, status, events }) =>
    [attributes["wirebench.close_reason"], status, events] as const
  );
  assertEquals(ends, [
    ["failed", { code: 2, message: "a bug \x1b[2J" }, ["exception"]],
    ["too slow", { code: 0, message: "" }, []],
    ["malformed", { code: 0, message: "" }, []],
  ]);
});

Deno.test("spans that a handler starts are children of its connection's span", async () => {
  await using collector = new Collector();
  await runProgram(collector, "_traced_handler.ts");
  const [connection, work] = ["connection", "work"].map((name) => collector.spans.find((span) => span.name === name));
  assertEquals(connection?.parentSpanId, "");
  assertEquals(work?.parentSpanId, connection?.spanId);
});

Deno.test("without OTEL_DENO, connections count nothing", async () => {
  const counts: unknown[] = [];
  await using server = serveTcp({}, (connection) => {
    counts.push(connection.telemetry);
  });
  using connection = await connectTcp({ port: server.addr.port });
  assertEquals(await connection.readChunk(), null);
  assertEquals([...counts, connection.telemetry], [undefined, undefined]);
});
