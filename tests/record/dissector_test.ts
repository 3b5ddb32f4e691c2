import { assert, assertEquals } from "@std/assert";
import { delimited, FrameScanner, parseFraming, partsOf } from "../../lib/framing/mod.ts";
import { dissector, dissectorName } from "../../lib/record/dissector.ts";
import type { RecordedEvent } from "../../lib/record/mod.ts";
import { temporaryFolder } from "../harness.ts";
import { complaints, fieldsOf, hasTshark, HEADER, why, writeCapture } from "./tshark.ts";

const CLIENT_PORT = 10_000;
const TARGET_PORT = 20_000;

const long = "x".repeat(300);

/** A stream in each framing: three messages at least, one of them empty where it can be. */
const STREAMS: Record<string, string> = {
  "header": `5         Hello0         ${"300".padEnd(10)}${long}  3       Hey`,
  "lines": `Hello\n\nwith a return\r\nx\rx\r\n${long}\n`,
  "netstring": `5:Hello,0:,300:${long},`,
  "length1": "\x05Hello\x00\x03Hey",
  "length2": `\0\x05Hello\0\0\x01\x2c${long}`,
  "length4": `\0\0\0\x05Hello\0\0\0\0\0\0\x01\x2c${long}`,
  "length8": `\0\0\0\0\0\0\0\x05Hello\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x2c${long}`,
  "length2le": `\x05\0Hello\0\0\x2c\x01${long}`,
  "length4le": `\x05\0\0\0Hello\0\0\0\0\x2c\x01\0\0${long}`,
  "length8le": `\x05\0\0\0\0\0\0\0Hello\0\0\0\0\0\0\0\0\x2c\x01\0\0\0\0\0\0${long}`,
  "field:bytes=3,endian=little,adjustment=1": "\x05\0\0\x07Hello\0\0\0\x08\x03\0\0\x09Hey",
  "field:bytes=varint,offset=1,strip=0": `\x30\x05Hello\x31\0\x32\xac\x02${long}`,
  "field:bytes=2,offset=2,adjustment=-4,strip=6": "ab\0\x0bcdHelloab\0\x06cd",
  "fixed:4": "HeyaHeybHeyc",
  "tagged:A=4,B=16,\\xff=0": "AfourBexactly sixteen!\xffAmore",
  "delimited:\\r\\n": `Hello\r\n\r\nx\rx\n\r\r\n${long}\r\n`,
  "delimited:aab": "Helloaabxaaabaab",
};

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** The events of one connection on which these bytes pass one by one. */
function singleBytes(connection: number, stream: Uint8Array): RecordedEvent[] {
  const [t, c, w] = [1000 * connection, connection, "up"] as const;
  return [
    { t, c, k: "open", peer: `127.0.0.1:${CLIENT_PORT + c}`, source: `127.0.0.1:${TARGET_PORT + c}` },
    { t, c, k: "in", w, at: 0, d: stream.toBase64() },
    ...Array.from(stream, (_, at) => ({ t: t + at, c, k: "out", w, at, n: 1 } as const)),
    { t, c, k: "end", w, at: stream.length },
  ];
}

Deno.test({
  name: `Wireshark finds the same parts as the library in messages cut into single bytes, for every framing${why}`,
  ignore: !hasTshark,
  fn() {
    using folder = temporaryFolder();
    const names = Object.keys(STREAMS);
    const framings = names.map((name) => ({ name, layout: parseFraming(name).layout }));
    const capture = `${folder.path}/capture.pcapng`;
    writeCapture(capture, HEADER, names.flatMap((name, index) => singleBytes(index, latin1(STREAMS[name]!))));
    const script = `${folder.path}/dissectors.lua`;
    Deno.writeTextFileSync(script, dissector(framings));
    const ports = names.flatMap((name, index) => ["-d", `tcp.port==${TARGET_PORT + index},${dissectorName(name)}`]);
    const args = ["-X", `lua_script:${script}`, ...ports];

    const columns = framings.flatMap(({ name, layout }, index) =>
      partsOf(layout).map(({ name: part }) => ({ index, name, part, field: `${dissectorName(name)}.${part}` }))
    );
    const rows = fieldsOf(capture, columns.map(({ field }) => field), `tcp.port >= ${TARGET_PORT}`, ...args);
    for (const [column, { index, name, part }] of columns.entries()) {
      const found = rows.map((row) => row[column]!).filter((value) => value !== "");
      const stream = latin1(STREAMS[name]!);
      const expected = new FrameScanner(framings[index]!.layout).push(stream)
        .filter(({ name, start, end }) => name === part && end! > start)
        .map(({ start, end }) => stream.subarray(start, end).toHex());
      assertEquals(found, expected, `${part} of ${name}`);
    }
    assertEquals(complaints(capture, ...args), []);
  },
});

/** Streams that a framing refuses, with a limit of 20 bytes. */
const REFUSED: [name: string, stream: string][] = [
  ["header", "5 5       Hello"],
  ["header", "          "],
  ["header", "GET / HTTP"],
  ["header", "21        "],
  ["lines", "x".repeat(22)],
  ["delimited:aab", `${"x".repeat(21)}aab`],
  ["netstring", "05:Hello,"],
  ["netstring", ":Hello,"],
  ["netstring", "5;Hello,"],
  ["netstring", "21:"],
  ["netstring", "5:Hello;"],
  ["length2", "\0\x15"],
  ["length4", "\xff\xff\xff\xff"],
  ["field:bytes=varint", "\x80\x80\x80\x80\x80\x80\x80\x80"],
  ["field:bytes=2,adjustment=-4", "\0\x03"],
  ["tagged:A=4", "Afourb"],
];

Deno.test({
  name: `Wireshark says that a stream does not fit where the library refuses it${why}`,
  ignore: !hasTshark,
  fn() {
    using folder = temporaryFolder();
    const capture = `${folder.path}/capture.pcapng`;
    writeCapture(capture, HEADER, REFUSED.flatMap(([, stream], index) => singleBytes(index, latin1(stream))));
    const framings = [...new Set(REFUSED.map(([name]) => name))]
      .map((name) => ({ name, layout: parseFraming(name, { maxLength: 20 }).layout }));
    const script = `${folder.path}/dissectors.lua`;
    Deno.writeTextFileSync(script, dissector(framings));
    const ports = REFUSED.flatMap(([name], index) => ["-d", `tcp.port==${TARGET_PORT + index},${dissectorName(name)}`]);
    const unfit = framings.map(({ name }) => `${dissectorName(name)}.unfit`).join(" || ");
    const rows = fieldsOf(
      capture,
      ["tcp.srcport", "frame.comment"],
      `(${unfit}) && tcp.srcport >= ${TARGET_PORT}`,
      ...["-X", `lua_script:${script}`, ...ports],
    );
    for (const [index, [name, stream]] of REFUSED.entries()) {
      const scanner = new FrameScanner(framings.find((framing) => framing.name === name)!.layout);
      const bytes = latin1(stream);
      let at = 0;
      while (at < bytes.length && scanner.failure === undefined) scanner.push(bytes.subarray(at, ++at));
      const row = rows.find(([port]) => Number(port) === TARGET_PORT + index);
      assertEquals(row?.[1], `connection ${index} up, piece: bytes ${at - 1} to ${at}`, `${name} ${stream}`);
      assert(scanner.failure !== undefined, name);
    }
  },
});

Deno.test({
  name: `a dissector runs nothing of the name of its framing${why}`,
  ignore: !hasTshark,
  fn() {
    using folder = temporaryFolder();
    const delimiter = '"}, {}) os.exit(7) --\n]] os.exit(7)\\';
    const framing = { name: `delimited:${delimiter}`, layout: delimited(delimiter).layout! };
    const capture = `${folder.path}/capture.pcapng`;
    writeCapture(capture, HEADER, singleBytes(1, latin1(`Hey${delimiter}`)));
    const script = `${folder.path}/dissector.lua`;
    Deno.writeTextFileSync(script, dissector([framing], [9001]));
    const args = ["-X", `lua_script:${script}`, "-d", `tcp.port==${TARGET_PORT + 1},${dissectorName(framing.name)}`];
    const rows = fieldsOf(capture, [`${dissectorName(framing.name)}.payload`], dissectorName(framing.name), ...args);
    assertEquals(rows.at(-1), [latin1("Hey").toHex()]);
  },
});
