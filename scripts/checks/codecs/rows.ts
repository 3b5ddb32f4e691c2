import { concat } from "@std/bytes/concat";
import {
  decimalHeader,
  decodePickle,
  delimited,
  encodePickle,
  encodeText,
  fixed,
  type Framing,
  json,
  type JsonValue,
  lengthPrefix,
  lines,
  netstring,
  type PickleValue,
  tagged,
  type TaggedMessage,
  text,
} from "@wirebench/wirebench/framing";
import * as byHand from "./by_hand.ts";
import { chunksFor, type Contestant, cut, own, ownStream, type Side, type Sink } from "./contestant.ts";
import type * as Peers from "./peers.ts";
import { type Reply, resp } from "./resp.ts";

/** A contestant with its input. */
export interface Runner {
  name: string;
  side: Side;
  /** Decodes or encodes all messages of the row once. */
  pass(sink: Sink): void | Promise<void>;
}

/** The least ratios of speed: of this library to the best peer, and to the loop by hand. */
export type Floors = Partial<Record<"peer" | "limit", number | undefined>>;

/** The same work for several contestants. */
export interface Row {
  title: string;
  /** The results of a pass, in order. */
  expected: unknown[];
  /** The contestants, this library first. */
  runners: Runner[];
  floors: Floors;
}

/** Rows with the same contestants. */
export interface Group {
  name: string;
  title: string;
  /** Makes rows for passes of about so many bytes, one row at a time, since each holds a multiple of that. */
  rows(bytes: number): Generator<Row>;
}

/** Lengths of messages, and of the chunks in which they arrive, in bytes. */
const SIZES = [16, 64, 1024];
const CHUNKS = [64 * 1024, 1460, 7];
/** A message longer than its chunks. */
const LARGE = 256 * 1024;
const CASES = [...SIZES.flatMap((size) => CHUNKS.map((chunk) => [size, chunk] as const)), [LARGE, CHUNKS[0]!] as const];
/** Passes in tiny chunks are shorter by this factor. */
const TINY = 16;

/** Payloads of lower-case letters that differ from each other, of a total of about so many bytes. */
function textsOf(size: number, bytes: number): string[] {
  const letters = "abcdefghijklmnopqrstuvwxyz".repeat(Math.ceil(size / 26) + 1);
  return Array.from({ length: Math.ceil(bytes / size) }, (_, at) => letters.slice(at % 26, at % 26 + size));
}

function show(bytes: number): string {
  return bytes % 1024 === 0 ? `${bytes / 1024} KiB` : `${bytes} B`;
}

/** Rows of a decoder: messages of each size in chunks of each size. */
function decoding<Message>(
  framingOf: (size: number) => Framing<Message, Message>,
  messageOf: (text: string) => Message,
  others: Contestant<Message>[] = [],
  floors: (size: number, chunk: number) => Floors = () => ({}),
): Group["rows"] {
  return function* (bytes) {
    for (const [size, chunk] of CASES) {
      const framing = framingOf(size);
      const expected = textsOf(size, chunk < size ? bytes / TINY : bytes).map(messageOf);
      const chunks = cut(concat(expected.map((message) => framing.encode(message))), chunk);
      yield {
        title: `${show(size)} in ${show(chunk)}`,
        expected,
        runners: [own(framing), ...others].map((contestant) => {
          const input = chunksFor(contestant.fed, chunks);
          const { name, side } = contestant;
          return { name, side, pass: (sink) => contestant.decode(input, sink) };
        }),
        floors: size === LARGE ? {} : floors(size, chunk),
      };
    }
  };
}

/** Replies of Redis by kind. */
const REPLIES: [title: string, reply: Reply][] = [
  ["+OK", "OK"],
  ["16 B", "abcdefghijklmnop"],
  ["1 KiB", "abcdefghijklmnop".repeat(64)],
  ["array of 10 x 16 B", new Array<Reply>(10).fill("abcdefghijklmnop")],
];

/** Rows of the decoders of replies. */
function replies(contestants: Contestant<Reply>[], floors: Floors): Group["rows"] {
  return function* (bytes) {
    for (const [title, reply] of REPLIES) {
      const encoded = resp.encode(reply);
      const expected = new Array<Reply>(Math.ceil(bytes / encoded.length)).fill(reply);
      const stream = concat(expected.map(() => encoded));
      for (const chunk of CHUNKS.slice(0, 2)) {
        yield {
          title: `${title} in ${show(chunk)}`,
          expected,
          runners: contestants.map(({ name, side, fed, decode }) => {
            const input = chunksFor(fed, cut(stream, chunk));
            return { name, side, pass: (sink) => decode(input, sink) };
          }),
          floors,
        };
      }
    }
  };
}

/** Rows of an encoder: messages of each size. */
function* encoding<Message>(
  bytes: number,
  name: string,
  { encode }: Framing<unknown, Message>,
  messageOf: (text: string) => Message,
  byHand?: (message: Message) => Uint8Array,
): Generator<Row> {
  for (const size of [...SIZES, LARGE]) {
    const messages = textsOf(size, bytes).map(messageOf);
    const runner = (name: string, side: Side, encode: (message: Message) => Uint8Array): Runner => ({
      name,
      side,
      pass(sink) {
        for (const message of messages) sink(encode(message));
      },
    });
    yield {
      title: `${name}, ${show(size)}`,
      expected: messages.map((message) => encode(message)),
      runners: [
        runner("Wirebench", "own", encode),
        ...(byHand === undefined ? [] : [runner("by hand", "limit", byHand)]),
      ],
      floors: {},
    };
  }
}

/** Rows of the pickle codec: values of each kind. */
function pickles(
  work: (value: PickleValue, pickled: Uint8Array) => Record<string, () => unknown>,
  resultOf: (value: PickleValue, pickled: Uint8Array) => unknown,
  floors: Floors,
): Group["rows"] {
  return function* (bytes) {
    for (const [title, value, { large = false } = {}] of VALUES) {
      const pickled = encodePickle(value);
      const count = Math.ceil(bytes / TINY / pickled.length);
      yield {
        title,
        expected: Array(count).fill(resultOf(value, pickled)),
        runners: Object.entries(work(value, pickled)).map(([name, run]) => ({
          name,
          side: name === "Wirebench" ? "own" : "peer",
          pass(sink) {
            for (let done = 0; done < count; done++) sink(run());
          },
        })),
        floors: large ? {} : floors,
      };
    }
  };
}

const upTo = (count: number) => Array.from({ length: count }, (_, at) => at);
const VALUES: [title: string, value: PickleValue, options?: { large: boolean }][] = [
  ["the tutorial's dict", new Map([[1, "Hey"], [2, "There"]])],
  ["list of 1000 ints", upTo(1000).map((at) => at * 37)],
  ["list of 1000 floats", upTo(1000).map((at) => at + 0.5)],
  ["dict of 1000 texts", new Map(upTo(1000).map((at) => [`key ${at}`, `value ${at}`]))],
  [
    "list of 100 records",
    upTo(100).map((at) =>
      new Map<string, PickleValue>([
        ["id", at],
        ["name", `user ${at}`],
        ["score", at + 0.25],
        ["active", at % 2 === 0],
        ["tags", ["a", "b", `tag ${at}`]],
      ])
    ),
  ],
  ["256 KiB of bytes", new Uint8Array(LARGE), { large: true }],
];

/** All groups, in the order of the report. */
export function groupsOf(peers: typeof Peers): Group[] {
  const unchanged = (text: string) => text;
  const tag = (text: string): TaggedMessage<"A"> => ({ type: "A", body: encodeText(text) });
  const object = (text: string): JsonValue => ({ text });
  const textLines = text(lines());
  const four = lengthPrefix({ bytes: 4 });
  const decimal = decimalHeader();
  const { ENCODERS } = byHand;
  return [
    {
      name: "text-lines",
      title: "Decode lines of text",
      rows: decoding(
        () => textLines,
        unchanged,
        [ownStream(textLines), ...peers.TEXT_LINES, byHand.TEXT_LINES],
        (size, chunk) => ({ peer: size > 64 ? undefined : chunk < size ? 0.9 : 1, limit: 0.4 }),
      ),
    },
    {
      name: "lines",
      title: "Decode lines of bytes",
      rows: decoding(
        () => lines(),
        encodeText,
        [ownStream(lines()), ...peers.LINES, byHand.LINES],
        () => ({ peer: 0.9, limit: 0.3 }),
      ),
    },
    {
      name: "length-prefix",
      title: "Decode a length of four bytes",
      rows: decoding(
        () => four,
        encodeText,
        [...peers.LENGTH_PREFIX, byHand.LENGTH_PREFIX],
        (size) => ({ peer: size === 64 ? 0.9 : undefined, limit: 0.3 }),
      ),
    },
    {
      name: "decimal-header",
      title: "Decode the decimal header",
      rows: decoding(
        () => decimal,
        encodeText,
        [...peers.DECIMAL_HEADER, byHand.DECIMAL_HEADER],
        () => ({ peer: 1.2, limit: 0.3 }),
      ),
    },
    {
      name: "text-decimal-header",
      title: "Decode text behind the decimal header",
      rows: decoding(
        () => text(decimal),
        unchanged,
        [...peers.DECIMAL_HEADER.map(peers.asText), byHand.TEXT_DECIMAL_HEADER],
        () => ({ peer: 1.2 }),
      ),
    },
    {
      name: "netstring",
      title: "Decode netstrings",
      rows: decoding(
        () => netstring(),
        encodeText,
        [...peers.NETSTRING, byHand.NETSTRING],
        () => ({ peer: 1.2, limit: 0.3 }),
      ),
    },
    {
      name: "resp",
      title: "Decode replies of Redis, as text",
      rows: replies([own(resp), ...peers.RESP], { peer: 0.8 }),
    },
    {
      name: "pickle-decode",
      title: "Decode pickles",
      rows: pickles(
        (_, pickled) => ({ Wirebench: () => decodePickle(pickled), pickleparser: () => peers.parsePickle(pickled) }),
        (value) => value,
        { peer: 0.9 },
      ),
    },
    {
      name: "pickle-encode",
      title: "Encode pickles",
      rows: pickles((value) => ({ Wirebench: () => encodePickle(value) }), (_, pickled) => pickled, {}),
    },
    {
      name: "encode",
      title: "Encode",
      *rows(bytes) {
        yield* encoding(bytes, "text line", textLines, unchanged, ENCODERS.textLine);
        yield* encoding(bytes, "line", lines(), encodeText, ENCODERS.line);
        yield* encoding(bytes, "length of four bytes", four, encodeText, ENCODERS.lengthPrefix);
        yield* encoding(bytes, "decimal header", decimal, encodeText, ENCODERS.decimalHeader);
        yield* encoding(bytes, "text, decimal header", text(decimal), unchanged, ENCODERS.textDecimalHeader);
        yield* encoding(bytes, "netstring", netstring(), encodeText, ENCODERS.netstring);
        yield* encoding(bytes, "JSON", json(four), object);
      },
    },
    {
      name: "delimited",
      title: "Decode a delimiter of two bytes",
      rows: decoding(() => delimited("\r\n"), encodeText),
    },
    { name: "fixed", title: "Decode a fixed length", rows: decoding(fixed, encodeText) },
    { name: "tagged", title: "Decode a type byte", rows: decoding((size) => tagged({ A: size }), tag) },
    { name: "json", title: "Decode JSON behind a length of four bytes", rows: decoding(() => json(four), object) },
  ];
}
