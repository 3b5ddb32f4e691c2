// The fastest straightforward loop for each format, without limits, errors or copies: how fast a decoder could be.

import { Buffer } from "node:buffer";
import { concat } from "@std/bytes/concat";
import type { Contestant } from "./contestant.ts";

const LINE_FEED = 0x0a;
const COLON = 0x3a;
const ZERO = 0x30;

function byHand<Message>(decode: Contestant<Message>["decode"]): Contestant<Message> {
  return { name: "by hand", side: "limit", fed: "calls", decode };
}

/** Lines as text. */
export const TEXT_LINES: Contestant<string> = byHand((chunks, sink) => {
  const decoder = new TextDecoder();
  let rest = "";
  for (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    let end = text.indexOf("\n");
    if (end === -1) {
      rest += text;
      continue;
    }
    sink(rest + text.slice(0, end));
    let start = end + 1;
    while ((end = text.indexOf("\n", start)) !== -1) {
      sink(text.slice(start, end));
      start = end + 1;
    }
    rest = text.slice(start);
  }
});

/** Lines as bytes. */
export const LINES: Contestant<Uint8Array> = byHand((chunks, sink) => {
  let rest: Uint8Array[] = [];
  for (const chunk of chunks) {
    let start = 0;
    for (let end; (end = chunk.indexOf(LINE_FEED, start)) !== -1; start = end + 1) {
      const line = chunk.subarray(start, end);
      if (rest.length === 0) {
        sink(line);
      } else {
        sink(concat([...rest, line]));
        rest = [];
      }
    }
    if (start < chunk.length) rest.push(chunk.subarray(start));
  }
});

/** Messages behind a header of a fixed size. */
function headed(size: number, lengthAt: (bytes: Uint8Array, at: number) => number): Contestant<Uint8Array> {
  return byHand((chunks, sink) => {
    const header = new Uint8Array(size);
    let received = 0;
    let body: Uint8Array | undefined;
    let filled = 0;
    for (const chunk of chunks) {
      let at = 0;
      while (at < chunk.length) {
        if (body === undefined) {
          let length;
          if (received === 0 && chunk.length - at >= size) {
            length = lengthAt(chunk, at);
            at += size;
          } else {
            while (received < size && at < chunk.length) header[received++] = chunk[at++]!;
            if (received < size) break;
            length = lengthAt(header, 0);
            received = 0;
          }
          if (chunk.length - at >= length) {
            sink(chunk.subarray(at, at += length));
            continue;
          }
          body = new Uint8Array(length);
          filled = 0;
        }
        const part = chunk.subarray(at, at + body.length - filled);
        body.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled < body.length) break;
        sink(body);
        body = undefined;
      }
    }
  });
}

/** Messages behind a length of four bytes, most significant first. */
export const LENGTH_PREFIX: Contestant<Uint8Array> = headed(
  4,
  (bytes, at) => ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0,
);

/** Messages behind the decimal header. */
export const DECIMAL_HEADER: Contestant<Uint8Array> = headed(10, (bytes, at) => {
  let length = 0;
  for (const end = at + 10; at < end && bytes[at]! >= ZERO; at++) length = length * 10 + bytes[at]! - ZERO;
  return length;
});

// Several times as fast as TextDecoder for short text.
const { utf8Slice } = Buffer.prototype as unknown as {
  utf8Slice(this: Uint8Array, start: number, end: number): string;
};

/** Text behind the decimal header. */
export const TEXT_DECIMAL_HEADER: Contestant<string> = byHand((chunks, sink) =>
  DECIMAL_HEADER.decode(chunks, (bytes) => sink(utf8Slice.call(bytes, 0, bytes.length)))
);

/** Messages as netstrings. */
export const NETSTRING: Contestant<Uint8Array> = byHand((chunks, sink) => {
  let length = 0;
  let body: Uint8Array | undefined; // With its comma.
  let filled = 0;
  for (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      if (body === undefined) {
        let byte;
        while ((byte = chunk[at++]!) !== COLON && at < chunk.length) length = length * 10 + byte - ZERO;
        if (byte !== COLON) {
          length = length * 10 + byte - ZERO;
          break;
        }
        if (chunk.length - at > length) {
          sink(chunk.subarray(at, at + length));
          at += length + 1;
          length = 0;
          continue;
        }
        body = new Uint8Array(length + 1);
        filled = 0;
        length = 0;
      }
      const part = chunk.subarray(at, at + body.length - filled);
      body.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < body.length) break;
      sink(body.subarray(0, -1));
      body = undefined;
    }
  }
});

const encoder = new TextEncoder();

/** Allocates a message and copies the payload to its place. */
function around(before: number, payload: Uint8Array, after: number): Uint8Array {
  const bytes = new Uint8Array(before + payload.length + after);
  bytes.set(payload, before);
  return bytes;
}

/** Encoders by format. */
export const ENCODERS = {
  textLine: (line: string) => encoder.encode(line + "\n"),
  line(line: Uint8Array) {
    const bytes = around(0, line, 1);
    bytes[line.length] = LINE_FEED;
    return bytes;
  },
  lengthPrefix(payload: Uint8Array) {
    const bytes = around(4, payload, 0);
    bytes[0] = payload.length >>> 24;
    bytes[1] = payload.length >>> 16;
    bytes[2] = payload.length >>> 8;
    bytes[3] = payload.length;
    return bytes;
  },
  decimalHeader(payload: Uint8Array) {
    const bytes = around(10, payload, 0);
    writeDigits(bytes, digitsOf(payload.length), payload.length);
    bytes.fill(0x20, digitsOf(payload.length), 10);
    return bytes;
  },
  textDecimalHeader: (text: string) => encoder.encode(String(text.length).padEnd(10) + text), // Right for ASCII only.
  netstring(payload: Uint8Array) {
    const digits = digitsOf(payload.length);
    const bytes = around(digits + 1, payload, 1);
    writeDigits(bytes, digits, payload.length);
    bytes[digits] = COLON;
    bytes[bytes.length - 1] = 0x2c;
    return bytes;
  },
};

function digitsOf(number: number): number {
  let digits = 1;
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) digits++;
  return digits;
}

function writeDigits(bytes: Uint8Array, end: number, number: number): void {
  for (let rest = number, at = end; at > 0; rest = Math.floor(rest / 10)) bytes[--at] = ZERO + rest % 10;
}
