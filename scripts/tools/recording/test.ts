import { decodeChunks, parseFraming } from "../../../lib/framing/mod.ts";
import { plural } from "../../../lib/log/mod.ts";
import { parseEndpoint } from "../../../lib/net/endpoint.ts";
import type { RecordedEvent } from "../../../lib/record/mod.ts";
import type { Flow } from "../../../lib/record/flow.ts";
import type { Connection } from "../../../lib/record/session.ts";
import type { Loaded } from "./files.ts";

/** The functions that start the services whose answers depend on nothing but the requests. */
const SERVERS: ReadonlyMap<string, string> = new Map([
  ["echo", "serveEcho"],
  ["uppercase", "serveUppercase"],
  ["sixteen", "serveSixteen"],
  ["delimited", "serveDelimited"],
  ["tagged", "serveTagged"],
  ["exchange", "serveExchange"],
  ["lines", "serveLines"],
  ["objects", "serveObjects"],
  ["chat", "serveChat"],
]);

/** Kinds of events that a replay needs, in each direction. */
const REPLAYED = { up: ["in", "out", "end", "fault"], down: ["in", "end"] } as const;

/**
 * Writes tests of Deno: one for each direction of a connection, of the decoder, with its input exactly as it was cut; and one
 * that replays the recording against the server.
 */
export function testOf({ name, header, events, session }: Loaded): string {
  const decoders = [...session.connections.values()].flatMap((connection) =>
    (["up", "down"] as const).map((way) => decoderTest(connection, connection[way], session.framing))
  ).filter((test) => test !== undefined);
  const serve = SERVERS.get(header.service ?? "");
  const imports = [
    'import { assertEquals } from "@std/assert";',
    ...(serve === undefined ? [] : [`import { ${serve} } from "@wirebench/wirebench/${header.service}";`]),
    ...(decoders.length === 0 ? [] : ['import { decodeChunks, parseFraming } from "@wirebench/wirebench/framing";']),
    'import { type RecordedEvent, replay } from "@wirebench/wirebench/record";',
  ];
  return [
    `// Made from ${literal(name)} by "deno task recording test". Run it with "deno test --allow-net=127.0.0.1".\n`,
    `${imports.join("\n")}\n`,
    ...(decoders.length === 0 ? [] : [HELPERS]),
    ...decoders,
    `${eventsOf(events)}\n`,
    replayTest(header.to, serve, session.connections.size > 1),
  ].join("\n");
}

const HELPERS = `/** The bytes of a text in which each character stands for one. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
`;

const ORDER = "  // At the recorded times, since a server may read several connections in any order.\n";

/** A test of the decoder, unless the direction has no bytes or no framing, or its beginning is missing. */
function decoderTest({ number }: Connection, flow: Flow, framing: string | undefined): string | undefined {
  const pieces = flow.rows.filter(({ kind, n }) => kind === "piece" && n > 0);
  if (framing === undefined || flow.datagrams || pieces.length === 0 || flow.start > 0) return undefined;
  const chunks = pieces.map(({ at, n }) => flow.slice(at, at + n));
  if (chunks.some((chunk, index) => chunk.length !== pieces[index]!.n)) return undefined;
  const { messages, error } = decodeChunks(parseFraming(framing), chunks);
  const name = `connection ${number} ${flow.way}: ${plural(messages.length, "message")} in ${
    plural(chunks.length, "piece")
  }`;
  const list = (items: readonly Uint8Array[]) => items.map((item) => `    ${literal(item)},\n`).join("");
  return `Deno.test(${literal(name)}, () => {
  // The pieces exactly as they were passed on. Put a framing of your own in place of parseFraming() to test it.
  const pieces = [
${list(chunks)}  ];
  const { messages, error } = decodeChunks(parseFraming(${literal(framing)}), pieces.map(bytes));
  assertEquals(messages, [
${list(messages)}  ].map(bytes));
  assertEquals(error?.message, ${error === undefined ? "undefined" : literal(error.message)});
});
`;
}

/** The events that a replay needs, up to the first that is missing. */
function eventsOf(events: readonly RecordedEvent[]): string {
  const end = events.findIndex(({ k }) => k === "skip");
  const lines = events.slice(0, end === -1 ? events.length : end).filter((event) =>
    event.k === "open" || event.k === "close" || ("w" in event && REPLAYED[event.w].some((kind) => kind === event.k))
  ).map((event) => `  ${JSON.stringify(event)},\n`);
  return `const events: RecordedEvent[] = [\n${lines.join("")}];\n`;
}

function replayTest(to: string, serve: string | undefined, several: boolean): string {
  const endpoint = parseEndpoint(to);
  const target = endpoint.transport === "unix"
    ? `{ transport: "unix", path: ${literal(endpoint.path)} }`
    : `{ transport: "${endpoint.transport}", hostname: ${literal(endpoint.hostname)}, port: ${
      serve === undefined ? endpoint.port : "server.addr.port"
    } }`;
  const server = serve === undefined
    ? "  // Start your server here, or before the test.\n"
    : `  await using server = ${serve}({ port: 0 });\n`;
  return `Deno.test("the server answers as recorded", async () => {
${server}${several ? ORDER : ""}  const connections = await replay(events, { to: ${target}, asFast: ${!several} });
  assertEquals(connections.filter(({ difference }) => difference !== undefined), []);
});
`;
}

/** A literal of a text, or of bytes as a text in which each character stands for one. */
function literal(data: string | Uint8Array): string {
  const text = typeof data === "string" ? data : Array.from(data, (byte) => String.fromCharCode(byte)).join("");
  const short: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\" };
  const escaped = text.replace(/[^ !#-[\]-~]/g, (character) => {
    const code = character.charCodeAt(0);
    return short[character] ??
      (code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`);
  });
  return `"${escaped}"`;
}
