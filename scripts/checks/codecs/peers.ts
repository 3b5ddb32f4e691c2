/// <reference types="./peers.d.ts" />

import { Buffer } from "node:buffer";
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { DelimiterStream } from "@std/streams/delimiter-stream";
import { TextLineStream } from "@std/streams/text-line-stream";
import binarySplit from "binary-split";
import frame from "frame-stream";
import { type ByteList, decode } from "it-length-prefixed";
import netstring from "netstring";
import netstringStream from "netstring-stream";
import { Parser } from "pickleparser";
import RedisParser from "redis-parser";
import split2 from "split2";
import { type Contestant, node, web } from "./contestant.ts";
import type { Reply } from "./resp.ts";

const peer = { side: "peer" } as const;

/** Lines as text. */
export const TEXT_LINES: Contestant<string>[] = [
  { ...peer, name: "split2", fed: "node", decode: node(() => split2()) },
  {
    ...peer,
    name: "readline",
    fed: "node",
    async decode(chunks, sink) {
      const input = Readable.from(chunks, { objectMode: false });
      const lines = createInterface({ input, crlfDelay: Infinity }).on("line", sink);
      await Promise.race([once(lines, "close"), once(input, "error").then(([error]) => Promise.reject(error))]);
    },
  },
  {
    ...peer,
    name: "TextLineStream",
    fed: "web",
    decode: web((bytes) =>
      bytes.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
        .pipeThrough(new TextLineStream())
    ),
  },
];

/** Lines as bytes. */
export const LINES: Contestant<Uint8Array>[] = [
  {
    ...peer,
    name: "DelimiterStream",
    fed: "web",
    decode: withoutLastEmpty(web((bytes) => bytes.pipeThrough(new DelimiterStream(Uint8Array.of(0x0a))))),
  },
  { ...peer, name: "binary-split", fed: "node", decode: node(() => binarySplit("\n")) },
];

/** Messages behind a length of four bytes, most significant first. */
export const LENGTH_PREFIX: Contestant<Uint8Array>[] = [
  itLengthPrefixed(4, (bytes) => bytes.getUint32(0)),
  { ...peer, name: "frame-stream", fed: "node", decode: node(() => frame.decode()) },
];

const ascii = new TextDecoder("latin1");

/** Messages behind the decimal header. No package is made for it: it-length-prefixed takes any decoder of lengths. */
export const DECIMAL_HEADER: Contestant<Uint8Array>[] = [
  itLengthPrefixed(10, (bytes) => {
    if (bytes.byteLength < 10) throw new RangeError("The header is incomplete"); // It waits for more then.
    return Number(ascii.decode(bytes.subarray(0, 10)));
  }),
];

/** Messages as netstrings. */
export const NETSTRING: Contestant<Uint8Array>[] = [
  {
    ...peer,
    name: "netstring",
    fed: "node",
    decode(chunks, sink) {
      const source = new EventEmitter();
      new netstring.Stream(source).on("data", sink).on("error", (error) => {
        throw error;
      });
      for (const chunk of chunks) source.emit("data", chunk);
    },
  },
  { ...peer, name: "netstring-stream", fed: "node", decode: node(() => netstringStream.readStream()) },
];

/** Replies of Redis. */
export const RESP: Contestant<Reply>[] = [
  {
    ...peer,
    name: "redis-parser",
    fed: "node", // It takes a Buffer.
    decode(chunks, sink) {
      const fail = (error: Error) => {
        throw error;
      };
      const parser = new RedisParser({
        returnReply: sink,
        returnError: ({ message }) => sink({ error: message }),
        returnFatalError: fail,
      });
      for (const chunk of chunks) parser.execute(chunk);
    },
  },
];

/** Pickles. */
export function parsePickle(bytes: Uint8Array): unknown {
  return new Parser({ unpicklingTypeOfDictionary: "Map" }).parse(bytes);
}

/** The same contestant, for text. */
export function asText({ decode, ...contestant }: Contestant<Uint8Array>): Contestant<string> {
  const text = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
  return { ...contestant, decode: (chunks, sink) => decode(chunks, (bytes) => sink(text(bytes))) };
}

/** Removes an empty message at the end: DelimiterStream gives whatever follows the last delimiter, nothing included. */
function withoutLastEmpty(decode: Contestant<Uint8Array>["decode"]): Contestant<Uint8Array>["decode"] {
  return async (chunks, sink) => {
    let held: Uint8Array | undefined;
    await decode(chunks, (message) => {
      if (held !== undefined) sink(held);
      held = message;
    });
    if (held !== undefined && held.length > 0) sink(held);
  };
}

function itLengthPrefixed(bytes: number, decodeLength: (bytes: ByteList) => number): Contestant<Uint8Array> {
  const options = { lengthDecoder: Object.assign(decodeLength, { bytes }), maxLengthLength: bytes };
  return {
    ...peer,
    name: "it-length-prefixed",
    fed: "calls",
    decode(chunks, sink) {
      for (const message of decode(chunks, options)) sink(message.subarray());
    },
  };
}
